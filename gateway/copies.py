"""Copies of documents in a folder of this host, for whoever works on them: kept for a while, and not too many.

Copies that were opened in the last minutes are never removed, because somebody may be about to read them; so the folder
can grow beyond its measure for that long.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.ids import new_id

TIDY_SECONDS = 300.0


class Copies:
    """Private to this user; several processes may share the folder."""

    def __init__(self, folder: Path, *, unused_seconds: float, in_use_seconds: float, most_bytes: int) -> None:
        self._folder = folder
        self._unused_seconds, self._in_use_seconds, self._most_bytes = unused_seconds, in_use_seconds, most_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._tidied = float("-inf")

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())

    def find(self, key: str) -> Path | None:
        path = self._path(key)
        try:
            os.utime(path)  # used just now
        except FileNotFoundError:
            return None
        return path

    def coming(self) -> Path:
        """Where a copy can be written until it is whole."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # somebody may have cleaned up
        return self._folder / f"{new_id()}.part"

    def take(self, key: str, file: Path) -> Path:
        """Make a whole file the copy of `key`."""
        path = self._path(key)
        if file.parent != self._folder:
            coming = self.coming()
            shutil.move(file, coming)
            file = coming
        file.chmod(0o600)
        os.utime(file)
        return file.replace(path)

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    async def tidy(self) -> None:
        """Remove, now and then, what is not used any more or too much."""
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            self._tidied = time.monotonic()
            await asyncio.to_thread(self.tidy_now, time.time())

    def tidy_now(self, now: float) -> None:
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        left = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            unused = now - used
            if unused > self._unused_seconds or (left > self._most_bytes and unused > self._in_use_seconds):
                path.unlink(missing_ok=True)
                left -= size

    def _path(self, key: str) -> Path:
        return self._folder / key.replace("/", "_")
