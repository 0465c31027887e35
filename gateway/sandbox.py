"""The sandbox: runs what touches hostile input in worker processes under memory, CPU, time and file limits.

`run` forks a fresh child for one job (a document to prepare; a few milliseconds over the work itself); `quick` hands a
small job to a child kept ready (a mail to parse, a page count in the SMTP session; well under a millisecond). The far
side is `gateway.sandboxed`. Nothing here blocks the event loop or uses threads.

How it fails: a FaxgateError raised by the target comes back as itself. A target that exceeds a limit, or that brings
its process down, is DocumentRefused. Any other exception is OurTrouble with the traceback in `detail`. Should the
forking server die, the next job starts a new one.
"""

import asyncio
import itertools
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, TypeVarTuple, cast

from gateway import unpickling
from gateway.errors import DocumentRefused, FaxgateError, OurTrouble
from gateway.languages import said
from gateway.sandboxed import KILL, LENGTH, ORDER, READY, REPORT, START, Job, Limits, Outcome, Reply

__all__ = ["DOCUMENT", "QUICK", "Boot", "Limits", "Process", "Sandbox"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DOCUMENT = Limits()
QUICK = Limits(cpu=10.0, wall=1.0, file_size=64 << 20)

PRELOAD = (
    *("gateway.documents.prepare", "gateway.documents.inspect", "gateway.documents.preview"),
    *("gateway.documents.received", "email.parser", "gateway.documents.warm"),
)
"""Modules that children find already imported, and with their `warm_up`, where they have one, done. Anything else is
imported in the child, at every job anew."""

RECYCLE = 300
"""Jobs after which a quick child makes room for a fresh one: what the libraries leak goes with it."""

MOST_ANSWERED = 512 << 20
"""Bytes of a reply: as much as a document's files may have."""

TOO_MUCH = said("The document could not be opened within the limits of time and memory.")

# The parent's path, so that a target in a test or a script is found; and one thread, because a process with threads
# must not fork.
_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[2])
from gateway.sandboxed import serve
serve(int(sys.argv[1]), json.loads(sys.argv[3]))
"""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Process(Protocol):
    """The forking server's process."""

    def kill(self) -> None: ...

    def wait(self) -> object: ...


Boot = Callable[[socket.socket, Sequence[str]], Process]
"""Starts a forking server (`gateway.sandboxed.serve`), given its end of the control socket and what it preloads."""


def boot(control: socket.socket, preload: Sequence[str]) -> Process:
    """From nothing: a new interpreter, which imports all that it needs."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", _BOOT, str(control.fileno()), json.dumps(sys.path), json.dumps(list(preload))],
        pass_fds=[control.fileno()],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """Ours less our settings and those of S3 and PostgreSQL, among them passwords: no worker needs any."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FAXGATE_", "AWS_", "PG"))}
    return ours | _ONE_THREAD


