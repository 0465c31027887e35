"""The clinic that all mail to: its faxboxes, the DNS of those who mail, and the mails that they sign."""

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import trustme

from gateway.accounts import NAMED_RECIPIENTS, TRUST_ENVELOPE, Account, Faxbox, Scanner
from gateway.resolver import Resolver
from smtp.logins import Logins
from smtp.policy import Limits, Relay
from smtp.proving import Workers
from smtp.tls import Certificate
from tests.nameserver import Does, NameServer, serving
from tests.smtp.conftest import WHEN, Door, running
from tests.smtp.mails import octets, with_pdf
from tests.smtp.signing import Key, ed25519_key, rsa_key, short_key, signed

NUMBER = "+12025550101@fax.clinic.example"
STRANGER, SERVER, ANYBODY = "127.0.0.66", "127.0.0.5", "127.0.0.6"
"""An address that no SPF record names, that of example.com's server, and one of a record that lets all pass."""
TRUSTED, OF_ACCOUNT, OF_BOX, RELAY, BOTH = "127.0.9.1", "127.0.1.1", "127.0.2.1", "127.0.8.1", "127.0.8.2"
RELAY_OF_ACCOUNT, RELAY_OF_BOX, RELAY_AS_SCANNER = "127.0.1.9", "127.0.2.9", "127.0.3.9"
"""Listed relays that an account, a faxbox, a scanner names too."""
SCANNER, SECURE_SCANNER = "127.0.3.1", "127.0.3.2"
RELAYS = (RELAY, BOTH, RELAY_OF_ACCOUNT, RELAY_OF_BOX, RELAY_AS_SCANNER)
SCAN = "scan@office.example"
GOOD, SHORTER, CURVE = rsa_key(2048), rsa_key(1024), ed25519_key()
DAY = 86400

CLINIC = Account(
    id="clinic",
    name="Clinic",
    created_at=WHEN,
    domains=("fax.clinic.example",),
    signing_domains=("tenant.onmicrosoft.com",),
    trusted_networks=("127.0.1.0/24",),
)
DESK = Faxbox(
    id="desk",
    account_id="clinic",
    name="Desk",
    created_at=WHEN,
    permits=(
        "@example.com",
        "@ward.example.com",
        "@ward.mail.onmicrosoft.com",
        "@strict.example",
        "@example.co.uk",
        "@bücher.example",
        "@down.example",
        "@policyless.example",
        r"(tickets|agent-\d+)@desk\.example",
        *(f"@{word}.example" for word in ("softfail", "neutral", "permerror", "nospf", "provider-s")),
    ),
    mail_options=("cost_code",),
    scanners=(
        Scanner(network=SCANNER, sender=SCAN, plaintext=True, max_pages=2, receipts_to="nurse@example.com"),
        Scanner(network=SECURE_SCANNER, sender=SCAN),
        Scanner(network=RELAY_AS_SCANNER, sender=SCAN, plaintext=True),
    ),
)
LAB = Faxbox(
    id="lab",
    account_id="clinic",
    name="Lab",
    created_at=WHEN.replace(year=WHEN.year + 1),
    permits=("carol@example.org",),
    trusted_networks=("127.0.2.0/24",),
)
EASY = Account(id="easy", name="Easy", created_at=WHEN, domains=("fax.easy.example",), sender_policy=TRUST_ENVELOPE)
EASY_BOX = Faxbox(id="easy-box", account_id="easy", name="Easy", created_at=WHEN, permits=("@example.com",))
CLOSED = Account(id="closed", name="Closed", created_at=WHEN, domains=("fax.closed.example",))
CLOSED_BOX = Faxbox(id="closed-box", account_id="closed", name="Closed", created_at=WHEN)
CAREFUL = Account(
    id="careful",
    name="Careful",
    created_at=WHEN,
    domains=("fax.careful.example", "fax2.careful.example"),
    signing_domains=("tenant.onmicrosoft.com",),
    signature_policy=NAMED_RECIPIENTS,
)
CAREFUL_BOX = Faxbox(
    id="careful-box",
    account_id="careful",
    name="Careful",
    created_at=WHEN,
    permits=("@example.com", "@down.example"),
)
CAREFUL_NUMBER = "+12025550101@fax.careful.example"
SERVED = {
    "fax.clinic.example": (CLINIC, [DESK, LAB]),
    "fax.easy.example": (EASY, [EASY_BOX]),
    "fax.closed.example": (CLOSED, [CLOSED_BOX]),
    "fax.careful.example": (CAREFUL, [CAREFUL_BOX]),
    "fax2.careful.example": (CAREFUL, [CAREFUL_BOX]),
}


