"""The pages of one document, coded by several processes, each a range of them.

The sandbox's child forks: it has one thread. Every process opens the document anew, because a file that was open before
the fork has one position for all. What is forked ends with the child, however that ends (on Linux; elsewhere when its
time is over), and has what is left of the child's time.
"""

import ctypes
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from gateway.errors import DocumentRefused, FaxgateError, OurTrouble
from gateway.sandbox import TOO_MUCH

MIN_PAGES = 3
"""For fewer a process of their own does not pay."""
MAX_PROCESSES = 4
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class CodedPage:
    code: bytes
    """T.6."""
    shape: tuple[int, int]
    blank: bool


Work = Callable[[int, int], Iterator[CodedPage]]
"""Codes the pages from the first number to before the second."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a coded page lies: a long document need not be in memory."""

    file: IO[bytes]
    length: int
    shape: tuple[int, int]
    blank: bool

    def code(self) -> bytes:
        """To be read once, in the order of the pages."""
        return self.file.read(self.length)


@contextmanager
def coded(total: int, work: Work, folder: Path, processes: int | None = None) -> Iterator[list[Entry]]:
    """All pages, in order. Raises what `work` raises."""
    most = processes or min(_cores(), MAX_PROCESSES)
    count = max(1, min(most, total // MIN_PAGES))
    bounds = [total * number // count for number in range(count + 1)]
    with ExitStack() as ending:
        files = [ending.enter_context(TemporaryFile(dir=folder)) for _ in range(count)]
        others = [
            ending.enter_context(_forked(work, file, first, end))
            for file, first, end in zip(files[1:], bounds[1:], bounds[2:], strict=False)
        ]
        ours = _written(work(bounds[0], bounds[1]), files[0])
        pages = [ours, *(other.pages() for other in others)]
        for file in files:
            file.seek(0)
        yield [Entry(file, *page) for file, some in zip(files, pages, strict=True) for page in some]


Written = list[tuple[int, tuple[int, int], bool]]


def _written(pages: Iterator[CodedPage], file: IO[bytes]) -> Written:
    written = []
    for page in pages:
        file.write(page.code)
        written.append((len(page.code), page.shape, page.blank))
    file.flush()
    return written


@dataclass(slots=True)
class _Other:
    pid: int
    report: IO[bytes]

    def pages(self) -> Written:
        """Wait for its end; what it wrote."""
        told = self.report.read()
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        if os.WIFSIGNALED(status):
            died_of = signal.Signals(os.WTERMSIG(status)).name
            if died_of == "SIGKILL":  # no limit of ours does that
                raise OurTrouble("A worker process was killed from outside.")
            raise DocumentRefused(TOO_MUCH, detail=f"worker killed by {died_of}")
        outcome = pickle.loads(told)  # noqa: S301  # written by our own code
        if isinstance(outcome, BaseException):
            raise outcome
        found: Written = outcome
        return found


@contextmanager
def _forked(work: Work, file: IO[bytes], first: int, end: int) -> Iterator[_Other]:
    reader, writer = os.pipe()
    time_left, _ = signal.getitimer(signal.ITIMER_REAL)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _end_with(parent)
            signal.setitimer(signal.ITIMER_REAL, time_left)  # a fork has no timers
            with os.fdopen(writer, "wb") as report:
                report.write(pickle.dumps(_outcome(work, file, first, end), protocol=5))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        other = _Other(pid, told)
        try:
            yield other
        finally:
            if other.pid:
                os.kill(other.pid, signal.SIGKILL)
                os.waitpid(other.pid, 0)


def _outcome(work: Work, file: IO[bytes], first: int, end: int) -> Written | BaseException:
    try:
        return _written(work(first, end), file)
    except (FaxgateError, MemoryError, OSError) as error:
        return error
    except Exception:
        return OurTrouble("A worker process failed.", detail=traceback.format_exc())


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before
        os._exit(0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
