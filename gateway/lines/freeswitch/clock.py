"""The clock of the header line that FreeSWITCH prints: libspandsp knows no names of zones."""

from datetime import datetime
from zoneinfo import ZoneInfo


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
