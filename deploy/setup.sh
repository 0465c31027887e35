#!/bin/sh
# Sets up a development machine: the virtual environment with the locked packages, and the system libraries that no
# Python package carries. Called by make.
set -eu

PYTHON="${PYTHON:-python3}"
VENV="${VENV:-.venv}"

fail() {
  echo "$*" >&2
  exit 1
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"

if [ ! -x "$VENV/bin/python" ]; then
  "$PYTHON" -m venv "$VENV" || fail "$PYTHON cannot make a virtual environment: install its venv module (Debian: python3-venv)."
fi
echo "Installing the locked packages into $VENV"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

# The fax machine (libspandsp), the text layout (Pango) and curl: present already, installed, or named.
missing() {
  "$VENV/bin/faxgate" doctor --missing-packages || true
  command -v curl >/dev/null 2>&1 || echo curl  # the tests run the curls of the API's document
}
missing=$(missing | tr '\n' ' ' | sed 's/ *$//')
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="no"; fi
fi
if [ "$as_root" != "no" ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing system packages: $missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  $as_root apt-get install -y -qq $missing >/dev/null 2>&1 ||
    { $as_root apt-get update -qq >/dev/null 2>&1 && $as_root apt-get install -y -qq $missing >/dev/null; } ||
    echo "The system packages could not be installed."
fi
missing=$(missing | tr '\n' ' ' | sed 's/ *$//')
[ -z "$missing" ] || echo "Please install with your system's package manager: $missing" >&2
