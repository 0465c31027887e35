"""Ids as they stand in addresses and start keys."""

import re

_ID = re.compile(r"[0-9a-f]{32}")


def is_id(text: str) -> bool:
    """Whether this can be an id of ours. Anything else is not even looked up: no database likes every text (PostgreSQL
    refuses NUL)."""
    return _ID.fullmatch(text) is not None
