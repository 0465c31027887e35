"""What a header claims, read from octets that anybody wrote: the one From, and never an error."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import claims
from smtp.evidence import Relayed

FROMS = {
    "alice@example.com": "alice@example.com",
    " Alice <alice@example.com> ": "alice@example.com",
    "<alice@example.com>": "alice@example.com",
    '"Doe, Alice; <x@evil.example>" <alice@example.com>': "alice@example.com",
    "alice@example.com (of the desk)": "alice@example.com",
    "(x@evil.example) Alice <alice@example.com>": "alice@example.com",
    "Alice (desk (1)) <alice@example.com>": "alice@example.com",
    "alice@BÜCHER.example": "alice@bücher.example",
    '"alice"@example.com': "",
    '"x" <"alice"@example.com>': "",
    "alice@example.com, x@evil.example": "",
    "Alice <alice@example.com>, <x@evil.example>": "",
    "Alice <alice@example.com> x": "",
    "<alice@example.com": "",
    "Desk: alice@example.com;": "",
    "x@evil.example Alice <alice@example.com>": "alice@example.com",
    "@evil.example:alice@example.com": "",
    "<@evil.example:alice@example.com>": "",
    "alice @example.com": "",
    "alice@example.com\0": "",
    "alice": "",
    "": "",
}


@pytest.mark.parametrize("written", FROMS)
def test_the_one_address_of_from(written: str) -> None:
    found = claims.read(f"From: {written}\r\nSubject: x\r\n\r\n".encode(), time.time())
    assert found.header_from == FROMS[written]
    assert bool(found.unclear) == (not FROMS[written])


@given(st.binary(max_size=300))
def test_any_header_is_read(octets: bytes) -> None:
    claims.read(octets, 0.0, "mx.example")


@given(st.text(max_size=120))
def test_any_from_is_one_address_or_none(written: str) -> None:
    found = claims.read(b"From: " + written.encode("utf-8", "surrogatepass") + b"\r\n\r\n", 0.0)
    assert found.header_from.count("@") <= 1
    assert bool(found.header_from) != bool(found.unclear)


@given(st.text(alphabet='=;:"()<>@. \t\r\nabdhlstvxp0', max_size=150))
def test_any_signature_and_any_result_is_read(written: str) -> None:
    value = written.encode()
    header = b"From: a@example.com\r\nDKIM-Signature: " + value + b"\r\nAuthentication-Results: " + value
    claims.read(header + b"\r\n\r\n", 0.0, "mx")


@pytest.mark.parametrize("piece", ['"\\', "(", '"', "(a", "<", '\\"', "((()))"])
def test_a_from_that_is_made_to_take_long_does_not(piece: str) -> None:
    for most in (claims.MAX_FROM, claims.MAX_FIELD):
        value = (piece * most)[: most - 10].encode()
        began = time.process_time()
        assert claims.read(b"From: " + value + b"\r\n\r\n", 0.0).unclear
        assert time.process_time() - began < 1


@pytest.mark.parametrize("piece", ['"\\', "(", '"', "mx;", "=", "a=a ", "; a=b", "(a)", " ", ";a=pass b.c=d"])
def test_results_and_signatures_that_are_made_to_take_long_do_not(piece: str) -> None:
    value = (piece * claims.MAX_FIELD)[: claims.MAX_FIELD - 10].encode()
    header = b"From: a@example.com\r\nAuthentication-Results: mx; " + value[:-10] + b"\r\nDKIM-Signature: " + value
    began = time.process_time()
    claims.read(header + b"\r\n\r\n", 0.0, "mx")
    assert time.process_time() - began < 1


GOOD = Relayed(dmarc=frozenset({"example.com"}))
RELAYED = {
    "mx; dmarc=pass header.from=Example.COM": Relayed(dmarc=frozenset({"example.com"})),
    "MX 1; spf=pass smtp.mailfrom=a@example.com": Relayed(spf=frozenset({"a@example.com"})),
    "mx; dkim=pass header.d=a.example; dkim=pass header.d=b.example": Relayed(
        dkim=frozenset({"a.example", "b.example"})
    ),
    "mx; dkim=pass header.d=a.example header.d=b.example": Relayed(),
    "mx; dkim=pass header.i=@a.example": Relayed(),
    "mx; dmarc=fail header.from=example.com": Relayed(),
    "mx; none": Relayed(),
    "other; dmarc=pass header.from=example.com": None,
    "mx.evil; dmarc=pass header.from=example.com": None,
    "mx; dmarc=pass (a; b) header.from=example.com": Relayed(dmarc=frozenset({"example.com"})),
    'mx; spf=fail reason="a; dmarc=pass header.from=example.com; \\"" smtp.mailfrom=x': Relayed(),
    'mx; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com"@x.example': Relayed(
        spf=frozenset({'"x; dmarc=pass header.from=example.com"@x.example'})
    ),
    # One that makes no sense, and others that do
    "mx; spf=pass smtp.helo=[192.0.2.1]; dmarc=pass header.from=example.com": GOOD,
    "mx; iprev=pass (a name) policy.iprev=2001:db8::1; dmarc=pass header.from=example.com": GOOD,
    "mx; spf=pass smtp.mailfrom=<x@y.example>; dmarc=pass header.from=example.com": GOOD,
    "mx; spf=pass smtp.helo=bücher; dmarc=pass header.from=example.com": GOOD,
    "mx; x; dmarc=pass header.from=example.com;": GOOD,
    "mx; dmarc=pass header.from=example.com; spf=pass (open": GOOD,
    "mx; dmarc=pass header.from=example.com policy.x=[": Relayed(),
    "mx; dmarc=pass header.from=example.com (open": Relayed(),
    "mx; spf=pass (open smtp.mailfrom=x; dmarc=pass header.from=example.com": Relayed(),
    'mx; spf=pass smtp.helo=a"b smtp.mailfrom="; dmarc=pass header.from=example.com; x="@y.example': Relayed(),
    "mx; spf=pass smtp.helo=[) smtp.mailfrom=x; dmarc=pass header.from=example.com": Relayed(),
    "mx" + "; spf=none" * 200 + "; dmarc=pass header.from=example.com": None,
}


@pytest.mark.parametrize("written", RELAYED)
def test_results_of_a_relay(written: str) -> None:
    header = f"Authentication-Results: {written}\r\nFrom: a@example.com\r\n\r\n".encode()
    assert claims.read(header, 0.0, "mx").relayed == RELAYED[written]
    assert claims.read(header, 0.0).relayed is None  # nobody's word is taken


FORGED = "Authentication-Results: mx; dmarc=pass header.from=example.com"


@pytest.mark.parametrize(
    "top",
    [
        "mx; spf=fail (M\xfcller) smtp.mailfrom=\xfc",
        "mx; spf=fail smtp.helo=[192.0.2.1]",
        "mx; spf=fail (open",
        'mx; dmarc=fail reason="open',
        f"mx; dmarc=fail (x) header.d={'x' * claims.MAX_FIELD}",
        "mx" + "; spf=none" * 200,
        "mx; none",
        "mx (open",
        "mx",
        "other; dmarc=fail header.from=example.com",
        "",
        ";",
    ],
)
def test_below_the_topmost_results_nothing_counts(top: str) -> None:
    header = f"Authentication-Results: {top}\r\n{FORGED}\r\nFrom: a@example.com\r\n\r\n".encode("latin-1")
    assert claims.read(header, 0.0, "mx").relayed in (None, Relayed())
    assert claims.read(header.partition(b"\r\n")[2], 0.0, "mx").relayed == GOOD


AT = 1795943400.0
"""When the mails of `relayed` were taken: headers as the programs of Debian 12 wrote them. Their sender's domain has no
DMARC record, but where rspamd says that it passed."""
SIGNED = frozenset({"sender.example"})
WRITTEN = {
    "postfix-opendkim-opendmarc-policyd-spf": Relayed(dkim=SIGNED, spf=SIGNED),
    "postfix-opendkim-opendmarc-policyd-spf-forged": Relayed(),
    "postfix-rspamd": Relayed(dmarc=SIGNED, dkim=SIGNED, spf=frozenset({"alice@sender.example"})),
    "exim": Relayed(dkim=SIGNED),
    "exim-unsigned": Relayed(),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_real_relays_write(name: str) -> None:
    header = (Path(__file__).parent / "relayed" / f"{name}.eml").read_bytes()
    assert claims.read(header, AT, "mx.example.com").relayed == WRITTEN[name]
    assert claims.read(header, AT, "mx.sender.example").relayed is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("{none}{forged}Received: by mx\r\n", True),  # each filter of the relay has written one
        ("{none}X-Spam: no\r\n{forged}Received: by mx\r\n", True),
        ("{none}Received: by mx\r\n{forged}Received: by x\r\n", False),
        ("Received: by mx\r\n{none}{forged}Received: by x\r\n", False),
        ("{none}{forged}", False),  # nothing says where the relay's end
        ("{other}{forged}Received: by mx\r\n", False),
        ("{none}{other}{forged}Received: by mx\r\n", False),
    ],
)
def test_whose_results_those_are_that_stand_together(header: str, found: bool) -> None:
    kinds = {"none": "mx; dmarc=none header.from=example.com", "other": "other; none"}
    lines = {name: f"Authentication-Results: {value}\r\n" for name, value in kinds.items()}
    written = header.format(**lines, forged=f"{FORGED}\r\n") + "From: a@example.com\r\n\r\n"
    assert (claims.read(written.encode(), 0.0, "mx").relayed == GOOD) is found
