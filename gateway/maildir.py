"""Mails into a Maildir, for development and tests: no relay is needed to see what would leave.

A full disk raises DelayedDeliveryError, and `gateway.postman` tries again. A file is named by its key: so none is there
twice, not even after a crash.
"""

import asyncio
import hashlib
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from gateway.ports import DelayedDeliveryError, RefusedDeliveryError

_ABANDONED = 36 * 3600
"""maildir(5): what is in tmp for 36 hours belongs to nobody any more."""


class MaildirMailer:
    """One Maildir for all recipients, told apart by Delivered-To; for development and tests.

    A file is named by its key and recipient: a delivery that is tried again after a crash finds the first one, in
    `new` or moved on to `cur`, and writes no second. A returned delivery is on the disk, directory included.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = False

    async def send(self, *, sender: str, recipient: str, message: bytes, key: str) -> str:
        check_addresses(sender, recipient)
        try:
            return await asyncio.to_thread(self._deliver, sender, recipient, message, key)
        except OSError as error:
            raise DelayedDeliveryError(f"The Maildir cannot be written: {error.strerror}") from error

    async def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(self, sender: str, recipient: str, message: bytes, key: str) -> str:
        if not self._made:
            self._make()
            self._made = True
        name = _maildir_name(key, recipient)
        if self._holds(name):
            return f"already in the Maildir as {name}"
        envelope = f"Return-Path: <{sender}>\nX-Original-To: {recipient}\nDelivered-To: {recipient}\n"
        written = self._path / "tmp" / f"{name}.{os.getpid()}.{time.monotonic_ns()}"
        with written.open("xb") as file:
            file.write(envelope.encode() + message.replace(b"\r\n", b"\n"))  # a Maildir holds local line ends
            file.flush()
            os.fsync(file.fileno())
        written.rename(self._path / "new" / name)
        _sync(self._path / "new")
        return f"in the Maildir as {name}"

    def _holds(self, name: str) -> bool:
        # A reader moves `new/NAME` to `cur/NAME:2,FLAGS`.
        return (self._path / "new" / name).exists() or any((self._path / "cur").glob(f"{name}:2,*"))

    def _make(self) -> None:
        tmp = self._path / "tmp"
        for folder in (tmp, self._path / "cur", self._path / "new"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(self._path)
        _sync(self._path.parent)
        for left in tmp.iterdir():
            with suppress(FileNotFoundError):  # another delivery has moved it to `new` meanwhile
                if time.time() - left.stat().st_mtime > _ABANDONED:
                    left.unlink()


def _maildir_name(key: str, recipient: str) -> str:
    """The same for the same notice and recipient; in order of time where keys are."""
    readable = key if re.fullmatch(r"[0-9A-Za-z_-]{1,64}", key) else hashlib.sha256(key.encode()).hexdigest()
    return f"{readable}.{hashlib.sha256(recipient.encode()).hexdigest()[:16]}.faxgate"


def _sync(folder: Path) -> None:
    """Make the folder's own entries durable: the fsync of a file does not cover its name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_addresses(sender: str, recipient: str) -> None:
    """Whether both can be written into an envelope. Raises RefusedDeliveryError."""
    # aiosmtplib takes the address out of what looks like a header, and so would mail somebody else.
    if not recipient or any(c in "<>\x7f" or ord(c) < 32 for c in sender + recipient):
        raise RefusedDeliveryError("An address has a character in it that no address can have.")
