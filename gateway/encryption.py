"""Documents encrypted at rest: around any documents store, with keys that are in the environment and nowhere else.

Each document is a stream of libsodium's (`crypto_secretstream_xchacha20poly1305`, a new key stream for each): changed,
cut short, or given under another name it is not opened. Keys can be replaced: the first of them encrypts, all of them
open. What was stored before there was a key is opened as it is.

Whoever works on a document needs a file, so what is opened lies in the clear for some minutes, in memory (`/dev/shm`)
and not on a disk, where the system has that. The folder goes with its process; what a kill leaves behind the next one
removes.
"""

import asyncio
import base64
import binascii
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from gateway.copies import Copies
from gateway.errors import NotFound, OurTrouble
from gateway.ids import new_id
from gateway.ports import Documents, NewDocument

log = logging.getLogger(__name__)

MAGIC = b"faxgate encrypted 1\n"
KEY_BYTES = sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
_HEADER = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MORE = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_NAME_BYTES = 8
CHUNK = 1 << 16

UNUSED_SECONDS, IN_USE_SECONDS = 600.0, 60.0
MOST_BYTES = 1 << 28


class Keys:
    """`name` is what a document says of the key that it needs: a digest, which tells nothing of it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.first = keys[0]
        self._by_name = {name_of(key): key for key in keys}

    def named(self, name: bytes) -> bytes | None:
        return self._by_name.get(name)

    @classmethod
    def read(cls, written: str) -> "Keys":
        """Base64 of 32 bytes each, space-separated, the one that encrypts first. Raises ValueError."""
        keys = []
        for number, word in enumerate(written.split(), 1):
            try:
                key = base64.b64decode(word, validate=True)
            except binascii.Error:
                key = b""
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {number} is not Base64 of {KEY_BYTES} bytes; make one with `faxgate key`")
            keys.append(key)
        if not keys:
            raise ValueError("a key is needed; make one with `faxgate key`")
        return cls(keys)


def new_key() -> str:
    return base64.b64encode(sodium.crypto_secretstream_xchacha20poly1305_keygen()).decode()


def name_of(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_NAME_BYTES, person=b"faxgate key").digest()


def encrypt(key: bytes, name: str, clear: IO[bytes], into: IO[bytes]) -> None:
    """`name` is the document's key in the store, under which alone it can be opened."""
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    into.write(MAGIC + name_of(key) + header)
    for chunk, last in _chunks(clear, CHUNK):
        tag = _FINAL if last else _MESSAGE
        into.write(sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, name.encode(), tag))


def decrypt(keys: Keys, name: str, stored: IO[bytes], into: IO[bytes]) -> None:
    """Raises OurTrouble where none of the keys opens it, or it is not what was stored under this name."""
    key = keys.named(stored.read(len(MAGIC) + _NAME_BYTES)[len(MAGIC) :])
    if key is None:
        raise OurTrouble(
            "The document cannot be had right now.",
            detail=f"{name} is encrypted with a key that FAXGATE_DOCUMENTS_KEYS does not have",
        )
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    changed = OurTrouble("The document cannot be had right now.", detail=f"{name} is not as it was stored")
    try:
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, stored.read(_HEADER), key)
        for chunk, last in _chunks(stored, CHUNK + _MORE):
            clear, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, chunk, name.encode())
            if (tag == _FINAL) is not last:  # cut short, or longer than it was
                raise changed
            into.write(clear)
    except (CryptoError, ValueError) as error:
        raise changed from error


