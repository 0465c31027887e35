"""The folder that FreeSWITCH and we share, perhaps under different names.

    tx/UUID.tif                    what a call is to send: put here before it is dialled, removed when it is forgotten
    rx/CALLED.CALLER.UUID.tif      what FreeSWITCH has received (deploy/freeswitch); removed when it is stored
    cdr/UUID.cdr.json              its call records (mod_json_cdr)

Nothing in a name comes from a document or from a far end: FreeSWITCH reads paths as words of commands.
"""

import os
import re
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SAFE_PATH = re.compile(r"/[A-Za-z0-9_./-]*", re.ASCII)
UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_RECEIVED = re.compile(rf"(?:(?P<called>\d+)\.(?P<caller>\d+|unknown)\.)?(?P<uuid>{UUID.pattern})\.tiff?", re.ASCII)

MOST_PAGES = 10_000

TRACE = "faxgate"

RECEIVED_FOLDERS = ("rx", "")
"""Where a received image may lie: as our dialplan has it, or plainly in the spool, as somebody else's may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A received image in the spool, and what its name tells."""

    uuid: str
    path: Path
    called: str = ""
    """Digits; empty where the name does not tell."""
    caller: str = ""


def pages_in(image: Path) -> int:
    """How many pages a TIFF has, by its directories alone; 0 for a stub. Blocks.

    TIFF 6.0 section 2: a byte order, 42, and the place of the first directory; each ends with the place of the next.
    """
    pages = 0
    try:
        with image.open("rb") as file:
            head = file.read(8)
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
            at = struct.unpack(f"{order}I", head[4:])[0] if order and len(head) == 8 else 0
            while at and pages < MOST_PAGES:
                file.seek(at)
                (entries,) = struct.unpack(f"{order}H", file.read(2))
                file.seek(at + 2 + 12 * entries)
                (at,) = struct.unpack(f"{order}I", file.read(4))
                pages += 1
    except (OSError, struct.error):
        return pages  # what is there of it counts
    return pages


@dataclass(frozen=True, slots=True)
class Spool:
    """Everything here blocks, for a few small file operations; `put` for an fsync."""

    folder: Path
    node_folder: str

    def prepare(self) -> None:
        """Make the folders. Raises OSError."""
        for name in ("tx", "rx", "cdr"):
            folder = self.folder / name
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o2770)  # FreeSWITCH may run as another user of our group

    def leave_trace(self) -> str:
        """Leave a file by which FreeSWITCH can tell that it sees this folder; its path there. Raises OSError."""
        (self.folder / TRACE).touch()
        return f"{self.node_folder.rstrip('/')}/{TRACE}"

    @property
    def records(self) -> Path:
        return self.folder / "cdr"

    @property
    def node_records(self) -> str:
        """Where FreeSWITCH is to write its call records, as it sees it."""
        return f"{self.node_folder.rstrip('/')}/cdr"

    def put(self, uuid: str, image: Path) -> str:
        """Copy an image that is to be sent; returns its path as FreeSWITCH sees it. Raises OSError."""
        path = self.sent(uuid)
        draft = path.with_suffix(".draft")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o770)
        try:
            shutil.copyfile(image, draft)
            draft.chmod(0o640)
            # FreeSWITCH answers a missing file by a call without a fax, so it must be whole before it has its name.
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        return f"{self.node_folder.rstrip('/')}/tx/{uuid}.tif"

    def sent(self, uuid: str) -> Path:
        """Where the image of an outgoing call lies."""
        if not UUID.fullmatch(uuid):
            raise ValueError(f"{uuid!r} is no uuid")
        return self.folder / "tx" / f"{uuid}.tif"

    def remove_sent(self, uuid: str) -> None:
        for path in (self.sent(uuid), self.sent(uuid).with_suffix(".draft")):
            path.unlink(missing_ok=True)

    def ours(self, node_path: str) -> Path | None:
        """Where a file of FreeSWITCH's lies for us; None where it is not in the spool."""
        if not SAFE_PATH.fullmatch(node_path) or ".." in PurePosixPath(node_path).parts:
            return None
        try:
            return self.folder / PurePosixPath(node_path).relative_to(self.node_folder)
        except ValueError:
            return None

    def image(self, uuid: str, node_path: str) -> Path | None:
        """The image that a call has received, where FreeSWITCH said, or where a name says so."""
        told = self.ours(node_path) if node_path else None
        if told is not None and told.is_file():
            return told
        return next((file.path for file in self.received() if file.uuid == uuid), None)

    def received(self) -> list[Received]:
        """The received images that lie in the spool."""
        found = []
        for name in RECEIVED_FOLDERS:
            folder = self.folder / name
            for path in folder.iterdir() if folder.is_dir() else ():
                match = _RECEIVED.fullmatch(path.name)
                if match and path.is_file() and not path.is_symlink():
                    caller = match["caller"] or ""
                    found.append(
                        Received(
                            uuid=match["uuid"],
                            path=path,
                            called=match["called"] or "",
                            caller="" if caller == "unknown" else caller,
                        )
                    )
        return found
