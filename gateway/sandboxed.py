"""The far side of the sandbox: a small process that forks one child after another, and what such a child does.

`serve` runs in a process of its own that has imported the heavy libraries and nothing of the gateway's state: a fork of
it is ready in a few milliseconds, and has no `__main__` to import again. It obeys its control socket: start a child on
the socket sent along, kill a child. It reports every child's end. When the control socket closes, whatever ended the
gateway, it kills all children and ends. A child answers the jobs on its socket until that closes; its limits are set
by the kernel, the wall clock included, so that it ends even if nobody is left to kill it.

The limits keep a hostile document from taking the machine down and a crash from reaching the gateway. Before anything
else `serve` gives up the network and its privileges (`gateway.isolation`), and every child with it: a document cannot
make anything be fetched. A child that an attacker has taken over still runs as the same user and may read and write
what that user may: run the gateway as a user of its own.

Each child leads a process group, so that what it starts (LibreOffice) ends with it, however it ends.
"""

import errno
import gc
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from gateway.errors import FaxgateError
from gateway.isolation import isolate

ORDER = struct.Struct("!cQ")
"""Gateway to server: what, and the child's id. START comes with the child's end of its socket."""
REPORT = struct.Struct("!Qi")
"""Server to gateway: the child's id and its wait status. The first report is READY."""
LENGTH = struct.Struct("!Q")
"""Before every job and every reply on a child's socket."""
START, KILL = b"S", b"K"
READY = REPORT.pack(0, 0)

PROGRAM_MEMORY = 4 << 30
"""Bytes of address space that a child can give to a program that it starts: its own hard limit."""
BACKSTOP = 1.0
"""Seconds after the gateway should have killed a child, when the kernel does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one job may take."""

    memory: int = 1 << 30
    """Bytes of address space, the preloaded libraries (about 150 MiB) included. Not lower: at 256 MiB pdfium leaves
    large images out and reports success. A program that the job starts may be given up to `PROGRAM_MEMORY`."""
    cpu: float = 60.0
    """Seconds, of the job and of each program that it starts."""
    wall: float = 90.0
    """Seconds."""
    file_size: int = 512 << 20
    """Bytes of any file that it writes."""


class Outcome(StrEnum):
    DONE = "done"
    RAISED = "raised"
    """A FaxgateError: an answer like any other."""
    EXCEEDED = "exceeded"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Job:
    limits: Limits
    target: Callable[..., object]
    args: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    outcome: Outcome
    value: object
    """The result, the error, or the text of a traceback."""


def serve(control_fd: int, preload: Sequence[str]) -> None:
    """Fork children until the control socket closes."""
    isolate()
    for name in preload:
        module = importlib.import_module(name)
        if (warm_up := getattr(module, "warm_up", None)) is not None:
            warm_up()
    gc.collect()
    gc.freeze()  # what is shared with the children is not touched by their garbage collections
    # A signal sent to the whole process group or service is the gateway's to answer: it drains, and closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
    control = socket.socket(fileno=control_fd)
    control.sendall(READY)
    ids: dict[int, int] = {}
    try:
        while True:
            readable, _, _ = select.select([control.fileno(), wake_r], [], [])
            if wake_r in readable:
                os.read(wake_r, 4096)
                _report_ended(control, ids)
            if control.fileno() in readable and not _obey(control, ids, (wake_r, wake_w)):
                return
    except (BrokenPipeError, ConnectionResetError):
        return  # the gateway is gone
    finally:
        for pid in ids:
            _kill_with_all_it_started(pid)


def _report_ended(control: socket.socket, ids: dict[int, int]) -> None:
    while ids:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return
        # Before it is reaped: until then its number is nobody else's.
        _kill_with_all_it_started(ended.si_pid)
        pid, status = os.waitpid(ended.si_pid, 0)
        control.sendall(REPORT.pack(ids.pop(pid), status))


def _kill_with_all_it_started(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # it has not come to leading a group


def _obey(control: socket.socket, ids: dict[int, int], ours: tuple[int, ...]) -> bool:
    """Take one order; False when there will be no more."""
    message, fds, _, _ = socket.recv_fds(control, ORDER.size, 1)
    if not message:
        return False
    what, child = ORDER.unpack(message)
    if what == START:
        pid = os.fork()
        if pid == 0:
            _become_child(fds[0], (control.detach(), *ours))
        ids[pid] = child
        os.close(fds[0])
    else:
        # Not yet reaped, so the pid is still this child's.
        for pid in [pid for pid, known in ids.items() if known == child]:
            _kill_with_all_it_started(pid)
    return True


def _become_child(fd: int, not_ours: tuple[int, ...]) -> None:
    """Answer jobs until the socket closes. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in not_ours:
            os.close(other)
        os.setpgid(0, 0)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # libtiff and others write what hostile documents make them write
            os.dup2(silent, stream)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with socket.socket(fileno=fd) as link:
            while (job := _receive(link)) is not None:
                reply = _answer(job)
                link.sendall(LENGTH.pack(len(reply)))
                link.sendall(reply)
    finally:
        os._exit(0)


def _receive(link: socket.socket) -> bytearray | None:
    header = _exactly(link, LENGTH.size)
    return _exactly(link, LENGTH.unpack(header)[0]) if header else None


def _exactly(link: socket.socket, size: int) -> bytearray | None:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = link.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return buffer


def _answer(packed: bytearray) -> bytes:
    """Do one job under its limits; the pickled Reply."""
    try:
        job: Job = pickle.loads(packed)  # noqa: S301  # from the gateway
        _limit(job.limits)
        reply = pickle.dumps(Reply(Outcome.DONE, job.target(*job.args)), protocol=5)
    except FaxgateError as error:
        reply = pickle.dumps(Reply(Outcome.RAISED, error), protocol=5)
    except MemoryError:
        reply = pickle.dumps(Reply(Outcome.EXCEEDED, "MemoryError"), protocol=5)
    except Exception as error:
        # Python ignores SIGXFSZ, so that RLIMIT_FSIZE comes as an error of write().
        too_large = isinstance(error, OSError) and error.errno == errno.EFBIG
        outcome = Outcome.EXCEEDED if too_large else Outcome.TROUBLE
        reply = pickle.dumps(Reply(outcome, traceback.format_exc()), protocol=5)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return reply


def _limit(limits: Limits) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = ceil(usage.ru_utime + usage.ru_stime + limits.cpu)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, max(limits.memory, PROGRAM_MEMORY)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size, limits.file_size))
    # SIGALRM is not handled, so it kills, even inside of C code that never returns.
    signal.setitimer(signal.ITIMER_REAL, limits.wall + BACKSTOP)