def _chunks(file: IO[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """The chunks of a file, at least one, and whether each is the last."""
    chunk = file.read(size)
    while True:
        following = file.read(size) if len(chunk) == size else b""
        yield chunk, not following
        if not following:
            return
        chunk = following


class EncryptedDocuments:
    def __init__(self, within: Documents, keys: Keys, clear: "ClearFolder") -> None:
        self._within = within
        self._keys = keys
        self._clear = clear
        self._copies = Copies(
            clear.path, unused_seconds=UNUSED_SECONDS, in_use_seconds=IN_USE_SECONDS, most_bytes=MOST_BYTES
        )
        self._tidying: asyncio.TimerHandle | None = None

    async def put(self, documents: Sequence[NewDocument]) -> None:
        encrypted = [await asyncio.to_thread(self._encrypted, one) for one in documents]
        try:
            await self._within.put(encrypted)
        finally:
            for one in encrypted:
                if isinstance(one.content, Path):
                    one.content.unlink(missing_ok=True)
        for given in documents:
            if isinstance(given.content, Path):
                # Whoever brings a file is about to open it again: a rendered fax is dialled next.
                await asyncio.to_thread(self._keep_clear, given.key, given.content)
                self._tidy_later()

    async def open(self, key: str) -> Path:
        try:
            stored = await self._within.open(key)
        except NotFound:  # asked each time: what another process has removed is not handed out
            self._copies.remove([key])
            raise
        self._tidy_later()
        copy = self._copies.find(key)
        return copy if copy is not None else await asyncio.to_thread(self._decrypted, key, stored)

    async def delete(self, keys: Sequence[str]) -> None:
        try:
            await self._within.delete(keys)
        finally:  # what the store cannot erase just now does not lie about in the clear
            self._copies.remove(keys)

    def stored(self, since: datetime) -> AsyncIterator[tuple[str, datetime]]:
        return self._within.stored(since)

    def _keep_clear(self, key: str, file: Path) -> None:
        """Only a convenience: what is stored can be opened from there. The file goes in any case."""
        try:
            self._copies.take(key, file)
        except OSError as error:
            log.warning("documents: no room for a copy in the clear: %s", error)
            file.unlink(missing_ok=True)

    def _tidy_later(self) -> None:
        """What is in the clear goes when its time has passed, whether or not anybody comes again."""
        if self._tidying is None:
            loop = asyncio.get_running_loop()
            self._tidying = loop.call_later(UNUSED_SECONDS, lambda: loop.run_in_executor(None, self._tidy, loop))

    def _tidy(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._copies.tidy_now(time.time())
        except OSError as error:
            log.warning("documents: copies in the clear are not tidied: %s", error)
        self._tidying = None
        if self._copies:
            loop.call_soon_threadsafe(self._tidy_later)

    def _encrypted(self, document: NewDocument) -> NewDocument:
        if isinstance(document.content, bytes):
            into = BytesIO()
            encrypt(self._keys.first, document.key, BytesIO(document.content), into)
            return NewDocument(document.key, into.getvalue())
        # Beside the clear file, which is where the store within takes files from.
        written = document.content.with_name(f"{new_id()}.encrypted")
        try:
            with document.content.open("rb") as clear, written.open("xb") as encrypted:
                encrypt(self._keys.first, document.key, clear, encrypted)
        except OSError as error:
            written.unlink(missing_ok=True)
            raise OurTrouble("The document cannot be stored right now.", detail=str(error)) from error
        return NewDocument(document.key, written)

    def _decrypted(self, key: str, stored: Path) -> Path:
        try:
            with stored.open("rb") as file:
                if not _is_encrypted(file):
                    return stored
                coming = self._copies.coming()
                try:
                    with coming.open("xb") as clear:
                        decrypt(self._keys, key, file, clear)
                    return self._copies.take(key, coming)
                finally:
                    coming.unlink(missing_ok=True)
        except OSError as error:
            raise OurTrouble("The document cannot be had right now.", detail=str(error)) from error


def _is_encrypted(file: BufferedReader) -> bool:
    return file.peek(len(MAGIC))[: len(MAGIC)] == MAGIC


class ClearFolder:
    """A folder for this process alone, which goes with it."""

    def __init__(self, within: Path) -> None:
        _remove_abandoned(within)
        made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=within))
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only now under the name by which others look for what is abandoned.
        self.path = made.rename(within / made.name.removeprefix("."))
        self.remove = weakref.finalize(self, _remove, self.path, lock)


_PREFIX = "faxgate-clear-"


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def _remove_abandoned(within: Path) -> None:
    """Remove the folders of processes that were killed: nobody holds their locks any more."""
    for path in within.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # gone meanwhile, or another user's
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
