#!/bin/sh
# The command `faxgate` in its container. A secret is a file there: NAME_FILE says where the value of NAME is, so that
# no password stands in compose.yaml, in the image or in what `docker inspect` shows.
set -eu

fail() {
  echo "faxgate: $*" >&2
  exit 1
}

for name in PGPASSWORD FAXGATE_ADMIN_TOKEN FAXGATE_DOCUMENTS_KEYS FAXGATE_MAIL_URL FAXGATE_SMS_HEADER FAXGATE_SMS_URL; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  [ -r "$file" ] || fail "${name}_FILE: $file cannot be read; sh deploy/secrets.sh makes it"
  value=$(cat "$file")
  [ -n "$value" ] || fail "${name}_FILE: $file is empty"
  export "$name=$value"
  unset "${name}_FILE"
done

exec "${FAXGATE_COMMAND:-/opt/faxgate/bin/faxgate}" "$@"
