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
chmod 644 "$folder"/*

echo "The secrets are in $folder."