def publish(zone: NameServer) -> None:
    """The DNS of all senders."""
    for name, record in {
        "example.com": "v=spf1 ip4:127.0.0.5 -all",
        "bounce.example.com": "v=spf1 ip4:127.0.0.5 -all",
        "strict.example": "v=spf1 ip4:127.0.0.5 -all",
        "bounce.strict.example": "v=spf1 ip4:127.0.0.5 -all",
        "softfail.example": "v=spf1 ip4:127.0.0.5 ~all",
        "neutral.example": "v=spf1 ?all",
        "permerror.example": "v=spf1 include:nobody.example -all",
        "provider-s.example": "v=spf1 include:provider.example -all",
        "provider.example": "v=spf1 exists:%{i}.ok.provider.example -all",
        "evil.example": "v=spf1 +all",
        "list.example": "v=spf1 +all",
        "forwarder.example": "v=spf1 +all",
        "desk.example": "v=spf1 ip4:127.0.0.5 -all",
        "xn--bcher-kva.example": "v=spf1 ip4:127.0.0.5 -all",
        "_dmarc.example.com": "v=DMARC1; p=none",
        "_dmarc.strict.example": "v=DMARC1; p=reject; adkim=s; aspf=s",
    }.items():
        zone.add(name, "TXT", record)
    zone.add("127.0.0.6.ok.provider.example", "A", "127.0.0.2")
    for domain in (
        *("evil-example.com", "rival.mail.onmicrosoft.com"),
        *("example.com", "mail.example.com", "strict.example", "mail.strict.example", "evil.example", "co.uk"),
        *("mail.example.co.uk", "other.co.uk", "tenant.onmicrosoft.com", "rival.onmicrosoft.com", "policyless.example"),
        *(
            "a.tenant.onmicrosoft.com",
            "xn--bcher-kva.example",
            "desk.example",
            "list.example",
            "mail.policyless.example",
        ),
    ):
        zone.add(f"s._domainkey.{domain}", "TXT", GOOD.record)
    for selector, key in {"shorter": SHORTER, "curve": CURVE, "short": short_key(), "other": rsa_key(1024)}.items():
        zone.add(f"{selector}._domainkey.example.com", "TXT", key.record)
    zone.add("alias._domainkey.example.com", "CNAME", "s._domainkey.example.com.")
    zone.add("gone._domainkey.example.com", "TXT", "v=DKIM1; p=")
    zone.add("test._domainkey.example.com", "TXT", f"{GOOD.record}; t=y")
    zone.let("broken._domainkey.example.com", Does.SERVFAIL)
    zone.let("silent._domainkey.example.com", Does.NOTHING)
    zone.let("broken._domainkey.evil.example", Does.SERVFAIL)
    zone.let("down.example", Does.SERVFAIL)
    zone.let("down-too.example", Does.SERVFAIL)
    zone.let("_dmarc.policyless.example", Does.SERVFAIL)


@asynccontextmanager
async def at(
    peer: str,
    folder: Path,
    *,
    tls: bool = False,
    logins: Logins | None = None,
    workers: Workers | None = None,
) -> AsyncIterator[tuple[Door, NameServer]]:
    certificate = Certificate(PEM.write(folder)) if tls else None
    async with serving() as zone:
        publish(zone)
        async with running(
            folder / "spool",
            Limits(),
            trusted="127.0.9.0/24 127.0.8.2",
            served=SERVED,
            relays=tuple(Relay(ip_network(one), "mx.clinic.example") for one in RELAYS),
            dns=Resolver(zone.resolvers, try_seconds=0.1, seconds=0.25),
            certificate=certificate,
            logins=logins,
            workers=workers,
        ) as door:
            yield door, zone


class PEM:
    authority = trustme.CA()

    @classmethod
    def write(cls, folder: Path) -> Path:
        path = folder / "listener.pem"
        cls.authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    @classmethod
    def trusting(cls) -> ssl.SSLContext:
        context = ssl.create_default_context()
        cls.authority.configure_trust(context)
        return context


def mail(author: str | None = "Alice <alice@example.com>", *more: str, pages: int = 1) -> bytes:
    """A mail with a PDF; further fields stand on top."""
    message = with_pdf(pages)
    del message["From"]
    fields = [*more] if author is None else [*more, f"From: {author}"]
    return "".join(f"{field}\r\n" for field in fields).encode() + octets(message)


def addressed(*fields: str) -> bytes:
    """A mail of Alice's with these fields in place of its To."""
    message = with_pdf(1)
    del message["To"]
    return "".join(f"{field}\r\n" for field in fields).encode() + octets(message)


def dkim(content: bytes | None = None, domain: str = "example.com", key: Key = GOOD, **how: object) -> bytes:
    return signed(mail() if content is None else content, key, domain, **how)  # type: ignore[arg-type]


def results(said: str, server: str = "mx.clinic.example") -> str:
    return f"Authentication-Results: {server}; {said}"


def many(content: bytes, count: int) -> bytes:
    """The mail below as many signatures, each of its own selector, that are nobody's."""
    tags = f"v=1; a=rsa-sha256; d=example.com; h=from; bh=eA==; b=eA==; t={int(time.time())}"
    return "".join(f"DKIM-Signature: {tags}; s=x{number}\r\n" for number in range(count)).encode() + content
