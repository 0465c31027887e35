#!/bin/sh
# Starts FreeSWITCH as a fax line: writes the part of its configuration that depends on where it runs, and refuses to
# start with half of one. There is no default password, trunk or caller. docs/freeswitch.md lists the variables.
set -eu
umask 077
export LC_ALL=C # a letter is ASCII

run="${FREESWITCH_RUN:-/run/freeswitch}"
secrets="${SECRETS_DIR:-/run/secrets}"
spool="${FAX_SPOOL:-/spool}"

fail() {
  echo "freeswitch: $*" >&2
  exit 1
}

# For an attribute. The dollar too: FreeSWITCH expands $${...} before it reads XML.
escaped() {
  printf '%s' "$1" |
    sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g' -e "s/'/\&apos;/g" -e 's/\$/\&#36;/g'
}

# A network as FreeSWITCH wants it, with its length.
network() {
  case "$1" in
    "" | *[!0-9a-fA-F.:/]*) fail "$2: $1 is no network; one is written like 192.0.2.0/24 or 192.0.2.7" ;;
    */*) echo "$1" ;;
    *:*) echo "$1/128" ;;
    *) echo "$1/32" ;;
  esac
}

# allowed NAME VARIABLE NETWORKS: a list that admits these networks and nobody else
allowed() {
  echo "  <list name=\"$1\" default=\"deny\">"
  for one in $3; do
    cidr=$(network "$one" "$2")
    echo "    <node type=\"allow\" cidr=\"$cidr\"/>"
  done
  echo "  </list>"
}

# --- what is asked for, and whether it can be had ---------------------------------------------------------------------

[ -r "$secrets/event_socket" ] || fail "the secret event_socket is missing; sh deploy/secrets.sh makes it"
password=$(cat "$secrets/event_socket")
case "$password" in
  "") fail "the secret event_socket is empty; sh deploy/secrets.sh makes one" ;;
  *[!A-Za-z0-9._-]*) fail "the secret event_socket: letters, digits and ._- only" ;;
esac
[ "${#password}" -ge 16 ] || fail "the secret event_socket is too short: who guesses it commands this FreeSWITCH"

listen="${EVENT_SOCKET_LISTEN:-127.0.0.1}"
case "$listen" in *[!0-9.]*) fail "EVENT_SOCKET_LISTEN is an IPv4 address, not $listen" ;; esac

proxy="${SIP_TRUNK_PROXY:-}"
networks="${SIP_TRUNK_NETWORKS:-}"
username="${SIP_TRUNK_USERNAME:-}"
transport="${SIP_TRUNK_TRANSPORT:-udp}"
from="${SIP_CALLER_ID_IN_FROM:-true}"
external="${SIP_EXTERNAL_IP:-}"
trunk_password=""
[ ! -r "$secrets/sip_trunk" ] || trunk_password=$(cat "$secrets/sip_trunk")
case "$proxy" in
  "") fail "SIP_TRUNK_PROXY is missing: the trunk's host or host:port (or none, for a FreeSWITCH without a trunk)" ;;
  none) [ -z "$networks$username" ] || fail "SIP_TRUNK_PROXY is none, so there are no other settings of a trunk" ;;
  *[!A-Za-z0-9.:-]*) fail "SIP_TRUNK_PROXY is host or host:port, not $proxy" ;;
  *) [ -n "$networks" ] || fail "SIP_TRUNK_NETWORKS is missing: the networks that the trunk calls us from" ;;
esac
case "$username$trunk_password" in
  *[![:print:]]*) fail "SIP_TRUNK_USERNAME and the secret sip_trunk are each one line of ASCII" ;;
esac
if [ -n "$username" ] && [ -z "$trunk_password" ]; then
  fail "SIP_TRUNK_USERNAME is set, and the secret sip_trunk, its password, is empty or missing"
fi
if [ -z "$username" ] && [ -n "$trunk_password" ]; then
  fail "SIP_TRUNK_USERNAME is missing: there is a password for it, in the secret sip_trunk"
fi
case "$transport" in udp | tcp) ;; *) fail "SIP_TRUNK_TRANSPORT is udp or tcp, not $transport" ;; esac
case "$from" in true | false) ;; *) fail "SIP_CALLER_ID_IN_FROM is true or false, not $from" ;; esac
case "$external" in *[!0-9.]*) fail "SIP_EXTERNAL_IP is an IPv4 address, not $external" ;; esac

case "${FAX_T38:=on}" in
  on) t38=true t38_request=true ;;
  off) t38=true t38_request=false ;;
  never) t38=false t38_request=false ;;
  *) fail "FAX_T38 is on, off or never, not $FAX_T38" ;;
esac
rtp_start="${RTP_START:-16384}" rtp_end="${RTP_END:-16447}"
case "$rtp_start$rtp_end" in *[!0-9]*) fail "RTP_START and RTP_END are ports" ;; esac
log="${FREESWITCH_LOG:-notice}"
case "$log" in
  debug | info | notice | warning | err) ;;
  *) fail "FREESWITCH_LOG is debug, info, notice, warning or err, not $log" ;;
esac

case "$spool" in
  *[!A-Za-z0-9_./-]*) fail "FAX_SPOOL: letters, digits and _./- only, FreeSWITCH reads paths as words" ;;
  /*) ;;
  *) fail "FAX_SPOOL is an absolute path, not $spool" ;;
esac
for folder in tx rx cdr; do
  [ -d "$spool/$folder" ] || (umask 007 && mkdir -p "$spool/$folder") 2>/dev/null || :
  [ -w "$spool/$folder" ] || fail "FAX_SPOOL: $spool/$folder cannot be written by uid $(id -u)"
done

# --- written down -----------------------------------------------------------------------------------------------------

generated="$run/generated"
mkdir -p "$generated" "$run/log" "$run/db" "$run/cache" "$run/storage" "$run/recordings" "$run/certs"
rm -f "$generated"/*.xml

cat >"$generated/vars.xml" <<END
<include>
  <X-PRE-PROCESS cmd="set" data="faxgate_spool=$spool"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_t38=$t38"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_t38_request=$t38_request"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_external_ip=${external:-\$\${local_ip_v4\}}"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_rtp_start=$rtp_start"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_rtp_end=$rtp_end"/>
  <X-PRE-PROCESS cmd="set" data="faxgate_log=$log"/>
</include>
END

{
  echo "<include>"
  allowed event_socket EVENT_SOCKET_ALLOW "$listen ${EVENT_SOCKET_ALLOW:-}"
  allowed trunk SIP_TRUNK_NETWORKS "$networks"
  echo "</include>"
} >"$generated/acl.xml"

cat >"$generated/event_socket.xml" <<END
<include>
  <param name="listen-ip" value="$listen"/>
  <param name="listen-port" value="8021"/>
  <param name="password" value="$password"/>
</include>
END

if [ "$proxy" = none ]; then
  echo "<include></include>" >"$generated/trunk.xml"
else
  register=false
  [ -z "$username" ] || register=true
  cat >"$generated/trunk.xml" <<END
<include>
  <gateway name="trunk">
    <param name="proxy" value="$proxy"/>
    <param name="register" value="$register"/>
    <param name="username" value="$(escaped "$username")"/>
    <param name="password" value="$(escaped "$trunk_password")"/>
    <param name="register-transport" value="$transport"/>
    <param name="caller-id-in-from" value="$from"/>
    <param name="context" value="faxgate-inbound"/>
    <!-- Where the trunk calls the contact we have registered, the number called is the To header's. -->
    <param name="extension" value="auto"/>
  </gateway>
</include>
END
fi

# For fs_cli: the health check, the stop below, and whoever looks in with `docker compose exec freeswitch fs_cli`.
export HOME="$run"
cat >"$run/.fs_cli_conf" <<END
[default]
host => $listen
port => 8021
password => $password
END

# --- run --------------------------------------------------------------------------------------------------------------

# The console waits for input that never comes; at its end, as on /dev/null, it would spin.
rm -f "$run/console"
mkfifo "$run/console"

set +e # under -e a signal within a trap ends dash
freeswitch=""

# The first signal takes no new calls and lets the running ones end; the second one ends them.
drain() {
  signalled=true
  freeswitch="${freeswitch:-${!:-}}"
  [ -n "$freeswitch" ] || exit 143
  trap 'signalled=true; kill -TERM "$freeswitch"' TERM INT
  echo "freeswitch: stopping: waiting for the running calls; a second signal ends them" >&2
  { fs_cli -x 'fsctl shutdown elegant' >/dev/null 2>&1 || kill -TERM "$freeswitch"; } &
}
trap drain TERM INT

# Of conf, log and db all are named, or none. -np: no priority that a container may not have; -nonat: ask no router.
umask 007
freeswitch -c -np -nonat -conf "${FREESWITCH_CONF:-/etc/freeswitch}" -log "$run/log" -db "$run/db" -run "$run" \
  -temp "$run" -cache "$run/cache" -storage "$run/storage" -recordings "$run/recordings" -certs "$run/certs" \
  <>"$run/console" &
freeswitch="${freeswitch:-$!}"

# A signal to us ends a wait before FreeSWITCH has ended.
while :; do
  signalled=false status=0
  wait "$freeswitch" || status=$?
  [ "$signalled" = true ] && [ "$status" -gt 128 ] || break
done
exit "$status"
