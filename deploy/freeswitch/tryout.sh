#!/bin/sh
# Sends one fax from a faxbox to itself, and waits until it has come back as a mail. compose.yaml mounts it into the
# gateway of the try-out: docker compose --profile tryout exec tryout sh /tryout.sh
set -eu
mails="${FAXGATE_DATA_DIR:-/var/lib/faxgate}/mail/new"

accounts=$(faxgate account list)
if [ "${accounts#*'"Tryout"'}" = "$accounts" ]; then
  faxgate account add Tryout --domain fax.example.com >/dev/null
  faxgate faxbox add Tryout Front --number +12025550101 --number +12025550102 --deliver-to you@example.com >/dev/null
fi
box=$(faxgate faxbox list Tryout | sed -n 's/^ *"id": "\(.*\)",$/\1/p' | head -n 1)

letter=$(mktemp --suffix=.txt)
trap 'rm -f "$letter"' EXIT
printf 'A fax from +12025550101 to +12025550102.\n\nIt was sent on %s.\n' "$(date)" >"$letter"
fax=$(faxgate send "$letter" --to +12025550102 --faxbox "$box" | sed -n 's/^ *"id": "\(.*\)",\{0,1\}$/\1/p' | head -n 1)
echo "Fax $fax is on its way: a page takes half a minute."

waited=0
while [ "$waited" -lt 180 ]; do
  mail=$(find "$mails" -newer "$letter" -exec grep -ls '^Delivered-To: you@example.com' {} + 2>/dev/null | head -n 1)
  if [ -n "$mail" ]; then
    echo "It has come back, as the mail $mail:"
    sed -n -e '/^$/q' -e '/^\(From\|To\|Subject\):/p' "$mail"
    exit 0
  fi
  sleep 2
  waited=$((waited + 2))
done
echo "It has not come back in three minutes. This is its story:" >&2
faxgate explain "$fax" >&2
exit 1
