"""Who may send: sessions of every kind, what is decided, for which reason, and what the client hears.

Each row is a session over a real socket, from an address of loopback of its own; the DNS is a real name server, the
signatures are made with real keys.
"""
# ruff: noqa: E501  # a table

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import pytest

from gateway.accounts import Credential
from gateway.credentials import Known
from gateway.sandbox import Sandbox
from smtp.logins import Logins
from smtp.workers import SandboxedWorkers
from tests.smtp.clinic import (
    ANYBODY,
    BOTH,
    CAREFUL_NUMBER,
    CURVE,
    DAY,
    NUMBER,
    OF_ACCOUNT,
    OF_BOX,
    PEM,
    RELAY,
    RELAY_AS_SCANNER,
    RELAY_OF_ACCOUNT,
    RELAY_OF_BOX,
    SCAN,
    SCANNER,
    SECURE_SCANNER,
    SERVER,
    SHORTER,
    STRANGER,
    TRUSTED,
    addressed,
    at,
    dkim,
    mail,
    many,
    results,
)
from tests.smtp.conftest import WHEN, Door
from tests.smtp.signing import short_key


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    peer: str = STRANGER
    tls: bool = False
    login: Credential | None = None
    sender: str = "alice@example.com"
    to: str = NUMBER
    mail: Callable[[], bytes] | bytes = mail
    rcpt: str = "250"
    """How the reply to RCPT begins."""
    reply: str = "250"
    """How the reply to the mail begins, where it comes to that."""
    why: str
    """A part of the reason in the smtplog."""
    told: str = ""
    """Who is told of the fax."""
    box: str = "desk"

    @property
    def secured(self) -> bool:
        """Nobody logs in without TLS."""
        return self.tls or self.login is not None


