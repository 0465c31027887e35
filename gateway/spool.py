"""The spool: mails on their way in, pages on their way through. What a killed process has left there is removed at the
next start."""

import shutil
from pathlib import Path

ABANDONED_AFTER = 86_400.0
"""Seconds: no mail is on its way, and no document in the works, for a day."""


def remove_abandoned(spool: Path, now: float) -> None:
    """Remove what nobody has touched for a day. `now` is Unix time. Blocks."""
    for folder in spool.iterdir():
        if now - folder.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(folder)
