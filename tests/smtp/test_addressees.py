"""Whom To and Cc name: what a sender has addressed, and nothing that only stands beside it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import addressees, claims

FAX = "+15551234567@fax.example.com"
NOBODY: set[str] = set()

FIELDS: dict[str, set[str]] = {
    FAX: {FAX},
    f"<{FAX}>": {FAX},
    " 15551234567@FAX.Example.COM ": {"15551234567@fax.example.com"},
    f'"+1 555 123 4567" <{FAX}>': {FAX},
    '"+1 555 123 4567"@fax.example.com': {"+1 555 123 4567@fax.example.com"},
    '<"+1 \\(555\\) 123-4567"@fax.example.com>': {"+1 (555) 123-4567@fax.example.com"},
    f"=?utf-8?q?B=C3=BCro?= <{FAX}>": {FAX},
    f"Büro <{FAX}>": {FAX},
    f"Desk\r\n <{FAX}>,\r\n\tjoe@example.com": {FAX, "joe@example.com"},
    "FAX=+15551234567@fax.example.com": {"FAX=+15551234567@fax.example.com"},
    "x@bücher.example": {"x@xn--bcher-kva.example"},
    f"{FAX} (the desk, \\) <x@evil.example>)": {FAX},
    f"(a (b)) {FAX}": {FAX},
    f"{FAX},,": {FAX},
    # Groups
    f"Faxes: {FAX}, Joe <joe@example.com>;": {FAX, "joe@example.com"},
    f'"a; b": {FAX};, joe@example.com': {FAX, "joe@example.com"},
    "undisclosed-recipients:;": NOBODY,
    f"Faxes: {FAX}": NOBODY,
    f"A: B: {FAX};;": NOBODY,
    f"A: B: {FAX};": NOBODY,
    f"a@b.example:{FAX};": NOBODY,
    f"{FAX}; joe@example.com": NOBODY,
    # Words that may be somebody else's
    f'"{FAX}" <joe@evil.example>': {"joe@evil.example"},
    f"{FAX} <joe@evil.example>": {"joe@evil.example"},
    f"joe@evil.example ({FAX})": {"joe@evil.example"},
    f'"x, {FAX}, y" <joe@evil.example>': {"joe@evil.example"},
    f"=?utf-8?q?=2C_{FAX.replace('@', '=40')}=2C?= <joe@evil.example>": {"joe@evil.example"},
    f"<joe@evil.example> {FAX}": NOBODY,
    f"<joe@evil.example> <{FAX}>": NOBODY,
    f"Joe <joe@evil.example> {FAX}, x@example.com": {"x@example.com"},
    # What cannot be told apart
    f'"{FAX}, joe@example.com': NOBODY,
    f"(joe, {FAX}": NOBODY,
    f"joe@example.com, <{FAX}": NOBODY,
    f"joe@example.com>, {FAX}": NOBODY,
    f"joe\\, {FAX}": NOBODY,
    # No addresses as RCPT has them
    "+1 555 123 4567@fax.example.com": NOBODY,
    "<+1 555 123 4567@fax.example.com>": NOBODY,
    "15551234567 (x) @fax.example.com": NOBODY,
    "<>": NOBODY,
    "postmaster": NOBODY,
    f"<{FAX}> SIZE=1": NOBODY,
    "": NOBODY,
}


@pytest.mark.parametrize("written", FIELDS)
def test_whom_a_field_names(written: str) -> None:
    assert addressees.named([f" {written}\r\n".encode()]) == [FIELDS[written]]


def test_a_broken_field_spoils_no_other() -> None:
    assert addressees.named([b'"', FAX.encode(), b"joe@example.com"]) == [NOBODY, {FAX}, {"joe@example.com"}]


def test_there_are_bounds_and_what_stands_last_comes_first() -> None:
    many = ", ".join(f"a{number}@x.example" for number in range(addressees.MOST)).encode()
    assert [len(one) for one in addressees.named([FAX.encode(), many, b"joe@example.com"])] == [
        0,
        addressees.MOST - 1,
        1,
    ]
    long = FAX.encode() + b" " * (addressees.MAX_OCTETS - 40)
    assert addressees.named([long, FAX.encode()]) == [NOBODY, {FAX}]
    assert addressees.named([long]) == [{FAX}]


@given(st.binary(max_size=300))
def test_any_field_is_read(octets: bytes) -> None:
    assert all("@" in one for one in addressees.named([octets])[0])


@pytest.mark.parametrize(
    "piece", ['"\\', "(", '"', "(a", "<", '\\"', "((()))", ",", '"a"', "a:", "a;", '<"a"', " ", "a@b,", '"a"<"b"@ü.c>,']
)
def test_fields_that_are_made_to_take_long_do_not(piece: str) -> None:
    value = (piece * addressees.MAX_OCTETS)[: addressees.MAX_OCTETS // 4 - 1].encode()[: addressees.MAX_OCTETS // 4]
    signature = f"DKIM-Signature: a=rsa-sha256; d=example.com; s=s; h=from:{'to:' * 9}to; t=1\r\n".encode()
    header = b"From: a@example.com\r\n" + signature * 10 + (b"To: " + value + b"\r\n") * 9
    began = time.process_time()
    claims.read(header + b"\r\n", 0.0)
    assert time.process_time() - began < 1
