"""Settings that work and are not safe: what `faxgate doctor` warns of. One check a function, each of the settings, and
of the files that they name; a check that finds nothing wrong says nothing. It reads, and changes nothing.
"""

import ipaddress
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from gateway.networks import is_loopback
from gateway.settings import LOOPBACK, Settings, host_and_port

LEAST_SECRET = 24
"""Characters of a token that somebody chose; ours have 64."""
COMMON = frozenset({"changeme", "secret", "password", "admin", "token", "faxgate", "test", "cluecon"})
"""What secrets are in examples; the last is FreeSWITCH's own."""


@dataclass(frozen=True, slots=True)
class Warned:
    name: str
    """The setting, or what else it is about."""
    text: str
    """What is unsafe, and what to do."""


def warnings(settings: Settings) -> Iterator[Warned]:
    for check in CHECKS:
        yield from check(settings)


def _api_in_the_open(settings: Settings) -> Iterator[Warned]:
    """Tokens and documents go over the network as they are."""
    host, _ = host_and_port(settings.api_listen)
    if not is_loopback(host):
        yield Warned(
            "FAXGATE_API_LISTEN",
            f"the API speaks no TLS and listens on {host}: tokens and documents can be read on the way. Listen on "
            "127.0.0.1, behind a proxy that speaks TLS, or where nobody but such a proxy reaches it",
        )
    if settings.public_url.startswith("http:") and not is_loopback(urlsplit(settings.public_url).hostname or ""):
        yield Warned("FAXGATE_PUBLIC_URL", "mails lead people to the API by http://, where tokens can be read")


def _root(_: Settings) -> Iterator[Warned]:
    if os.geteuid() == 0:
        yield Warned(
            "user", "this is root: a document that takes a worker over owns the machine. Run it as a user of its own"
        )


def _readable_by_all(settings: Settings) -> Iterator[Warned]:
    """Documents are private, and the database holds hashes of tokens and the keys of callbacks."""
    named = [settings.data_dir]
    for url in (settings.documents, settings.database):
        parts = urlsplit(url)
        if parts.scheme in ("file", "sqlite"):
            # sqlite:///faxgate.db is relative, sqlite:////var/faxgate.db is not.
            named.append(Path(parts.path.removeprefix("/") if parts.scheme == "sqlite" else parts.path))
    named.append(Path("faxgate.toml"))
    for path in dict.fromkeys(one.absolute() for one in named):
        if (who := _others(path)) and not _hidden(path):
            yield Warned(str(path), f"{who} can read it: chmod o-rwx {path}")