class Sandbox:
    """Worker processes for hostile input. Belongs to one event loop."""

    def __init__(
        self,
        children: int = os.cpu_count() or 1,
        quick: int = 2,
        preload: Sequence[str] = PRELOAD,
        boot: Boot = boot,
    ) -> None:
        """`children` jobs of `run` at once, others wait; `quick` children kept ready beside them."""
        self._preload = preload
        self._boot = boot
        self._slots = asyncio.Semaphore(children)
        self._quick_slots = asyncio.Semaphore(quick)
        self._quick = quick
        self._idle: list[_Child] = []
        self._server: _Server | None = None
        self._running = False

    async def start(self) -> None:
        """Start the forking server and the quick children. Raises OurTrouble."""
        self._running = True
        await self._living_server().ready
        self._idle = [self._spawn() for _ in range(self._quick)]

    async def stop(self) -> None:
        """Kill what runs (it ends as OurTrouble) and release everything."""
        self._running = False
        while self._idle:
            self._idle.pop().dismiss()
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def run(
        self,
        target: Callable[[*Ts], T],
        *args: *Ts,
        limits: Limits = DOCUMENT,
        slots: asyncio.Semaphore | None = None,
        patience: float | None = None,
    ) -> T:
        """`target(*args)` in a child of its own; cancelling kills the child. `target` is a function of a module.

        `slots` are those of jobs that shall not hold up others, and not be held up; None for the sandbox's own. Raises
        OurTrouble where none is free within `patience` seconds; None waits for as long as it takes.
        """
        slots = slots or self._slots
        try:
            async with asyncio.timeout(patience):
                await slots.acquire()
        except TimeoutError:
            detail = f"no worker process was free within {patience:g} s"
            raise OurTrouble("Too much is being done here at the same time; try again later.", detail=detail) from None
        try:
            reply = await _twice(lambda: self._run(Job(limits, target, args)))
        finally:
            slots.release()
        return cast("T", _open(reply))

    async def _run(self, job: Job) -> Reply:
        child = self._spawn()
        try:
            async with asyncio.timeout(job.limits.wall):
                return await child.ask(job)
        except TimeoutError:
            raise DocumentRefused(TOO_MUCH, detail=f"killed after {job.limits.wall:g} s") from None
        finally:
            child.dismiss()

    async def quick(self, target: Callable[[*Ts], T], *args: *Ts, wall: float = 1.0, limits: Limits = QUICK) -> T:
        """`target(*args)` in a child kept ready. After `wall` seconds of work it is killed and TimeoutError raised.

        Bytes up to about 1 MB are quickest as an argument, more as a path.
        """
        async with self._quick_slots:
            reply = await _twice(lambda: self._ask_ready(Job(replace(limits, wall=wall), target, args)))
        return cast("T", _open(reply))

    async def _ask_ready(self, job: Job) -> Reply:
        child = self._ready_child()
        keep = False
        try:
            async with asyncio.timeout(job.limits.wall):
                reply = await child.ask(job)
            keep = reply.outcome in (Outcome.DONE, Outcome.RAISED) and child.jobs < RECYCLE
        finally:
            if not keep:
                child.dismiss()
            if self._running:
                self._idle.append(child if keep else self._spawn())
        return reply

    def _ready_child(self) -> "_Child":
        while self._idle:
            child = self._idle.pop()
            if not child.ended.done():
                return child
            child.dismiss()
        return self._spawn()

    def _spawn(self) -> "_Child":
        return self._living_server().fork()

    def _living_server(self) -> "_Server":
        if not self._running:
            raise OurTrouble("The worker processes are stopped.")
        if self._server is None or self._server.gone:
            self._server = _Server(self._boot, self._preload)
        return self._server


