"""What `faxgate doctor` finds at the SMTP door: its certificate, who can log in, who is trusted without a reason."""

import stat
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from gateway.building import hostname_of
from gateway.errors import FaxgateError
from gateway.finding import Finding
from gateway.networks import Network, hold
from gateway.settings import Settings, host_and_port
from gateway.smtplog import SmtplogEntry
from gateway.store import credentials, smtplog
from gateway.store.engine import Store
from smtp.tls import BadCertificateError, context

SOON = timedelta(days=14)
ENTRIES = 1000
"""Entries of the smtplog that are looked at, the latest."""
NAMES = 5
"""By so many names no relay introduces itself."""

CERTIFICATE, TRUST = "FAXGATE_SMTP_TLS_CERT", "trusted networks"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    if settings.smtp_tls_cert is None:
        for finding in _without_tls(settings):
            yield finding
    else:
        key = settings.smtp_tls_key or settings.smtp_tls_cert
        for finding in of_files(settings.smtp_tls_cert, key, hostname_of(settings), datetime.now(UTC)):
            yield finding
    for finding in _trust(settings):
        yield finding
    try:
        store = await Store.open(settings.database)
    except FaxgateError:
        return  # a finding of its own
    try:
        async with store.read() as connection:
            names = await credentials.count(connection)
            entries = await smtplog.latest(connection, ENTRIES)
    finally:
        await store.close()
    if names and settings.smtp_tls_cert is None:
        text = f"{names}, and nobody can log in without TLS: set {CERTIFICATE}"
        yield Finding("credentials", ok=False, text=text)
    for finding in hidden_peers(entries, settings.trusted):
        yield finding


def of_files(certificate: Path, key: Path, hostname: str, now: datetime) -> Iterator[Finding]:
    try:
        context(certificate, key)
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (BadCertificateError, OSError, ValueError) as error:
        yield Finding(CERTIFICATE, ok=False, text=str(error))
        return
    trouble = [*_times(found, now), *_names(found, hostname)]
    yield Finding(
        CERTIFICATE,
        ok=not trouble,
        text=f"{certificate}: {'; '.join(trouble) or f'good until {found.not_valid_after_utc:%Y-%m-%d}'}",
    )
    if key.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        text = f"{key} can be read or written by every user of this host: chmod o-rw {key}"
        yield Finding("FAXGATE_SMTP_TLS_KEY", ok=False, text=text)


def _times(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        yield f"not valid before {begins:%Y-%m-%d}"
    if now >= ends:
        yield f"expired on {ends:%Y-%m-%d}"
    elif now >= ends - SOON:
        yield f"expires on {ends:%Y-%m-%d}: renew it"


def _names(certificate: x509.Certificate, hostname: str) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        yield "it names no host (subjectAltName)"
        return
    domains = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    wild = f"*.{hostname.partition('.')[2]}"
    if not {hostname.lower(), wild.lower()} & {*domains, *addresses}:
        yield f"it is for {', '.join(domains + addresses)}, not for {hostname} (FAXGATE_SMTP_HOSTNAME)"


def _without_tls(settings: Settings) -> Iterator[Finding]:
    for variable, address in (
        ("FAXGATE_SMTP_LISTEN", settings.smtp_listen),
        ("FAXGATE_LMTP_LISTEN", settings.lmtp_listen),
    ):
        if address and not _on_loopback(address):
            text = f"no TLS, and {variable} is {address}: what is mailed can be read on the way, and nobody can log in"
            yield Finding(CERTIFICATE, ok=False, text=text)


def _trust(settings: Settings) -> Iterator[Finding]:
    for network in settings.trusted:
        if network.num_addresses > 2**24:
            text = f"{network} lets nearly everybody send in anybody's name: name your own relays only"
            yield Finding(TRUST, ok=False, text=text)
    if not settings.trusted:
        yield Finding(TRUST, ok=True, text="none: senders log in, or prove their domain (FAXGATE_TRUSTED_NETWORKS)")
    unasked = settings.trusted and settings.trusted_networks is None and not settings.proxy_protocol_from
    inside = not settings.smtps_listen or _on_loopback(settings.smtps_listen)
    if unasked and inside and settings.smtp_tls_cert is not None:
        yield Finding(
            TRUST,
            ok=False,
            text="SMTP listens on loopback alone, and has a certificate. If a proxy passes connections on to it, "
            "everybody is trusted: have it speak the PROXY protocol (FAXGATE_PROXY_PROTOCOL_FROM). If none does, "
            "say whom you trust: FAXGATE_TRUSTED_NETWORKS=127.0.0.0/8",
        )


def hidden_peers(entries: Iterable[SmtplogEntry], trusted: Iterable[Network]) -> Iterator[Finding]:
    """Trusted peers that introduce themselves by many names: proxies, behind which everybody is trusted."""
    networks, names = tuple(trusted), defaultdict[str, set[str]](set)
    for entry in entries:
        host = entry.peer.rpartition(":")[0].strip("[]")
        if hold(networks, host):
            names[host].add(entry.helo.lower())
    for host, called in names.items():
        if len(called) >= NAMES:
            yield Finding(
                TRUST,
                ok=False,
                text=f"{host} is trusted, and clients with {len(called)} names came from there lately "
                f"({', '.join(sorted(called)[:3])}, ...). If it is a proxy, everybody behind it is trusted: have it "
                "speak the PROXY protocol (FAXGATE_PROXY_PROTOCOL_FROM)",
            )


def _on_loopback(address: str) -> bool:
    host, _ = host_and_port(address)
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
