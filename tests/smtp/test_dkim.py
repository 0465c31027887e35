"""DKIM signatures (RFC 6376) verified: the keys and records that are taken, and what is done to a mail on its way."""

import time

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents.mime import MAX_HEADER
from smtp import canonical, claims, dkim
from smtp.evidence import UNCHECKED, Signature
from tests.smtp.mails import octets, with_pdf, written
from tests.smtp.signing import Key, ed25519_key, rsa_key, short_key, signed

MAIL = octets(with_pdf())
GOOD = rsa_key(2048)


def verified(mail: bytes, *records: str) -> Signature:
    """The only signature, checked with these key records."""
    claimed = claims.read(mail, time.time())
    [one] = claimed.signatures
    if one.result != UNCHECKED:
        return one
    [one] = dkim.verify(mail, claimed.signatures, {0: records})
    return one


@pytest.mark.parametrize("relaxed", [True, False])
@pytest.mark.parametrize("key", [GOOD, rsa_key(1024), ed25519_key()], ids=["rsa-2048", "rsa-1024", "ed25519"])
@pytest.mark.parametrize(
    "mail", [MAIL, octets(written("")), octets(written("a  b \n\n\n"))], ids=["pdf", "empty", "blanks"]
)
def test_a_signature_is_good(mail: bytes, key: Key, *, relaxed: bool) -> None:
    one = verified(signed(mail, key, relaxed=relaxed), key.record)
    assert (one.domain, one.selector, one.result) == ("example.com", "s", "pass")
    assert one.signed == {"from", "to", "subject", "date", "message-id"}