def _others(path: Path) -> str:
    """Who beside its owner and group may read it."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    return "everybody on this machine" if mode & stat.S_IROTH else ""


def _hidden(path: Path) -> bool:
    """Whether a folder above it lets nobody else through."""
    return any(not parent.stat().st_mode & stat.S_IXOTH for parent in path.parents if parent.exists())


def _short_secrets(settings: Settings) -> Iterator[Warned]:
    token = settings.admin_token.get_secret_value()
    if token and (len(token) < LEAST_SECRET or token.lower() in COMMON):
        yield Warned(
            "FAXGATE_ADMIN_TOKEN",
            f"it has {len(token)} characters and opens everything: leave it unset, or take {LEAST_SECRET} random ones",
        )
    for parts in map(urlsplit, settings.lines):
        known = parts.scheme == "freeswitch" and (parts.password or "").lower() in COMMON
        if known and not is_loopback(parts.hostname or ""):
            yield Warned(
                "FAXGATE_LINES", f"FreeSWITCH at {parts.hostname} has a password that everybody knows, and dials for it"
            )


def _unencrypted(settings: Settings) -> Iterator[Warned]:
    """Passwords and documents that leave this machine in the clear."""
    documents = urlsplit(settings.documents)
    endpoint = dict(parse_qsl(documents.query)).get("endpoint", "") or os.environ.get("AWS_ENDPOINT_URL", "")
    if documents.scheme == "s3" and endpoint.startswith("http:") and _is_away(endpoint):
        yield Warned(
            "FAXGATE_DOCUMENTS_URL", "documents go to the bucket by http://, where they can be read: use https://"
        )
    if settings.sms.startswith("http:") and _is_away(settings.sms):
        yield Warned("FAXGATE_SMS_URL", "short messages and their password go by http://: use https://")
    if settings.sms.startswith("smpp:") and _is_away(settings.sms):
        yield Warned("FAXGATE_SMS_URL", "short messages and their password go unencrypted: use smpps://")
    database = urlsplit(settings.database)
    unsure = dict(parse_qsl(database.query)).get("sslmode", "prefer") in {"disable", "allow", "prefer"}
    if database.scheme.startswith("postgres") and unsure and _is_away(settings.database):
        yield Warned(
            "FAXGATE_DATABASE_URL",
            f"nothing makes sure that {database.hostname} is the database: add sslmode=verify-full",
        )


def _is_away(url: str) -> bool:
    host = urlsplit(url).hostname
    return bool(host) and not is_loopback(host or "")


def _fetches_from_inside(settings: Settings) -> Iterator[Warned]:
    """Whoever may send a fax may name a URL, and gets the page."""
    for network in settings.fetch_allow:
        if network.prefixlen == 0 or any(network.version == one.version and network.overlaps(one) for one in LOOPBACK):
            yield Warned(
                "FAXGATE_FETCH_ALLOW",
                f"{network} holds this machine itself: a tenant can fax what its services tell. Name single hosts",
            )
        elif network.version == METADATA.version and network.overlaps(METADATA):
            yield Warned(
                "FAXGATE_FETCH_ALLOW",
                f"{network} holds {METADATA.network_address}, where clouds keep this machine's credentials",
            )


def _clear_on_disk(settings: Settings) -> Iterator[Warned]:
    """What is encrypted at rest lies there in the clear for minutes, and on a disk its traces stay."""
    if settings.documents_keys.get_secret_value() and not _in_memory(settings.clear_dir.absolute()):
        yield Warned(
            "FAXGATE_DOCUMENTS_CLEAR_DIR",
            f"{settings.clear_dir} is on a disk, where what was deleted can be found: name a folder in memory (tmpfs)",
        )


def _in_memory(path: Path) -> bool:
    if not MOUNTS.exists():
        return False  # not Linux
    mounted = {Path(line.split()[1]): line.split()[2] for line in MOUNTS.read_text().splitlines()}
    holding = next((mounted[parent] for parent in (path, *path.parents) if parent in mounted), "")
    return holding in {"tmpfs", "ramfs"}


def _nobody_is_told(settings: Settings) -> Iterator[Warned]:
    """A relay elsewhere has no mailboxes of this machine, and what comes back of such mail is told to nobody."""
    relay = urlsplit(settings.mail)
    if settings.operator.endswith("@localhost") and relay.scheme in ("smtp", "smtps") and _is_away(settings.mail):
        yield Warned(
            "FAXGATE_OPERATOR",
            f"alerts go to {settings.operator}, which {relay.hostname} cannot deliver: say who reads them",
        )


def _one_peer_takes_all(settings: Settings) -> Iterator[Warned]:
    for kind, listen, per_peer, most in (
        ("SMTP", settings.smtp_listen, settings.smtp_max_connections_per_peer, settings.smtp_max_connections),
        ("API", settings.api_listen, settings.api_max_connections_per_peer, settings.api_max_connections),
    ):
        if per_peer >= most and not is_loopback(host_and_port(listen)[0]):
            yield Warned(
                f"FAXGATE_{kind}_MAX_CONNECTIONS_PER_PEER",
                "one peer can take all connections: make it less than all of them",
            )


MOUNTS = Path("/proc/self/mounts")
METADATA = ipaddress.IPv4Network("169.254.169.254/32")
CHECKS: tuple[Callable[[Settings], Iterator[Warned]], ...] = (
    _root,
    _api_in_the_open,
    _one_peer_takes_all,
    _readable_by_all,
    _short_secrets,
    _unencrypted,
    _clear_on_disk,
    _fetches_from_inside,
    _nobody_is_told,
)