class _Server:
    """The process that forks, seen from here."""

    def __init__(self, boot: Boot, preload: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = boot(theirs, preload)
        ours.setblocking(False)
        self._control = ours
        self._ids = itertools.count(1)
        self._children: dict[int, _Child] = {}
        self.gone = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(), name="sandbox reports")

    def fork(self) -> "_Child":
        """A new child. Does not wait for it: its first job is read when it is there."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        child = _Child(self, next(self._ids), ours)
        self._children[child.id] = child
        with theirs:
            try:
                socket.send_fds(self._control, [ORDER.pack(START, child.id)], [theirs.fileno()])
            except OSError as error:
                del self._children[child.id]
                child.dismiss()
                raise OurTrouble("The worker processes do not answer.", detail=repr(error)) from error
        return child

    def kill(self, child: "_Child") -> None:
        if child.id not in self._children or self.gone:
            return
        try:
            self._control.send(ORDER.pack(KILL, child.id))
        except OSError:
            self._process.kill()  # it does not read any more: then its children end with their sockets and limits

    async def stop(self) -> None:
        if not self.gone:
            self._control.shutdown(socket.SHUT_WR)  # it kills its children and ends, and that ends the listening
        await self._listening

    async def _listen(self) -> None:
        try:
            while report := await _receive_exactly(self._control, REPORT.size):
                if report == READY:
                    self.ready.set_result(None)
                    continue
                ended, status = REPORT.unpack(report)
                self._children.pop(ended).ended.set_result(status)
        finally:
            self._end()

    def _end(self) -> None:
        self.gone = True
        self._control.close()
        self._process.kill()
        self._process.wait()  # killed: a matter of microseconds
        if not self.ready.done():
            self.ready.set_exception(OurTrouble("The worker processes could not be started."))
            self.ready.exception()  # told to whoever waits; nobody need
        for child in self._children.values():
            child.ended.set_result(None)
        self._children.clear()


class _Child:
    """A forked worker, seen from here."""

    def __init__(self, server: _Server, number: int, link: socket.socket) -> None:
        self.id = number
        self.jobs = 0
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """Its wait status; None where that will never be known."""
        self._server = server
        self._link = link

    async def ask(self, job: Job) -> Reply:
        """Send a job and wait for the reply. Raises DocumentRefused where the child dies of it."""
        self.jobs += 1
        packed = pickle.dumps(job, protocol=5)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._link, LENGTH.pack(len(packed)) + packed)
            header = await _receive_exactly(self._link, LENGTH.size)
            size = LENGTH.unpack(header)[0] if header else 0
            if size > MOST_ANSWERED:
                raise OurTrouble("A worker process failed.", detail=f"it would answer {size} bytes")
            answer = await _receive_exactly(self._link, size) if size else b""
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        if not answer:
            raise _death(await asyncio.shield(self.ended))
        return _read(answer)

    def dismiss(self) -> None:
        """Kill it, whatever it does."""
        self._server.kill(self)
        self._link.close()


def _read(answer: bytes | bytearray) -> Reply:
    """Raises OurTrouble where it is none: a document may have taken the child over."""
    try:
        reply = unpickling.loads(answer)
    except Exception as error:  # there is hardly one that a broken pickle cannot raise
        raise OurTrouble("A worker process failed.", detail=f"its answer cannot be read: {error!r}") from error
    if not isinstance(reply, Reply):
        raise OurTrouble("A worker process failed.", detail="its answer is none")
    return reply


class KilledFromOutside(OurTrouble):
    """No limit of ours kills like that without our knowing: it was the system, short of memory, or somebody's hand."""


async def _twice(ask: Callable[[], Awaitable[Reply]]) -> Reply:
    """A child that was killed from outside says nothing about its document: ask another one, once."""
    try:
        return await ask()
    except KilledFromOutside:
        return await ask()


def _death(status: int | None) -> FaxgateError:
    if status is None:
        return OurTrouble("The worker processes were stopped.")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return KilledFromOutside("A worker process was killed from outside.")
    if os.WIFSIGNALED(status):
        return DocumentRefused(TOO_MUCH, detail=f"worker killed by {signal.Signals(os.WTERMSIG(status)).name}")
    return DocumentRefused(TOO_MUCH, detail=f"worker exited with {os.waitstatus_to_exitcode(status)}")


def _open(reply: Reply) -> object:
    match reply.outcome:
        case Outcome.DONE:
            return reply.value
        case Outcome.RAISED:
            if not isinstance(reply.value, FaxgateError):
                raise OurTrouble("A worker process failed.", detail="its error is none")
            raise reply.value
        case Outcome.EXCEEDED:
            raise DocumentRefused(TOO_MUCH, detail=str(reply.value))
        case Outcome.TROUBLE:
            raise OurTrouble("A worker process failed.", detail=str(reply.value))


async def _receive_exactly(link: socket.socket, size: int) -> bytes | bytearray:
    """`size` bytes, or nothing where the socket closes before."""
    loop = asyncio.get_running_loop()
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        try:
            count = await loop.sock_recv_into(link, view)
        except ConnectionResetError:
            return b""
        if not count:
            return b""
        view = view[count:]
    return buffer
