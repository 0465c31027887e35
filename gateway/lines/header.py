"""The header line on top of every page sent: its text and its clock, in forms that libspandsp takes."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.lines.spandsp import MAX_HEADER


def header_zone(timezone: str, now: datetime) -> str:
    """The POSIX TZ value in which a clock shows the time of `timezone` at `now`. Raises ValueError.

    >>> header_zone("Asia/Kolkata", datetime.fromisoformat("2025-01-01T00:00Z"))
    'FAX-05:30'
    """
    try:
        offset = now.astimezone(ZoneInfo(timezone)).utcoffset()
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{timezone!r} is no time zone") from error
    minutes = round(offset.total_seconds() / 60) if offset else 0
    # POSIX counts west of Greenwich as positive.
    return f"FAX{'-' if minutes >= 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def header_text(line: str) -> str:
    """What can stand in a page header: ASCII, accents taken off, no longer than the library allows."""
    plain = unicodedata.normalize("NFKD", line)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in plain)[:MAX_HEADER]