PASSWORD = "correct horse battery"
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Quick to compare."""


class OneLogin:
    """The only credential that there is."""

    def __init__(self, credential: Credential) -> None:
        self._known = Known(credential=credential, hash=HASH, peers=())

    async def known(self, name: str) -> Known | None:
        return self._known if name == self._known.credential.name else None

    async def logged_in(self, known: Known, peer: str) -> None: ...


NO = "550 5.7.1"
LATER = "451 4.4.3"


def login(name: str = "front-desk", account: str = "clinic", box: str | None = "desk") -> Credential:
    return Credential(id="c", account_id=account, faxbox_id=box, name=name, created_at=WHEN)


def careful(**how: Any) -> Row:
    """A session with the account that takes signatures for the numbers that they name."""
    return Row(**{"to": CAREFUL_NUMBER, "sender": "x@forwarder.example", "box": "careful-box", **how})


UNNAMED = "DKIM of example.com, aligned with From alice@example.com, whose signed To and Cc do not name +12025550101"
ALICE = "alice@example.com"
TABLE = [
    # Logged in
    Row(name="login", login=login(), told=ALICE, why="logged in as front-desk"),
    Row(name="login, any sender", login=login(), sender="x@elsewhere.example", why="logged in as front-desk"),
    Row(
        name="login that is an address",
        login=login("nurse@clinic.example"),
        sender="x@elsewhere.example",
        told="nurse@clinic.example",
        why="logged in as nurse@clinic.example",
    ),
    Row(name="login of another account", login=login(account="easy", box=None), reply=NO, why="SPF of example.com: fail"),
    Row(name="login of the account", login=login(box=None), told=ALICE, why="logged in"),
    Row(name="login of another box", login=login(box="lab"), box="lab", why="logged in", told=""),
    Row(name="login of a box that is gone", login=login(box="gone"), reply=NO, why="no DKIM signature"),
    Row(
        name="login of the account, no box permits",
        login=login(box=None),
        sender="x@elsewhere.example",
        rcpt=NO,
        why="logged in as front-desk, but no faxbox permits the sender",
    ),
    Row(name="login, null sender", login=login(), sender="", rcpt=NO, why="null sender"),
    # Scanners
    Row(
        name="scanner",
        peer=SCANNER,
        sender=SCAN,
        mail=lambda: mail(f"Scanner <{SCAN}>"),
        told="nurse@example.com",
        why="scanner at 127.0.3.1, without TLS",
    ),
    Row(name="scanner in capitals", peer=SCANNER, sender=SCAN.upper(), mail=lambda: mail(SCAN.upper()), why="scanner",
        told="nurse@example.com"),
    Row(name="scanner that writes no From", peer=SCANNER, sender=SCAN, mail=lambda: mail(None), why="scanner",
        told="nurse@example.com"),
    Row(
        name="scanner with another From",
        peer=SCANNER,
        sender=SCAN,
        mail=mail,
        reply=f"{NO} The header From of this mail is not the address that the scanner is registered with",
        why="none: the scanner's mail is From alice@example.com",
    ),
    Row(name="scanner with two addresses in From", peer=SCANNER, sender=SCAN, mail=lambda: mail(f"{SCAN}, {ALICE}"),
        reply=NO, why="none: the scanner's mail is not clear"),
    Row(name="scanner with two Froms", peer=SCANNER, sender=SCAN, mail=lambda: mail(SCAN, f"From: {ALICE}"),
        reply=NO, why="the mail has 2 From fields"),
    Row(name="scanner's pages", peer=SCANNER, sender=SCAN, mail=lambda: mail(SCAN, pages=3),
        reply="554 5.6.1 This scanner may send 2 pages; the mail has 3 pages", why="scanner"),
    Row(name="scanner elsewhere", peer=STRANGER, sender=SCAN, mail=lambda: mail(SCAN), reply=NO, why="office.example"),
    Row(name="scanner's place, another sender", peer=SCANNER, sender=ALICE, reply=NO, why="SPF of example.com: fail"),
    Row(name="scanner without TLS", peer=SECURE_SCANNER, sender=SCAN, mail=lambda: mail(SCAN), reply=NO,
        why="no faxbox permits scan@office.example"),
    Row(name="scanner with TLS", peer=SECURE_SCANNER, tls=True, sender=SCAN, mail=lambda: mail(SCAN), told=SCAN,
        why="scanner at 127.0.3.2"),
    # Trusted networks
    Row(name="trusted network", peer=TRUSTED, told=ALICE, why="trusted network"),
    Row(name="trusted network, TLS", peer=TRUSTED, tls=True, told=ALICE, why="trusted network"),
    Row(name="trusted network, not permitted", peer=TRUSTED, sender="x@evil.example", rcpt=f"{NO} This sender may not",
        why="trusted network, but no faxbox permits the sender"),
    Row(name="trusted network, signed From", peer=TRUSTED, sender="x@evil.example", mail=dkim, rcpt=NO,
        why="trusted network, but no faxbox permits the sender"),
    Row(name="trusted network, null sender", peer=TRUSTED, sender="", rcpt=NO, why="null sender"),
    Row(name="network of the account", peer=OF_ACCOUNT, told=ALICE, why="trusted network of the account"),
    Row(name="network of the account, signed From", peer=OF_ACCOUNT, sender="x@evil.example", mail=dkim, told=ALICE,
        why="DKIM of example.com, aligned with From"),
    Row(name="network of another account", peer=OF_ACCOUNT, to="+12025550101@fax.closed.example", rcpt=NO,
        why="no faxbox permits anybody"),
    Row(name="network of the box", peer=OF_BOX, sender="carol@example.org", told="carol@example.org", box="lab",
        why="trusted network of the faxbox"),
    Row(name="network of another box", peer=OF_BOX, reply=NO, why="SPF of example.com: fail"),
    # Nobody has to prove anything
    Row(name="trust_envelope", to="+12025550101@fax.easy.example", told=ALICE, box="easy-box", why="trust_envelope"),
    Row(name="trust_envelope, not permitted", to="+12025550101@fax.easy.example", sender="x@evil.example", rcpt=NO,
        why="no faxbox permits the envelope sender"),
    Row(name="trust_envelope, null sender", to="+12025550101@fax.easy.example", sender="", rcpt=NO, why="null sender"),
    Row(name="nobody may send", peer=SERVER, to="+12025550101@fax.closed.example", mail=dkim, rcpt=NO,
        why="no faxbox permits anybody"),
    # SPF
    Row(name="SPF pass", peer=SERVER, told=ALICE, why="SPF of example.com"),
    Row(name="SPF pass, domain in capitals", peer=SERVER, sender="Alice@EXAMPLE.COM", told=ALICE.capitalize(),
        why="SPF of example.com"),
    Row(name="SPF pass by include and exists", peer=ANYBODY, sender="x@provider-s.example", told="x@provider-s.example",
        why="SPF of provider-s.example"),
    Row(name="SPF pass, IDN", peer=SERVER, sender="x@xn--bcher-kva.example", told="x@bücher.example",
        mail=lambda: mail("x@elsewhere.example"), why="SPF of xn--bcher-kva.example"),
    Row(name="SPF fail", reply=NO, why="none: SPF of example.com: fail; no DKIM signature"),
    Row(name="SPF softfail", sender="x@softfail.example", reply=NO, why="SPF of softfail.example: softfail"),
    Row(name="SPF neutral", sender="x@neutral.example", reply=NO, why="SPF of neutral.example: neutral"),
    Row(name="SPF none", sender="x@nospf.example", reply=NO, why="SPF of nospf.example: none"),
    Row(name="SPF permerror", sender="x@permerror.example", reply=NO, why="SPF of permerror.example: permerror ("),
    Row(name="SPF temperror", sender="x@down.example", reply=LATER, why="SPF of down.example: temperror ("),
    Row(name="SPF temperror, nobody permitted", sender="x@down-too.example", mail=lambda: mail("x@down-too.example"),
        reply=NO, why="no faxbox permits x@down-too.example or From x@down-too.example"),
    Row(name="SPF temperror, but signed", sender="x@down.example", mail=dkim, told=ALICE, why="DKIM of example.com"),
    Row(name="SPF of a stranger's own domain", sender="x@evil.example", reply=NO,
        why="no DKIM signature; no faxbox permits x@evil.example, so SPF is not asked for"),
    Row(name="SPF of a subdomain, aligned", peer=SERVER, sender="b@bounce.example.com", told=ALICE,
        why="SPF of bounce.example.com, aligned with From alice@example.com"),
    Row(name="SPF of a subdomain, From strict", peer=SERVER, sender="b@bounce.strict.example",
        mail=lambda: mail("x@strict.example"), reply=NO, why="none: SPF of bounce.strict.example"),
    Row(name="SPF pass without From", peer=SERVER, mail=lambda: mail(None), told=ALICE, why="SPF of example.com"),
    Row(name="ticket system", peer=SERVER, sender="tickets@desk.example", mail=lambda: mail("Joe <joe@gmail.com>"),
        told="tickets@desk.example", why="SPF of desk.example"),
    Row(name="expression with digits", peer=SERVER, sender="agent-7@desk.example", mail=lambda: mail("joe@gmail.com"),
        told="agent-7@desk.example", why="SPF of desk.example"),
    Row(name="expression that does not fit", peer=SERVER, sender="agent-x@desk.example",
        mail=lambda: mail("joe@gmail.com"), reply=NO, why="no faxbox permits agent-x@desk.example or From joe@gmail.com"),
    # DKIM
    Row(name="DKIM, RSA 2048", mail=dkim, told=ALICE, why="DKIM of example.com, aligned with From alice@example.com"),
    Row(name="DKIM, RSA 1024", mail=lambda: dkim(key=SHORTER, selector="shorter"), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, Ed25519", mail=lambda: dkim(key=CURVE, selector="curve"), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, RSA 512", mail=lambda: dkim(key=short_key(), selector="short"), reply=NO, why="has 512 bits"),
    Row(name="DKIM, SHA-1", mail=lambda: dkim(algorithm="rsa-sha1"), reply=NO, why="rsa-sha1 is not strong enough"),
    Row(name="DKIM, simple/simple", mail=lambda: dkim(relaxed=False), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, key by an alias", mail=lambda: dkim(selector="alias"), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM of a subdomain", mail=lambda: dkim(domain="mail.example.com"), told=ALICE,
        why="DKIM of mail.example.com, aligned"),
    Row(name="DKIM, capitals", mail=lambda: dkim(mail("ALICE@Example.COM"), "EXAMPLE.com"), told="ALICE@example.com",
        why="DKIM of example.com"),
    Row(name="DKIM of a subdomain, From strict", mail=lambda: dkim(mail("x@strict.example"), "mail.strict.example"),
        reply=NO, why="DKIM of mail.strict.example: not aligned"),
    Row(name="DKIM, From strict", mail=lambda: dkim(mail("x@strict.example"), "strict.example"),
        told="x@strict.example", why="DKIM of strict.example"),
    Row(name="DKIM of a stranger", mail=lambda: dkim(domain="evil.example"), reply=NO,
        why="DKIM of evil.example: not aligned"),
    Row(name="DKIM of the organization", mail=lambda: dkim(mail("x@example.co.uk"), "mail.example.co.uk"),
        told="x@example.co.uk", why="DKIM of mail.example.co.uk"),
    Row(name="DKIM of the domain above", mail=lambda: dkim(mail("x@ward.example.com")), told="x@ward.example.com",
        why="DKIM of example.com"),
    Row(name="DKIM of a name that ends alike", mail=lambda: dkim(domain="evil-example.com"), reply=NO, why="not aligned"),
    Row(name="DKIM of another customer", mail=lambda: dkim(mail("x@ward.mail.onmicrosoft.com"), "rival.mail.onmicrosoft.com"),
        reply=NO, why="DKIM of rival.mail.onmicrosoft.com: not aligned"),
    Row(name="DKIM of a neighbour", mail=lambda: dkim(mail("x@example.co.uk"), "other.co.uk"), reply=NO,
        why="DKIM of other.co.uk: not"),
    Row(name="DKIM of a public suffix", mail=lambda: dkim(mail("x@example.co.uk"), "co.uk"), reply=NO, why="DKIM of co.uk"),
    Row(name="DKIM of the account's tenant", mail=lambda: dkim(domain="tenant.onmicrosoft.com"), told=ALICE,
        why="DKIM of tenant.onmicrosoft.com, registered by the account"),
    Row(name="DKIM of another tenant", mail=lambda: dkim(domain="rival.onmicrosoft.com"), reply=NO, why="not aligned"),
    Row(name="DKIM below the tenant", mail=lambda: dkim(domain="a.tenant.onmicrosoft.com"), reply=NO, why="not aligned"),
    Row(name="DKIM, not permitted", mail=lambda: dkim(mail("x@evil.example"), "evil.example"), reply=NO,
        why="no faxbox permits From x@evil.example"),
    Row(name="DKIM, body altered", mail=lambda: dkim().replace(b"Please see", b"Please burn"), reply=NO,
        why="DKIM of example.com: the body has been changed"),
    Row(name="DKIM, From altered", mail=lambda: dkim().replace(b"<alice@", b"<nurse@"), reply=NO,
        why="the signature is not that of its header"),
    Row(name="DKIM, another From above", mail=lambda: b"From: nurse@example.com\r\n" + dkim(), reply=NO,
        why="the mail has 2 From fields"),
    Row(name="DKIM without From", mail=lambda: dkim(mail(None)), reply=NO, why="the mail has no From field"),
    Row(name="DKIM, From not signed", mail=lambda: dkim(fields=("to", "subject", "date")), reply=NO,
        why="From is not signed"),
    Row(name="DKIM, expired", mail=lambda: dkim(more=f"x={int(time.time()) - 60};"), reply=NO, why="it has expired"),
    Row(name="DKIM, l=", mail=lambda: dkim(more="l=5;"), reply=NO, why="l= leaves the end of the body to anybody"),
    Row(name="DKIM, delayed", mail=lambda: dkim(at=time.time() - 5 * DAY), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, old", mail=lambda: dkim(at=time.time() - 7 * DAY), reply=NO, why="it is older than 6 days"),
    Row(name="DKIM, key withdrawn", mail=lambda: dkim(selector="gone"), reply=NO, why="its key was withdrawn"),
    Row(name="DKIM, domain tests", mail=lambda: dkim(selector="test"), reply=NO, why="only tests DKIM"),
    Row(name="DKIM, no such selector", mail=lambda: dkim(selector="nobody"), reply=NO, why="has no keys of this name"),
    Row(name="DKIM, key of another selector", mail=lambda: dkim(selector="other"), reply=NO, why="not that of its header"),
    Row(name="DKIM, second signature good", mail=lambda: dkim(dkim(), selector="nobody"), told=ALICE,
        why="DKIM of example.com"),
    Row(name="DKIM, fifth signature good", mail=lambda: many(dkim(), 4), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, sixth signature good", mail=lambda: many(dkim(), 5), reply=NO, why="DKIM of example.com: not checked, as many stand above it"),
    Row(name="DKIM, a stranger's beside", mail=lambda: dkim(dkim(), "evil.example"), told=ALICE, why="DKIM of example.com"),
    Row(name="DKIM, DNS down", mail=lambda: dkim(selector="broken"), reply=LATER,
        why="DKIM of example.com: the DNS does not tell its key now"),
    Row(name="DKIM, DNS silent", mail=lambda: dkim(selector="silent"), reply=LATER, why="the DNS does not tell its key"),
    Row(name="DKIM, DNS down, not permitted", sender="x@evil.example",
        mail=lambda: dkim(mail("x@evil.example"), "evil.example", selector="broken"), reply=NO, why="no faxbox permits x@evil.example or From x@evil.example"),
    Row(name="DKIM, DMARC policy not to be had",
        mail=lambda: dkim(mail("x@policyless.example"), "mail.policyless.example"), reply=LATER,
        why="the DMARC policy of policyless.example could not be had"),
    Row(name="DKIM of the very domain needs no policy",
        mail=lambda: dkim(mail("x@policyless.example"), "policyless.example"), told="x@policyless.example",
        why="DKIM of policyless.example"),
    # Forwarded, in the name of others
    Row(name="forwarded", sender="alice@example.com", mail=lambda: dkim(mail(ALICE, "Received: by forwarder.example")),
        told=ALICE, why="DKIM of example.com"),
    Row(name="forwarded with another envelope", sender="srs0=x@forwarder.example", mail=dkim, told=ALICE,
        why="DKIM of example.com"),
    Row(name="mailing list", sender="list-bounces@list.example",
        mail=lambda: dkim(dkim().replace(b"Please see", b"[list] Please see"), "list.example"), reply=NO,
        why="none: DKIM of list.example: not aligned with From alice@example.com; DKIM of example.com: the body has been"
        " changed; no faxbox permits list-bounces@list.example, so SPF is not asked for"),
    Row(name="send on behalf", mail=lambda: dkim(mail("The boss <boss@example.com>", "Sender: assistant@example.com")),
        told="boss@example.com", why="DKIM of example.com"),
    Row(name="Sender does not count", sender="x@evil.example",
        mail=lambda: dkim(mail("x@evil.example", f"Sender: {ALICE}"), "evil.example"), reply=NO, why="no faxbox permits"),
    # How From is written
    Row(name="From with a comment", mail=lambda: dkim(mail("alice@example.com (Alice, of \"Desk\" (1))")), reply=NO,
        why="the From field has not exactly one address"),
    Row(name="From with a simple comment", mail=lambda: dkim(mail("alice@example.com (Alice)")), told=ALICE, why="DKIM"),
    Row(name="From with a comma in quotes", mail=lambda: dkim(mail('"Doe, Alice" <alice@example.com>')), told=ALICE,
        why="DKIM"),
    Row(name="From as a group", mail=lambda: dkim(mail("Desk: alice@example.com;")), reply=NO,
        why="the From field has not exactly one address"),
    Row(name="From as an empty group", mail=lambda: dkim(mail("Desk:;")), reply=NO, why="not exactly one address"),
    Row(name="From with two addresses", mail=lambda: dkim(mail("alice@example.com, x@evil.example")), reply=NO,
        why="not exactly one address"),
    Row(name="From with two in angles", mail=lambda: dkim(mail("<alice@example.com> <x@evil.example>")), reply=NO,
        why="not exactly one address"),
    Row(name="address in an encoded name", sender="x@evil.example",
        mail=lambda: dkim(mail("=?utf-8?q?alice=40example=2Ecom?= <x@evil.example>"), "evil.example"), reply=NO,
        why="no faxbox permits x@evil.example or From x@evil.example"),
    Row(name="address in a quoted name", sender="x@evil.example",
        mail=lambda: dkim(mail('"alice@example.com" <x@evil.example>'), "evil.example"), reply=NO,
        why="no faxbox permits x@evil.example or From x@evil.example"),
    Row(name="encoded address", mail=lambda: dkim(mail("=?utf-8?q?alice=40example=2Ecom?=")), reply=NO,
        why="not exactly one address"),
    Row(name="quoted local part", mail=lambda: dkim(mail('"alice"@example.com')), reply=NO, why="not exactly one address"),
    Row(name="folded From", mail=lambda: dkim(mail("=?utf-8?q?Alice?=\r\n <alice@example.com>")), told=ALICE, why="DKIM"),
    Row(name="From of an IDN", mail=lambda: dkim(mail("x@xn--bcher-kva.example"), "xn--bcher-kva.example"),
        told="x@bücher.example", why="DKIM of xn--bcher-kva.example"),
    Row(name="From of an IDN in UTF-8", mail=lambda: dkim(mail("x@BÜCHER.example"), "xn--bcher-kva.example"),
        told="x@bücher.example", why="DKIM of xn--bcher-kva.example"),
    Row(name="null sender, signed", sender="", mail=dkim, rcpt=NO, why="null sender"),
    Row(name="header that is none", mail=lambda: dkim(mail(ALICE, "no field")), reply=NO, why="a line that is no field"),
    # Authentication-Results
    Row(name="relay, DMARC", peer=RELAY, mail=lambda: mail(ALICE, results("dmarc=pass header.from=example.com")),
        told=ALICE, why="Authentication-Results: DMARC of example.com"),
    Row(name="relay, DKIM", peer=RELAY, mail=lambda: mail(ALICE, results("dkim=pass header.d=mail.example.com")),
        told=ALICE, why="Authentication-Results: DKIM of mail.example.com, aligned with From alice@example.com"),
    Row(name="relay, DKIM of the tenant", peer=RELAY,
        mail=lambda: mail(ALICE, results("dkim=pass header.d=tenant.onmicrosoft.com")), told=ALICE,
        why="Authentication-Results: DKIM of tenant.onmicrosoft.com, registered by the account"),
    Row(name="relay, DKIM of a stranger", peer=RELAY,
        mail=lambda: mail(ALICE, results("dkim=pass header.d=evil.example")), reply=NO, why="no DKIM signature"),
    Row(name="relay, SPF", peer=RELAY, mail=lambda: mail("x@elsewhere.example", results(f"spf=pass smtp.mailfrom={ALICE}")),
        told=ALICE, why="Authentication-Results: SPF of example.com"),
    Row(name="relay, SPF of the domain", peer=RELAY,
        mail=lambda: mail(ALICE, results("spf=pass smtp.mailfrom=example.com")), told=ALICE,
        why="Authentication-Results: SPF of example.com"),
    Row(name="relay, several methods", peer=RELAY,
        mail=lambda: mail(ALICE, results("spf=fail smtp.mailfrom=example.com;\r\n dkim=none; dmarc=pass (p=none)"
                                         " header.from=example.com")), told=ALICE, why="DMARC of example.com"),
    Row(name="relay, its own Received above", peer=RELAY,
        mail=lambda: mail(ALICE, "Received: by mx.clinic.example", results("dmarc=pass header.from=example.com")),
        told=ALICE, why="DMARC of example.com"),
    Row(name="relay, fail", peer=RELAY, mail=lambda: mail(ALICE, results("dmarc=fail header.from=example.com")),
        reply=NO, why="no DKIM signature"),
    Row(name="relay, of another From", peer=RELAY, mail=lambda: mail(ALICE, results("dmarc=pass header.from=evil.example")),
        reply=NO, why="no DKIM signature"),
    Row(name="relay, SPF of another sender", peer=RELAY,
        mail=lambda: mail(ALICE, results("spf=pass smtp.mailfrom=x@evil.example")), reply=NO, why="no DKIM"),
    Row(name="relay says nothing", peer=RELAY, reply=NO, why="no DKIM signature"),
    Row(name="relay says nothing, but signed", peer=RELAY, mail=dkim, told=ALICE, why="DKIM of example.com, aligned"),
    Row(name="relay, forged below its own", peer=RELAY,
        mail=lambda: mail(ALICE, results("dmarc=fail header.from=example.com"),
                          results("dmarc=pass header.from=example.com")), reply=NO, why="no DKIM signature"),
    Row(name="relay, forged below what makes no sense", peer=RELAY,
        mail=lambda: mail(ALICE, results("spf=fail smtp.helo=[192.0.2.1]"),
                          results("dmarc=pass header.from=example.com")), reply=NO, why="no DKIM signature"),
    Row(name="relay, forged below another server's", peer=RELAY,
        mail=lambda: mail(ALICE, results("dmarc=fail header.from=example.com", "filter.example"),
                          results("dmarc=pass header.from=example.com")), reply=NO, why="no DKIM signature"),
    Row(name="relay, of another server", peer=RELAY,
        mail=lambda: mail(ALICE, results("dmarc=pass header.from=example.com", "mx.evil.example")), reply=NO,
        why="no DKIM signature"),
    Row(name="relay, no grammar", peer=RELAY, mail=lambda: mail(ALICE, "Authentication-Results: ;;=pass (", ),
        reply=NO, why="no DKIM signature"),
    Row(name="stranger who says what the relay would",
        mail=lambda: mail(ALICE, results("dmarc=pass header.from=example.com")), reply=NO, why="SPF of example.com: fail"),
    Row(name="trusted networks do not say it", peer=OF_BOX,
        mail=lambda: mail(ALICE, results("dmarc=pass header.from=example.com")), reply=NO, why="SPF of example.com: fail"),
    Row(name="relay in a trusted network", peer=BOTH, reply=NO, why="no DKIM signature"),
    Row(name="relay in a trusted network, proven", peer=BOTH,
        mail=lambda: mail(ALICE, results("dmarc=pass header.from=example.com")), told=ALICE, why="DMARC of example.com"),
    Row(name="relay, DMARC, signed", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dmarc=pass header.from=example.com"))), told=ALICE,
        why="DKIM of example.com, aligned"),
    Row(name="relay, DMARC, old signature", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dmarc=pass header.from=example.com")), at=time.time() - 7 * DAY),
        reply=NO, why="DKIM of example.com: it is older than 6 days"),
    Row(name="relay, DMARC, old signature of a subdomain", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dmarc=pass header.from=example.com")), "mail.example.com",
                          at=time.time() - 7 * DAY), reply=NO, why="DKIM of mail.example.com: it is older than 6 days"),
    Row(name="relay, DKIM, old signature", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dkim=pass header.d=example.com")), at=time.time() - 7 * DAY),
        reply=NO, why="DKIM of example.com: it is older than 6 days"),
    Row(name="relay, DKIM of the tenant, old signature", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dkim=pass header.d=tenant.onmicrosoft.com")), "tenant.onmicrosoft.com",
                          at=time.time() - 7 * DAY), reply=NO, why="it is older than 6 days"),
    Row(name="relay, DKIM, old signature below many", peer=RELAY,
        mail=lambda: many(dkim(mail(ALICE, results("dkim=pass header.d=example.com")), at=time.time() - 7 * DAY), 20),
        reply=NO, why="none: "),
    Row(name="relay, DKIM, old signature with white space", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dkim=pass header.d=example.com")), at=time.time() - 7 * DAY).replace(
            b"DKIM-Signature: ", b"DKIM-Signature: " + (b" " * 900 + b"\r\n ") * 20, 1), reply=NO, why="none: "),
    Row(name="relay, SPF, old signature", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results(f"spf=pass smtp.mailfrom={ALICE}")), at=time.time() - 7 * DAY),
        told=ALICE, why="Authentication-Results: SPF of example.com"),
    Row(name="relay, DMARC, old signature of a stranger", peer=RELAY,
        mail=lambda: dkim(mail(ALICE, results("dmarc=pass header.from=example.com")), "list.example",
                          at=time.time() - 7 * DAY), told=ALICE, why="DMARC of example.com"),
    Row(name="relay in the account's network", peer=RELAY_OF_ACCOUNT, reply=NO, why="no DKIM signature"),
    Row(name="relay in the box's network", peer=RELAY_OF_BOX, sender="carol@example.org",
        mail=lambda: mail("carol@example.org"), reply=NO, why="no DKIM signature"),
    Row(name="relay as scanner", peer=RELAY_AS_SCANNER, sender=SCAN, mail=lambda: mail(SCAN), reply=NO,
        why="no faxbox permits scan@office.example"),
    Row(name="login through a relay", peer=RELAY_OF_ACCOUNT, login=login(), told=ALICE, why="logged in as front-desk"),
    # Signatures that prove their sender for the numbers alone that they name
    careful(name="named in To", mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}")), told=ALICE,
            why="DKIM of example.com, aligned with From alice@example.com"),
    careful(name="named, but another number", mail=lambda: dkim(addressed("To: +12025550102@fax.careful.example")),
            reply=f"{NO} The DKIM signature of this mail does not name +12025550101, and this fax account", why=UNNAMED),
    careful(name="named at another service", mail=lambda: dkim(addressed("To: +12025550101@fax.elsewhere.example")),
            reply=NO, why=UNNAMED),
    careful(name="named at another domain of the account", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed("To: +12025550101@fax2.careful.example"))),
    careful(name="named behind a display name", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed('To: "+1 202 555 0101" <+12025550101@fax.careful.example>'))),
    careful(name="named as neighbours dial", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed("To: 12025550101@FAX.careful.EXAMPLE"))),
    careful(name="named in quotes", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed('To: "(202) 555-0101"@fax.careful.example'))),
    careful(name="named as RFC 3192 has it", to="FAX=+12025550101@fax.careful.example", told=ALICE,
            why="DKIM of example.com", mail=lambda: dkim(addressed("To: FAX=+12025550101@fax.careful.example"))),
    careful(name="named with a sub-address", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed("To: FAX=+12025550101/T33S=12@fax.careful.example"))),
    careful(name="named in a group", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed(f"To: Faxes: joe@example.com, =?utf-8?q?B=C3=BCro?= <{CAREFUL_NUMBER}>;"))),
    careful(name="named beside an address of another", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed(f'To: "{CAREFUL_NUMBER}" <x@evil.example>'))),
    careful(name="named in an encoded word", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed("To: =?utf-8?q?=2B12025550101=40fax=2Ecareful=2Eexample?= <x@evil.example>"))),
    careful(name="named in a folded To, folded anew", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed(f"To: joe@example.com,\r\n {CAREFUL_NUMBER}")).replace(
                b",\r\n +", b",\r\n\t \t+")),
    careful(name="named in Cc", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed("To: joe@example.com", f"Cc: {CAREFUL_NUMBER}"), fields=("from", "to", "cc"))),
    careful(name="named in a Cc that is not signed", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed("To: joe@example.com", f"Cc: {CAREFUL_NUMBER}"))),
    careful(name="named in a To that is not signed", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}"), fields=("from", "date"))),
    careful(name="named in Bcc", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed("To: joe@example.com", f"Bcc: {CAREFUL_NUMBER}"),
                              fields=("from", "to", "bcc"))),
    careful(name="named in a Resent-To", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed(f"Resent-To: {CAREFUL_NUMBER}", "To: joe@example.com"),
                              fields=("from", "to", "resent-to"))),
    careful(name="named in a To that was added above", reply=NO, why=UNNAMED,
            mail=lambda: f"To: {CAREFUL_NUMBER}\r\n".encode() + dkim(addressed("To: joe@example.com"))),
    careful(name="named in a Cc that was added", reply=NO, why=UNNAMED,
            mail=lambda: f"Cc: {CAREFUL_NUMBER}\r\n".encode() + dkim(addressed("To: joe@example.com"))),
    careful(name="named in a Cc that was added above", reply=NO, why=UNNAMED,
            mail=lambda: f"cC: {CAREFUL_NUMBER}\r\n".encode()
            + dkim(addressed("To: joe@example.com", "Cc: joe@example.com"), fields=("from", "to", "cc"))),
    careful(name="named in a To that was added below", reply=NO, why="the signature is not that of its header",
            mail=lambda: dkim(addressed("To: joe@example.com")).replace(
                b"Subject:", f"To: {CAREFUL_NUMBER}\r\nSubject:".encode())),
    careful(name="oversigned, and one was added", reply=NO, why="the signature is not that of its header",
            mail=lambda: f"To: {CAREFUL_NUMBER}\r\n".encode()
            + dkim(addressed("To: joe@example.com"), fields=("from", "to", "to"))),
    careful(name="oversigned", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}"), fields=("from", "from", "to", "to", "cc", "cc"))),
    careful(name="two Tos, both signed", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}", "To: joe@example.com"), fields=("from", "to", "to"))),
    careful(name="two Tos, the upper one not signed", reply=NO, why=UNNAMED,
            mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}", "To: joe@example.com"))),
    careful(name="two Tos, the lower one signed", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(addressed("To: joe@example.com", f"To: {CAREFUL_NUMBER}"))),
    careful(name="no To", reply=NO, why=UNNAMED, mail=lambda: dkim(addressed())),
    careful(name="two signatures, the lower one names", told=ALICE, why="DKIM of example.com",
            mail=lambda: dkim(dkim(addressed(f"To: {CAREFUL_NUMBER}")), "mail.example.com", fields=("from",))),
    careful(name="named, signed by the tenant", told=ALICE, why="registered by the account",
            mail=lambda: dkim(addressed(f"To: {CAREFUL_NUMBER}"), "tenant.onmicrosoft.com")),
    careful(name="not named, signed by the tenant", reply=NO, why="whose signed To and Cc do not name +12025550101",
            mail=lambda: dkim(addressed("To: joe@example.com"), "tenant.onmicrosoft.com")),
    careful(name="not named, but SPF", sender=ALICE, peer=SERVER, mail=lambda: dkim(addressed("To: joe@example.com")), told=ALICE,
            why="SPF of example.com"),
    careful(name="not named, but SPF aligned", peer=SERVER, sender="b@bounce.example.com", told=ALICE,
            mail=lambda: dkim(addressed("To: joe@example.com")), why="SPF of bounce.example.com, aligned"),
    careful(name="not named, SPF temperror", sender="x@down.example", reply=LATER, why=UNNAMED,
            mail=lambda: dkim(addressed("To: joe@example.com"))),
    careful(name="not named, but logged in", sender=ALICE, login=login(account="careful", box=None), told=ALICE, why="logged in",
            mail=lambda: addressed("To: joe@example.com")),
    careful(name="relay, DMARC, not named", peer=RELAY, reply=NO, why="Authentication-Results: DMARC of example.com, whose",
            mail=lambda: addressed(results("dmarc=pass header.from=example.com"), f"To: {CAREFUL_NUMBER}")),
    careful(name="relay, DKIM, not named", peer=RELAY, reply=NO, why="Authentication-Results: DKIM of example.com",
            mail=lambda: addressed(results("dkim=pass header.d=example.com"), f"To: {CAREFUL_NUMBER}")),
    careful(name="relay, DMARC, named", peer=RELAY, told=ALICE, why="DKIM of example.com, aligned",
            mail=lambda: dkim(addressed(results("dmarc=pass header.from=example.com"), f"To: {CAREFUL_NUMBER}"))),
    careful(name="relay, SPF, not named", sender=ALICE, peer=RELAY, told=ALICE, why="Authentication-Results: SPF of example.com",
            mail=lambda: addressed(results(f"spf=pass smtp.mailfrom={ALICE}"), "To: joe@example.com")),
]  # fmt: skip


def test_the_table_is_a_table() -> None:
    assert len(TABLE) >= 60
    assert len({row.name for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])
async def test_sessions(row: Row, tmp_path: Path) -> None:
    logins = None if row.login is None else Logins(OneLogin(row.login))
    async with at(row.peer, tmp_path, tls=row.secured, logins=logins) as (door, _):
        rcpt, reply = await _spoken(door, row)
        await door.until_all_left()
        [entry] = door.submissions.entries
    assert rcpt.startswith(row.rcpt), rcpt
    assert reply.startswith(row.reply if row.rcpt == "250" else ""), f"{reply}: {entry.authentication}"
    assert row.why in entry.authentication, entry.authentication
    assert entry.reply in {rcpt, reply}
    assert entry.peer.startswith(f"{row.peer}:")
    assert bool(entry.tls) == row.secured
    if row.rcpt == row.reply == "250":
        [submission] = door.submissions.submitted
        assert submission.origin.sender == row.told
        assert [route.faxbox.id for route in submission.routes] == [row.box]
        assert not entry.authentication.startswith("none:")
    else:
        assert not door.submissions.submitted
        assert entry.authentication.startswith("none") or row.reply.startswith("554") or "but no faxbox" in row.why
        assert not entry.accepted


@pytest.mark.parametrize(
    ("said", "heeded"),
    [
        (f"spf=pass smtp.mailfrom={ALICE}", True),  # the session with the relay was that of the sender's own server
        ("dmarc=pass header.from=example.com", False),
        ("dkim=pass header.d=example.com", False),
    ],
)
async def test_what_a_relay_says_of_a_signature_covers_no_options(said: str, heeded: bool, tmp_path: Path) -> None:
    row = Row(name="", peer=RELAY, mail=lambda: mail(ALICE, "X-Fax-Cost-Code: 4711", results(said)), why="")
    async with at(RELAY, tmp_path) as (door, _):
        assert (await _spoken(door, row))[1].startswith("250")
        [submission] = door.submissions.submitted
    assert [route.options.cost_code for route in submission.routes] == ["4711" if heeded else ""]


async def test_a_signature_that_is_good_here_too_covers_what_it_signs(tmp_path: Path) -> None:
    def signed() -> bytes:
        fields = mail(ALICE, "X-Fax-Cost-Code: 4711", results("dmarc=pass header.from=example.com"))
        return dkim(fields, fields=("from", "subject", "x-fax-cost-code"))

    async with at(RELAY, tmp_path) as (door, _):
        assert (await _spoken(door, Row(name="", peer=RELAY, mail=signed, why="")))[1].startswith("250")
        [submission] = door.submissions.submitted
    assert [route.options.cost_code for route in submission.routes] == ["4711"]


@pytest.mark.parametrize(
    ("row", "actor", "spender"),
    [
        (Row(name="", peer=SERVER, why=""), ALICE, ALICE),
        (Row(name="", to="+12025550101@fax.easy.example", why=""), f"unproven {ALICE}", ALICE),
        (Row(name="", login=login(), why=""), "login front-desk", ALICE),
        (Row(name="", login=login(), sender="x@elsewhere.example", why=""), "login front-desk", "front-desk"),
    ],
    ids=["proven", "trust_envelope", "login", "login, any sender"],
)
async def test_who_is_named_in_the_audit_log_and_spends(row: Row, actor: str, spender: str, tmp_path: Path) -> None:
    logins = None if row.login is None else Logins(OneLogin(row.login))
    async with at(row.peer, tmp_path, tls=row.secured, logins=logins) as (door, _):
        assert (await _spoken(door, row))[1].startswith("250")
        [submission] = door.submissions.submitted
    assert (submission.origin.actor.name, submission.origin.spender) == (actor, spender)
    assert submission.origin.actor.peer == row.peer


async def test_what_strangers_mail_costs_no_dns(tmp_path: Path) -> None:
    stranger = Row(
        name="", sender="x@evil.example", mail=lambda: dkim(mail("x@evil.example"), "evil.example"), reply=NO, why=""
    )
    async with at(STRANGER, tmp_path) as (door, zone):
        assert (await _spoken(door, stranger))[1].startswith(NO)
        assert not zone.asked


async def test_a_strangers_own_dns_does_not_tell_who_may_send(tmp_path: Path) -> None:
    """Asked for a From that is permitted alone, and silent, it would tell by the time of the refusal which one is."""
    async with at(STRANGER, tmp_path) as (door, zone):
        for sender in ("x@evil.example", "x@list.example"):
            row = Row(name="", sender=sender, mail=lambda: dkim(mail(ALICE), "evil.example"), reply=NO, why="")
            assert (await _spoken(door, row))[1].startswith(NO)
        assert not zone.asked


async def test_of_many_signatures_few_are_looked_up(tmp_path: Path) -> None:
    async with at(STRANGER, tmp_path) as (door, zone):
        await _spoken(door, Row(name="", mail=lambda: many(dkim(), 50), why=""))
        assert sum("._domainkey." in name for name, _, _ in zone.asked) == 5


async def test_one_number_that_is_not_named_turns_the_mail_away_and_the_smtplog_says_which(tmp_path: Path) -> None:
    other = CAREFUL_NUMBER.replace("0101", "0102")
    both, one = (dkim(addressed(*fields)) for fields in ([f"To: {CAREFUL_NUMBER}, {other}"], [f"To: {CAREFUL_NUMBER}"]))
    async with at(STRANGER, tmp_path) as (door, _):
        client = await door.greeted(STRANGER)
        for content, reply in (
            (both, "250"),
            (one, f"{NO} The DKIM signature of this mail does not name +12025550102,"),
        ):
            await client.envelope(CAREFUL_NUMBER, other, sender="x@forwarder.example")
            assert (await client.ask("DATA")).startswith("354")
            client.say(content + b".\r\n")
            assert (await client.hear()).startswith(reply)
        [taken], [refused] = door.submissions.submitted, door.submissions.recorded
    assert [route.destination for route in taken.routes] == ["+12025550101", "+12025550102"]
    assert [line.reply[:9] for line in refused.recipients] == ["250 2.1.5", "550 5.7.1"]
    assert "whose signed To and Cc do not name +12025550102 (named_recipients)" in refused.authentication


async def test_each_number_is_named_at_the_domain_that_it_was_brought_to(tmp_path: Path) -> None:
    brought = CAREFUL_NUMBER, "+12025550102@fax2.careful.example"
    crossed = "+12025550102@fax.careful.example, +12025550101@fax2.careful.example"
    async with at(STRANGER, tmp_path) as (door, _):
        client = await door.greeted(STRANGER)
        for to, reply in (
            (", ".join(brought), "250"),
            (crossed, f"{NO} The DKIM signature of this mail does not name"),
        ):
            await client.envelope(*brought, sender="x@forwarder.example")
            assert (await client.ask("DATA")).startswith("354")
            client.say(dkim(addressed(f"To: {to}")) + b".\r\n")
            assert (await client.hear()).startswith(reply)


async def test_a_mail_whose_proof_never_gets_its_turn_is_to_come_again(tmp_path: Path) -> None:
    sandbox = Sandbox(children=1, quick=1, preload=("smtp.claims", "smtp.dkim", "smtp.spf"))
    await sandbox.start()
    workers = SandboxedWorkers(sandbox, seconds=1e-9, slots=asyncio.Semaphore(0), patience=0.1)
    async with at(STRANGER, tmp_path, workers=workers) as (door, _):
        reply = (await _spoken(door, Row(name="", mail=dkim, why="")))[1]
        [entry] = door.submissions.recorded
    await sandbox.stop()
    assert reply == "451 4.3.0 Too much is being done here at the same time; try again later."
    assert entry.authentication == "none: Too much is being done here at the same time; try again later."
    assert entry.errors == ["no worker process was free within 0.1 s"]


async def _spoken(door: Door, row: Row) -> tuple[str, str]:
    """The replies to RCPT and to the mail."""
    client = await door.greeted(row.peer)
    if row.secured:
        await client.ask("STARTTLS")
        await client.writer.start_tls(PEM.trusting(), server_hostname="127.0.0.1")
        await client.ask("EHLO client.example")
    if row.login:
        said = base64.b64encode(f"\0{row.login.name}\0{PASSWORD}".encode()).decode()
        assert (await client.ask(f"AUTH PLAIN {said}")).startswith("235")
    assert (await client.ask(f"MAIL FROM:<{row.sender}>")).startswith("250")
    rcpt = await client.ask(f"RCPT TO:<{row.to}>")
    reply = ""
    if rcpt.startswith("250"):
        assert (await client.ask("DATA")).startswith("354")
        content = row.mail() if callable(row.mail) else row.mail
        client.say(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        reply = await client.hear()
    await client.ask("QUIT")
    return rcpt, reply
