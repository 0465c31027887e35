"""What `faxgate doctor` finds at the SMTP door: its certificate, and who can log in."""

import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.building import hostname_of
from gateway.errors import FaxgateError
from gateway.finding import Finding
from gateway.networks import is_loopback
from gateway.settings import Settings, host_and_port
from gateway.store import credentials
from gateway.store.engine import Store
from smtp.tls import BadCertificateError, context

SOON = timedelta(days=14)

CERTIFICATE = "FAXGATE_SMTP_TLS_CERT"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    if settings.smtp_tls_cert is None:
        for finding in _without_tls(settings):
            yield finding
    else:
        key = settings.smtp_tls_key or settings.smtp_tls_cert
        for finding in of_files(settings.smtp_tls_cert, key, hostname_of(settings), datetime.now(UTC)):
            yield finding
    try:
        store = await Store.open(settings.database)
    except FaxgateError:
        return  # a finding of its own
    try:
        async with store.read() as connection:
            names = await credentials.count(connection)
    finally:
        await store.close()
    if names and settings.smtp_tls_cert is None:
        text = f"{names}, and nobody can log in without TLS: set {CERTIFICATE}"
        yield Finding("credentials", ok=False, text=text)


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
        yield Finding("FAXGATE_SMTP_TLS_KEY", ok=True, text=text, safe=False)


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
        if address and not is_loopback(host_and_port(address)[0]):
            text = f"no TLS, and {variable} is {address}: what is mailed can be read on the way, and nobody can log in"
            yield Finding(CERTIFICATE, ok=True, text=text, safe=False)
