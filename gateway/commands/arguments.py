"""Arguments of the command line that are more than a word."""

from argparse import ArgumentTypeError
from datetime import date

from gateway.accounts import Scanner

SCANNER = "ADDRESS=SENDER[,pages=N][,receipts=ADDRESS][,plaintext]"


def scanner(word: str) -> Scanner:
    """An office scanner as it is written. Raises ArgumentTypeError.

    >>> scanner("192.0.2.7=scan@example.com,pages=20,plaintext").max_pages
    20
    """
    where, sign, rest = word.partition("=")
    sender, *others = rest.split(",")
    given = dict(other.partition("=")[::2] for other in others)
    pages = given.pop("pages", None)
    receipts, plaintext = given.pop("receipts", ""), given.pop("plaintext", None)
    if not sign or not sender or given or (pages is not None and not pages.isdecimal()) or plaintext:
        raise ArgumentTypeError(f"{word!r}: a scanner is written {SCANNER}")
    return Scanner(
        network=where,
        sender=sender,
        max_pages=None if pages is None else int(pages),
        receipts_to=receipts,
        plaintext=plaintext is not None,
    )


def day(written: str) -> date:
    """A day as ISO 8601 has it. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise ArgumentTypeError(f"{written!r} is no date like 2026-01-31") from error
