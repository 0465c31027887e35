"""What a header claims, read from octets that anybody wrote: the one From, and never an error."""

import time

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
}


@pytest.mark.parametrize("written", RELAYED)
def test_results_of_a_relay(written: str) -> None:
    header = f"Authentication-Results: {written}\r\nFrom: a@example.com\r\n\r\n".encode()
    assert claims.read(header, 0.0, "mx").relayed == RELAYED[written]
    assert claims.read(header, 0.0).relayed is None  # nobody's word is taken
