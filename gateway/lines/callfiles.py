"""The directory in which loopback calls leave their traces: what makes a call's outcome survive a crash.

    ID.call        written before dialling: which incoming call it is, if a faxbox answers. Whoever runs the call holds
                   a lock (flock) on it, taken before the file has its name, so that an unlocked one is a dead call.
    ID.tif         the pages as received.
    ID.json        the record: both ends' results, in one rename. Before it nothing has been delivered, after it
                   everything has: both fax machines live in the one process that writes it.
    ID.forgotten   the outgoing half is stored elsewhere.
    ID.telling     locked by the process that tells the incoming half.
    ID.delivered   the incoming half is stored elsewhere.

ID is the outgoing call's id. When both halves are stored the files go. Several processes may share the directory; each
step is a rename or a creation, so none needs another's leave.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.fax import CallResult


def result_to_json(result: CallResult) -> dict[str, Any]:
    fields = asdict(result)
    for name in ("answered_at", "ended_at"):
        fields[name] = fields[name].isoformat() if fields[name] else None
    return fields


def result_from_json(fields: dict[str, Any]) -> CallResult:
    times = {
        name: datetime.fromisoformat(fields[name]) if fields[name] else None for name in ("answered_at", "ended_at")
    }
    return CallResult(**{**fields, **times})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The incoming half of a call: told again with the same id after a restart."""

    call_id: str
    from_number: str
    to_number: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    outgoing: CallResult
    incoming: CallResult | None
    """None where a scripted end was called."""


REFUSED = "refused"
"""In place of an identity: this call was asked about before it was begun, was called unanswered, and so must not begin
any more; a gateway that slept may still want to."""

REFUSED_FOR = 7 * 86_400.0
"""Seconds that a refusal is kept."""


class CallFiles:
    """The files of one call. Everything here blocks, for the time of a few small file operations, and of an
    fsync in `begin` and `finish`."""

    def __init__(self, directory: Path, call_id: str) -> None:
        if not (call_id.isascii() and call_id.isalnum()):
            raise ValueError(f"a call id is letters and digits: {call_id!r}")
        self.directory = directory
        self.call_id = call_id
        self.call = directory / f"{call_id}.call"
        self.image = directory / f"{call_id}.tif"
        self._record = directory / f"{call_id}.json"
        self._forgotten = directory / f"{call_id}.forgotten"
        self._delivered = directory / f"{call_id}.delivered"
        self._telling = directory / f"{call_id}.telling"

    def begin(self, identity: Identity | None) -> int:
        """Make the call known; returns the locked descriptor, to be handed to the process that runs the call.

        Raises FileExistsError where this call was begun before.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        draft = self.call.with_suffix(".draft")
        lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if identity is not None:
                fields = {**asdict(identity), "started_at": identity.started_at.isoformat()}
                os.write(lock, json.dumps(fields).encode())
                os.fsync(lock)
            # link and not rename: it refuses to replace a call of the same id.
            os.link(draft, self.call)
            if identity is not None:
                _sync(self.directory)
        except BaseException:
            os.close(lock)
            raise
        finally:
            draft.unlink(missing_ok=True)
        return lock

    def refuse(self) -> bool:
        """See to it that this call is never begun; False where it has been."""
        self.directory.mkdir(parents=True, exist_ok=True)
        draft = self.call.with_suffix(".draft")
        draft.write_text(REFUSED)
        try:
            os.link(draft, self.call)
        except FileExistsError:
            return self._text() == REFUSED
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _text(self) -> str:
        try:
            return self.call.read_text()
        except FileNotFoundError:
            return ""

    def identity(self) -> Identity | None:
        """The incoming call; None where there is none."""
        text = self._text()
        if text in ("", REFUSED):
            return None
        fields = json.loads(text)
        return Identity(**{**fields, "started_at": datetime.fromisoformat(fields["started_at"])})

    def finish(self, record: Record) -> None:
        """Write the record: the moment at which the call has happened. Durable when it returns."""
        if record.incoming is not None and self.image.exists():
            with self.image.open("rb") as image:
                os.fsync(image.fileno())
        draft = self._record.with_suffix(".tmp")
        incoming = result_to_json(record.incoming) if record.incoming else None
        with draft.open("w") as file:
            json.dump({"outgoing": result_to_json(record.outgoing), "incoming": incoming}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._record)
        _sync(self.directory)

    def record(self) -> Record | None:
        try:
            fields = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        incoming = fields["incoming"]
        return Record(result_from_json(fields["outgoing"]), result_from_json(incoming) if incoming else None)

    def live(self) -> bool:
        """Whether a process runs this call."""
        try:
            lock = os.open(self.call, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared: several may ask at a time without taking each other for the call.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    @contextmanager
    def telling(self) -> Iterator[bool]:
        """Take it upon oneself to tell the end of the incoming call; yields whether that is to be done, and by us."""
        if not self.undelivered() or self.live():
            yield False
            return
        lock = os.open(self._telling, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                ours = False
            else:
                ours = self.undelivered()  # asked again: who held the lock before may have told it
            yield ours
        finally:
            os.close(lock)

    def undelivered(self) -> bool:
        """Whether there is an incoming call whose end is still to be told."""
        return self.identity() is not None and not self._delivered.exists()

    def forget_outgoing(self) -> None:
        """The outgoing half may go. Unknown calls are ignored, and a refusal stays."""
        if self.call.exists() and self._text() != REFUSED:
            self._forgotten.touch()
            self.tidy()

    def forget_incoming(self) -> None:
        """The incoming half and its pages may go; `tidy` follows."""
        self._delivered.touch()
        self.image.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove everything, if nobody needs any of it any more. Each half leaves its mark before it looks for the
        other's, so the later of two always sees both."""
        if not self.call.exists():
            self._remove()  # what a removal left that was cut short
        elif self._text() == REFUSED:
            if time.time() - self.call.stat().st_mtime > REFUSED_FOR:
                self._remove()
        elif not self.undelivered() and self._outgoing_done():
            self._remove()

    def _outgoing_done(self) -> bool:
        return self._forgotten.exists() if self.record() else not self.live()

    def _remove(self) -> None:
        draft = self._record.with_suffix(".tmp")
        for path in (self._record, draft, self.image, self.call, self._forgotten, self._delivered, self._telling):
            path.unlink(missing_ok=True)


def known_calls(directory: Path) -> list[CallFiles]:
    """Every call that has left anything in `directory`, the oldest first where ids sort by time."""
    if not directory.is_dir():
        return []
    ids = {path.stem for path in directory.iterdir() if path.suffix != ".draft"}
    return [CallFiles(directory, call_id) for call_id in sorted(ids) if call_id.isalnum()]


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