RECORDS = {
    "p=withdrawn": ("v=DKIM1; p=", "its key was withdrawn"),
    "none": ("", "its domain has no keys of this name"),
    "test": (f"{GOOD.record}; t=y", "its domain only tests DKIM (t=y)"),
    "other hash": (f"{GOOD.record}; h=sha1", "its key is not for sha256"),
    "other service": (f"{GOOD.record}; s=tlsrpt", "its key is not for mail"),
    "other kind": (ed25519_key().record, "its key is of another kind"),
    "other version": (GOOD.record.replace("DKIM1", "DKIM2"), "its key is of another kind"),
    "cut": (GOOD.record[:200], "its key cannot be read"),
    "not base64": ("v=DKIM1; p=!!!!", "its key cannot be read"),
    "another": (rsa_key(1024).record, "the signature is not that of its header"),
    "512 bits": (short_key().record, "its key has 512 bits"),
    "any hash": (f"{GOOD.record}; h=sha1 : sha256; s=*; n=a note", "pass"),
    "no version": (GOOD.record.removeprefix("v=DKIM1; "), "pass"),
    "below": (f"{GOOD.record}; t=s", "its key is not for names below its domain (t=s)"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_key_records(case: str) -> None:
    record, result = RECORDS[case]
    mail = signed(MAIL, GOOD, more="i=@mail.example.com;" if case == "below" else "")
    assert verified(mail, record).result == result


def test_a_good_signature_does_not_vouch_for_one_that_is_not() -> None:
    """Of two of one mail, with keys that are both read by the same verifier."""
    mail = signed(signed(MAIL, GOOD), ed25519_key())
    changed = mail.replace(b"a=ed25519-sha256; ", b"a=ed25519-sha256; n=1; ", 1)
    claimed = claims.read(changed, time.time())
    found = dkim.verify(changed, claimed.signatures, {0: (ed25519_key().record,), 1: (GOOD.record,)})
    assert [one.result for one in found] == ["the signature is not that of its header", "pass"]


def test_two_keys_of_a_name_are_none() -> None:
    mail = signed(MAIL, GOOD)
    assert verified(mail, GOOD.record, rsa_key(1024).record).result == "its domain has 2 keys of this name"
    assert verified(mail, "another=record", GOOD.record).result == "pass"
    assert verified(mail).result == "its domain has no keys of this name"


def test_a_key_of_512_bits_proves_nothing_though_its_signature_is_right() -> None:
    assert verified(signed(MAIL, short_key()), short_key().record).result == "its key has 512 bits"


CHANGES = {
    "body": (b"Please see attached.", b"Please see 4ttached.", "the body has been changed"),
    "from": (b"From: Alice <alice@", b"From: Alice <mallory@", "the signature is not that of its header"),
    "subject": (b"Subject: Contract", b"Subject: Contracts", "the signature is not that of its header"),
    "added from": (b"From: Alice", b"From: x@example.com\r\nFrom: Alice", "the signature is not that of its header"),
    "not signed": (b"MIME-Version", b"X-Spam: no\r\nMIME-Version", "pass"),
    "folded": (b"Subject: Contract", b"SUBJECT:  \r\n Contract ", "pass"),
    "tag": (b"s=s;", b"s=other;", "the signature is not that of its header"),
}


@pytest.mark.parametrize("key", [GOOD, ed25519_key()], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_changed_on_the_way(change: str, key: Key) -> None:
    before, after, result = CHANGES[change]
    mail = signed(MAIL, key)
    assert before in mail
    claimed = claims.read(mail, time.time())
    changed = mail.replace(before, after, 1)
    assert dkim.verify(changed, claimed.signatures, {0: (key.record,)})[0].result == result


NOW = time.time()
DAY = 86400
SIGNATURES = {
    "sha1": ({"algorithm": "rsa-sha1"}, "rsa-sha1 is not strong enough (RFC 8301)"),
    "l=": ({"more": "l=10;"}, "l= leaves the end of the body to anybody (RFC 6376 8.2)"),
    "from not signed": ({"fields": ("to", "subject", "date")}, "From is not signed"),
    "expired": ({"more": f"x={int(NOW - 5)};"}, "it has expired (x=)"),
    "not yet expired": ({"more": f"x={int(NOW + DAY)};"}, "pass"),
    "no time": ({"more": "x=soon;"}, "t= or x= is no time"),
    "delayed": ({"at": NOW - 5 * DAY}, "pass"),
    "old": ({"at": NOW - 7 * DAY}, "it is older than 6 days, as one that is sent again to another number would be"),
    "to come": ({"at": NOW + 2 * DAY}, "it is of a day to come"),
    "twice": ({"more": "d=example.com;"}, "it is no signature as RFC 6376 has them"),
    "no domain": ({"domain": "-"}, "it is no signature as RFC 6376 has them"),
    "upper case": ({"domain": "EXAMPLE.com"}, "pass"),
    "identity of another": ({"more": "i=@example.org;"}, "it is malformed"),
    "identity below": ({"more": "i=alice@mail.example.com;"}, "pass"),
    "from signed twice": ({"fields": ("from", "from", "to")}, "pass"),
}


@pytest.mark.parametrize("case", SIGNATURES)
def test_signatures(case: str) -> None:
    how, result = SIGNATURES[case]
    assert verified(signed(MAIL, GOOD, **how), GOOD.record).result.startswith(result)  # type: ignore[arg-type]


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2020 10:00:00 +0000", "yesterday"])
def test_without_t_the_signed_date_counts(date: str) -> None:
    old = MAIL.replace(b"Mon, 23 Nov 2026 10:00:00 +0000", date.encode())
    mail = signed(old, GOOD).replace(b" t=", b" q=dns/txt; z=", 1)
    assert "old" in verified(mail, GOOD.record).result


@pytest.mark.parametrize(
    "value",
    ["", ";", "v=1", "=", "a=rsa-sha256; d=example.com", "v=1; a=rsa-sha256; d=" + "a." * 200 + "example; s=s", "\xff"],
)
def test_what_is_no_signature(value: str) -> None:
    mail = b"DKIM-Signature: " + value.encode("latin-1") + b"\r\n" + MAIL
    assert verified(mail, GOOD.record).result != "pass"


@pytest.mark.parametrize("tags", ["bh=!; b=!", "bh=; b=", "h=:::; bh=x", "c=none; bh=x; b=x", "v=2; bh=eA==; b=eA=="])
def test_what_dkimpy_makes_of_a_broken_signature(tags: str) -> None:
    start = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; "
    if not tags.startswith("h="):
        start += "h=from:date; "
    if tags.startswith("v="):
        start = start.replace("v=1; ", "")
    mail = f"{start}t={int(NOW)}; {tags}\r\n".encode() + MAIL
    claimed = claims.read(mail, NOW)
    [one] = dkim.verify(mail, claimed.signatures, {0: (GOOD.record,)})
    assert one.result not in {"pass", UNCHECKED}


def test_many_signatures_are_looked_at_up_to_a_number() -> None:
    mail = MAIL
    for _ in range(claims.MAX_SIGNATURES + 5):
        mail = signed(mail, GOOD)
    assert len(claims.read(mail, NOW).signatures) == claims.MAX_SIGNATURES


def test_a_header_that_is_too_long_is_not_looked_into() -> None:
    mail = b"X: " + b"y" * MAX_HEADER + b"\r\n" + signed(MAIL, GOOD)
    claimed = claims.read(mail, NOW)
    assert claimed.unclear
    assert not claimed.signatures


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r", b"\n", b"\r\n", b"x"]), max_size=40))
def test_canonical_bodies_are_those_of_another_program(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    assert canonical.relaxed(body) == Relaxed.canonicalize_body(body)
    assert canonical.simple(body) == Simple.canonicalize_body(body)


def test_many_empty_lines_at_the_end_are_none() -> None:
    lines = b"\r\n" * 10_001
    assert canonical.relaxed(b"x" + lines) == canonical.simple(b"x" + lines) == b"x\r\n"
    assert (canonical.relaxed(lines), canonical.simple(lines)) == (b"", b"\r\n")


@pytest.mark.parametrize(
    "line",
    [b" " * 2040 + b"x\r\n", b"\t" * 500 + b"\n", b" x", b"\r\n", b" \r\n"],
    ids=["blanks", "tabs", "words", "lines", "blank lines"],
)
def test_a_body_that_is_made_to_take_long_does_not(line: bytes) -> None:
    """4 MB, for five signatures. With the square of a line's length the first takes half a minute."""
    header = octets(written("")).partition(b"\r\n\r\n")[0]
    mail = header + b"\r\n\r\n" + line * (4_000_000 // len(line))
    forged = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/%b; d=example.com; s=s; t=%d; h=from; bh=eA==; b=eA==\r\n"
        % (form, NOW)
        for form in (b"relaxed", b"relaxed", b"simple", b"relaxed", b"simple")
    )
    claimed = claims.read(forged + mail, NOW)
    began = time.process_time()
    found = dkim.verify(forged + mail, claimed.signatures, dict.fromkeys(range(5), (GOOD.record,)))
    assert time.process_time() - began < 1
    assert {one.result for one in found} == {"the body has been changed"}


def test_many_names_of_many_fields_do_not_take_long() -> None:
    names = [f"n{number:x}" for number in range(2500)]
    header = "".join(f"{name}:\r\n" for name in names) + "n0:\r\n" * 40_000
    mail = signed(header.encode() + MAIL, GOOD).replace(b"h=from:", f"h=from:{':'.join(names)}:".encode(), 1)
    began = time.process_time()
    assert verified(mail, GOOD.record).result == "the signature is not that of its header"
    assert time.process_time() - began < 3


@pytest.mark.parametrize("tag", ["h=from{}x; b=eA==", "h=from; b=x{}!", "h=from; b{}x=y; b=eA=="])
def test_white_space_in_a_signature_does_not_take_long(tag: str) -> None:
    tag = tag.replace("{}", "\r\n " * 5000)
    mail = f"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; t={NOW:.0f}; bh=eA==; {tag}\r\n".encode() + MAIL
    began = time.process_time()
    assert verified(mail, GOOD.record).result == "it is no signature as RFC 6376 has them"
    assert time.process_time() - began < 1
