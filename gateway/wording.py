"""Numbers, times and foreign text as people read them. Pure; nothing here raises on what others wrote."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import phonenumbers

from gateway.accounts import Account, Faxbox
from gateway.languages import ENGLISH, Language, Said, counted, said

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's direction marks, which could turn the rest of a line round."""


_LETTERS = str.maketrans({"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d"})


def one_line(text: str, limit: int = 200) -> str:
    """Text from outside made harmless for a header or a line of a mail: no control characters, no line breaks, no
    undecodable bytes, at most `limit` characters.

    >>> one_line("Hello\\r\\nBcc: everybody@example.com")
    'Hello Bcc: everybody@example.com'
    """
    # Cc: controls; Cs: the surrogates that stand for undecodable bytes; Zl, Zp: Unicode's own line breaks.
    shown = ("" if c in _BIDI else " " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in text)
    line = " ".join("".join(shown).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def some(words: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are.

    >>> some(["a", "b"]), some(["a", "b", "c", "d"])
    ('a, b', 'a, b, c and 1 more')
    """
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def plain(text: str) -> str:
    """As much of it as ASCII can say, which is all that T.30 carries: accents are taken off.

    >>> plain("Café Großmann, Łódź")
    'Cafe Grossmann, Lodz'
    """
    parts = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    letters = "".join(character for character in parts if not unicodedata.combining(character))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in letters)


UNKNOWN_NUMBER = said("an unknown number")


def number_words(number: str, unknown: str = UNKNOWN_NUMBER) -> str:
    """A telephone number in the international format; as it was written where it is none.

    >>> number_words("+12025550190")
    '+1 202-555-0190'
    """
    written = one_line(number, 40)
    if not written:
        return unknown
    try:
        parsed = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        return written
    if not phonenumbers.is_possible_number(parsed):
        return written
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def zone_of(faxbox: Faxbox | None, account: Account) -> tzinfo:
    """The faxbox's timezone, else the account's, else UTC: a misspelt name must not hold a mail up."""
    for name in (faxbox.timezone if faxbox else "", account.timezone):
        if name:
            try:
                return ZoneInfo(name)
            except (ValueError, OSError, KeyError):  # malformed; a folder or unreadable; no such zone
                continue
    return ZoneInfo("UTC")


def time_words(moment: datetime, zone: tzinfo, say: Language = ENGLISH) -> str:
    """`23 November 2026, 14:05:09 CET`, `23. November 2026, 14:05:09 Uhr (MEZ)`; it says which zone it is in."""
    local = moment.astimezone(zone)
    return say(said("{date}, {time} {zone}", date=say.date(local), time=f"{local:%H:%M:%S}", zone=say.zone(local)))


def duration_words(seconds: float) -> str:
    """`48 s`, `2 min 05 s`, `1 h 02 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def pages_words(pages: int) -> Said:
    return counted("{n} page", "{n} pages", pages)


def size_words(size: int, say: Language = ENGLISH) -> str:
    """`640 bytes`, `12 kB`, `3.4 MB`; `640 Byte`, `3,4 MB`."""
    if size < 1000:
        return say(counted("{n} byte", "{n} bytes", size))
    return f"{say.number(size / 1e3)} kB" if size < 1e6 - 500 else f"{say.number(size / 1e6, 1)} MB"
