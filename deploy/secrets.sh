#!/bin/sh
# Makes the secrets that compose.yaml hands to the containers, each in a file of its own. What is there already stays.
set -eu
umask 022
folder="${SECRETS_DIR:-$(dirname "$0")/secrets}"

# The containers' user must be able to read the files, nobody else on this host may get at them: the folder keeps them.
mkdir -p "$folder"
chmod 700 "$folder"

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

[ -s "$folder/event_socket" ] || random >"$folder/event_socket" # commands FreeSWITCH
[ -s "$folder/postgres" ] || random >"$folder/postgres"         # opens the database
# The trunk's password. It stays empty where the trunk knows us by our address.
[ -e "$folder/sip_trunk" ] || : >"$folder/sip_trunk"
# How our mails leave, smtp://user:password@relay:587; until that is written here they land in a folder.
[ -s "$folder/mail_url" ] || echo maildir:/var/lib/faxgate/mail >"$folder/mail_url"
# The keys with which documents are encrypted, as `faxgate key` makes them. It stays empty where they are not.
[ -e "$folder/documents_keys" ] || : >"$folder/documents_keys"
find "$folder" -maxdepth 1 -type f -exec chmod 644 {} +
# For the certificate of the SMTP listener and its key. A folder, so that renewed files are seen in the container.
mkdir -p "$folder/tls"
chmod 755 "$folder/tls"

echo "The secrets are in $folder."
