"""The octets between 354 and CRLF.CRLF (RFC 5321 4.1.1.4, 4.5.2): found, checked and unstuffed in large pieces.

Nothing here waits or parses. Going line by line is what makes a listener slow: a mail of 500 kB has 6,500 lines, and
the end of the mail, the stuffed dots, bare line ends and overlong lines can all be found without taking them apart.

The piece at hand always begins with the CRLF of the line before (at first with the one behind DATA), so that the end
marker and stuffed dots are never cut in two. A refusal does not stop the reading: the client is not listening before
the end marker, and only that puts both sides in step again. So it is where the disk is full or takes no file: the mail
is refused for now.
"""

import logging
import shutil
from io import FileIO
from pathlib import Path

import numpy as np

from smtp import replies
from smtp.policy import Limits

log = logging.getLogger(__name__)

END = b"\r\n.\r\n"
CR, LF = END[:2]
SLICE = 1 << 16
LOOK_ALIKES = (b"\n.\n", b"\r.\r", b"\n.\r\n")
"""Ends to a careless server. A client that stops here waits for a reply; another smuggles commands behind it."""


class MailData:
    """One mail on its way in. Feed it until `feed` returns what lies behind the end marker."""

    def __init__(self, limits: Limits, directory: Path) -> None:
        """`directory` is made when the first octet goes to disk."""
        self.size = 0
        """Octets, as RFC 1870 counts them. Of a mail that is too large: those that were looked at."""
        self.refusal = ""
        """The reply that the mail gets because of its octets, or because they could not be stored."""
        self.trouble = ""
        """Why they could not be stored, for the operator."""
        self._limits = limits
        self._room = min(limits.memory, limits.size)
        self._directory = directory
        self._piece = bytearray(b"\r\n")
        self._file: FileIO | None = None
        self._content = b""
        self._drained = 0
        self._at_start = True

    @property
    def path(self) -> Path:
        return self._directory / "mail"

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next octets. Returns None until the mail is complete, then the octets behind its end."""
        unseen = max(0, len(self._piece) - len(END) + 1)
        self._piece += chunk
        # Base64 has no dots, and one octet is found many times as fast as five.
        end = self._piece.find(END, unseen, self._piece.rfind(b".", unseen) + len(END) - 2)
        if end < 0:
            return None
        rest = bytes(memoryview(self._piece)[end + len(END) :])
        del self._piece[end + 2 :]  # the CRLF before the dot ends the last line
        self._content = self._checked(bytes(self._piece))
        self._piece.clear()
        return rest

    @property
    def stuck(self) -> bool:
        """The last octets look like an end and are none: the client may never say more."""
        return self._piece.endswith(LOOK_ALIKES)

    @property
    def endless(self) -> bool:
        """The mail is refused and goes on and on."""
        return bool(self.refusal) and self._drained > self._limits.drained

    @property
    def overflows(self) -> bool:
        """`spill` must be called before the next `feed`, or the mail would fill the memory."""
        return len(self._piece) > self._room

    def spill(self) -> None:
        """Write the complete lines to disk, or drop them if the mail is refused anyway. Blocks."""
        cut = self._piece.rfind(b"\r\n")
        if cut <= 0:  # not even one line in all of it
            self._refuse(replies.LINE_TOO_LONG)
            cut = len(self._piece) - len(END) + 1
        piece = self._checked(bytes(memoryview(self._piece)[:cut]))
        self._drained += cut
        del self._piece[:cut]
        if self.refusal:
            self.discard()
        else:
            self._write(piece)

    def finish(self) -> bytes | Path | None:
        """The mail, checked and unstuffed, in memory or in its file; None if it has a `refusal`, or gets one because
        its last octets cannot be stored. Blocks if large."""
        if self._file and not self.refusal:
            self._write(self._content, last=True)
        if self.refusal:
            return None
        return self.path if self._file else self._content

    @property
    def spooled(self) -> bool:
        return self._file is not None

    def discard(self) -> None:
        """Remove what is on disk. Blocks."""
        try:
            if self._file:
                self._file.close()
            if self._directory.exists():
                shutil.rmtree(self._directory)
        except OSError as error:
            # The mail has its reply all the same; `gateway.spool` removes what is left here.
            log.warning("%s could not be removed: %s", self._directory, error)
        finally:
            self._file = None

    def _write(self, octets: bytes, *, last: bool = False) -> None:
        """Write all of it, or refuse the mail and remove what was written."""
        try:
            if not self._file:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self.path.open("wb", buffering=0)  # in large pieces, and nothing is left for closing
            rest = memoryview(octets)
            while rest:
                rest = rest[self._file.write(rest) :]
            if last:
                self._file.close()  # some file systems say only here that there was no room
        except OSError as error:
            log.error("the mail cannot be spooled: %s", error)
            self.trouble = f"the mail could not be written to the spool: {error}"
            self._refuse(replies.of_unwritable(error))
            self.discard()

    def _refuse(self, reply: str) -> None:
        self.refusal = self.refusal or reply

    def _checked(self, piece: bytes) -> bytes:
        """A piece, which begins with the CRLF of the line before it, unstuffed."""
        if self.refusal:
            return b""
        if _has_bare_line_end(piece):
            self._refuse(replies.BARE_LINE_END)
        elif _has_long_line(piece, self._limits.text_line):
            self._refuse(replies.LINE_TOO_LONG)
        stuffed = piece.find(b"\r\n.", 0, piece.rfind(b".") + 1) >= 0
        unstuffed = piece.replace(b"\r\n.", b"\r\n") if stuffed else piece
        if self._at_start:
            self._at_start = False
            unstuffed = unstuffed[2:]  # the CRLF behind DATA
        self.size += len(unstuffed)
        if self.size > self._limits.size:
            self._refuse(replies.TOO_LARGE)
        return unstuffed


def _has_bare_line_end(piece: bytes) -> bool:
    """Whether a CR or LF stands alone. In slices that stay in the processor's cache, each with the octet before it."""
    octets = np.frombuffer(piece, np.uint8)
    for start in range(0, len(piece), SLICE):
        returns = octets[max(0, start - 1) : start + SLICE] == CR
        feeds = octets[max(0, start - 1) : start + SLICE] == LF
        if (returns[:-1] != feeds[1:]).any():
            return True
    return piece.startswith(b"\n") or piece.endswith(b"\r")


def _has_long_line(piece: bytes, limit: int) -> bool:
    """Whether two line ends are more than `limit` octets apart: leaps from the last one within reach to the next."""
    place = 1
    while len(piece) - place > limit:
        place = piece.rfind(b"\n", place + 1, place + limit + 1)
        if place < 0:
            return True
    return False
