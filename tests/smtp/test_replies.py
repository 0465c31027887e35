"""Errors as reply lines."""

import pytest

from gateway import errors
from smtp import replies

EVERY = [
    (errors.UnknownDomain, "550 5.1.2"), (errors.BadNumber, "550 5.1.3"),
    (errors.BadAddress, "553 5.1.7"), (errors.NotPermitted, "550 5.7.1"), (errors.NoDocument, "554 5.6.1"),
    (errors.DocumentRefused, "554 5.6.1"), (errors.TooLarge, "552 5.3.4"), (errors.OurTrouble, "451 4.3.0"),
    (errors.Busy, "452 4.5.3"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "codes"), EVERY)
def test_codes(kind: type[errors.FaxgateError], codes: str) -> None:
    assert replies.of_error(kind("Why.", detail="secret")) == f"{codes} Why."


def test_a_reply_is_one_line_of_ascii_and_not_too_long() -> None:
    error = errors.NoDocument("a\r\n250 OK\x00\u2028\u00e4" + "x" * 600)
    assert replies.of_error(error).startswith("554 5.6.1 a 250 OK ?xxx")
    assert len(replies.of_error(error)) == 510
    in_utf8 = replies.of_error(errors.NoDocument("\u00e4" * 600), utf8=True)
    assert in_utf8.startswith("554 5.6.1 \u00e4\u00e4")
    assert len(in_utf8.encode()) <= 510


def test_every_fixed_reply_can_be_sent() -> None:
    for name, text in vars(replies).items():
        if name.isupper() and isinstance(text, str):
            assert text == replies.one_line(text), name
