"""The embedded line `loopback://`: true T.30 between two libspandsp fax machines, one process a call.

A number that a faxbox owns is answered by that box and becomes an incoming call; the numbers of
`gateway.lines.farends` are scripted; every other number is unallocated. There is no telephone network behind it.

What survives a crash is in `gateway.lines.callfiles`. A call's process writes its record before it ends, so an
outcome is never unknown here: no record and no living process means that nothing was delivered. An incoming call's end
is told until `IncomingCalls.ended` returns, after a restart too, and whichever process began it.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.fax import CallResult, Progress
from gateway.ids import new_id
from gateway.lines.call import Plan
from gateway.lines.callfiles import CallFiles, Identity, known_calls
from gateway.lines.causes import CAUSE_NAMES, CAUSES
from gateway.lines.farends import far_end
from gateway.lines.options import LoopbackOptions, read_options
from gateway.lines.spandsp import MAX_STATION_ID, SONAME, SpandspMissingError, load
from gateway.ports import CallOrder, CallRecord, CallState, IncomingCall, IncomingCalls, LineStatus

log = logging.getLogger(__name__)

SOURCE = Path(__file__).parents[2]
"""Where the package `gateway` lies: `python -m` looks in its working directory first."""

GRACE_SECONDS = 15.0
"""How long a call may take to hang up before its process is killed."""
FOLLOW_SECONDS = 0.5
"""How often a call that another process has begun is looked at."""


@dataclass(slots=True)
class _Running:
    """A call of this process."""

    task: "asyncio.Task[CallResult]"
    process: asyncio.subprocess.Process | None = None
    telling: "asyncio.Task[None] | None" = None
    """Tells the incoming side how the call goes."""
    hang_up: bool = False


class LoopbackLine:
    """A `gateway.ports.Line`. `directory` holds the calls' files; several processes may share it. Every `sweep_seconds`
    it is searched for incoming calls whose end could not be told."""

    name = "loopback"

    def __init__(
        self,
        directory: Path,
        options: LoopbackOptions | None = None,
        *,
        library: str = SONAME,
        sweep_seconds: float = 15.0,
    ) -> None:
        self._directory = (directory / "calls").absolute()
        self._options = options or LoopbackOptions()
        self._library = library
        self._sweep_seconds = sweep_seconds
        self._incoming: IncomingCalls | None = None
        self._freed: Callable[[], None] = lambda: None
        self._running: dict[str, _Running] = {}
        self._followed: dict[str, asyncio.Event] = {}
        """Calls of other processes whose end is waited for; set where the hang-up is asked for."""
        self._deliveries: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    @classmethod
    def from_url(cls, url: str, directory: Path) -> "LoopbackLine":
        """Raises ValueError naming the option that is wrong."""
        return cls(directory, read_options(url))

    async def start(self, incoming: IncomingCalls, freed: Callable[[], None]) -> None:
        self._incoming = incoming
        self._freed = freed
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="loopback sweep")

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        for call_id in list(self._running):
            await self.hang_up(call_id)
        if self._running:
            await asyncio.wait([running.task for running in self._running.values()])
        if self._deliveries:
            # What cannot be stored in this time is told at the next start.
            _, late = await asyncio.wait(self._deliveries, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()

    async def examine(self) -> LineStatus:
        return self.status()

    def status(self) -> LineStatus:
        active, channels = len(self._running), self._options.channels
        status = LineStatus(
            name=self.name, available=True, free=max(channels - active, 0), active=active, channels=channels
        )
        try:
            load(self._library)
        except SpandspMissingError as error:
            return replace(status, available=False, free=0, problem=str(error))
        return status

    async def call(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        status = self.status()
        if not status.available:
            return _failed(order, "NETWORK_OUT_OF_ORDER", status.problem)
        if not status.free:
            return _failed(order, "NORMAL_CIRCUIT_CONGESTION", "every channel of the line is in use")
        if order.call_id in self._running:
            raise RuntimeError(f"call {order.call_id} is being made already")
        task = asyncio.create_task(self._call(order, progress), name=f"loopback call {order.call_id}")
        self._running[order.call_id] = _Running(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await self.hang_up(order.call_id)
            raise

    async def follow(self, call_id: str, pages: int, progress: Callable[[Progress], None]) -> CallResult:
        """Its progress goes to the process that has begun it, so none is told here."""
        if call_id in self._followed:
            raise RuntimeError(f"call {call_id} is followed already")
        hang_up = self._followed[call_id] = asyncio.Event()
        try:
            while (known := await self.settle(call_id)).state is CallState.LIVE:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(hang_up.wait(), FOLLOW_SECONDS)
                    # The process that has begun it holds the other end of its stdin, and so nobody else can.
                    raise RuntimeError(f"call {call_id} is another process's to hang up")
        finally:
            del self._followed[call_id]
        return known.result or _undelivered("NORMAL_TEMPORARY_FAILURE", "the process of the call died", pages)

    async def hang_up(self, call_id: str) -> None:
        if followed := self._followed.get(call_id):
            followed.set()
        running = self._running.get(call_id)
        if running is None:
            return
        running.hang_up = True
        process = running.process
        if process is not None and process.returncode is None:
            _ask_to_hang_up(process)

    async def settle(self, call_id: str) -> CallRecord:
        files = CallFiles(self._directory, call_id)
        # In this order: the process of a call writes the record first and lets go of the lock after it.
        live = await asyncio.to_thread(files.live)
        record = files.record()
        if record is not None:
            return CallRecord(CallState.ENDED, record.outgoing)
        if live:
            return CallRecord(CallState.LIVE)
        if not files.call.exists() and not await asyncio.to_thread(files.refuse):
            return await self.settle(call_id)  # it has begun at this very moment
        # Never begun (and now it never will be), or both ends died in one process before they had anything to show: a
        # faxbox has received nothing (its pages count from the record on), and the scripted machines have no memory.
        return CallRecord(CallState.UNANSWERED)

    async def forget(self, call_id: str) -> None:
        await asyncio.to_thread(CallFiles(self._directory, call_id).forget_outgoing)

    async def _call(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        try:
            return await self._place(order, progress)
        finally:
            del self._running[order.call_id]
            self._freed()

    async def _place(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        assert self._incoming is not None, "the line is not started"
        now = datetime.now(UTC)
        try:
            station_id = await self._incoming.answers(order.number)
        except Exception as error:  # whatever it was, nothing has been dialled yet
            log.exception("cannot tell who answers %s", order.number)
            return _failed(order, "NORMAL_TEMPORARY_FAILURE", f"cannot tell who answers: {error}")
        try:
            plan = self._plan(order, station_id, now)
        except ValueError as error:
            return _failed(order, "FACILITY_REJECTED", str(error))
        files = CallFiles(self._directory, order.call_id)
        identity = None
        if station_id is not None:
            identity = Identity(
                call_id=new_id(), from_number=order.caller_id_number, to_number=order.number, started_at=now
            )
        try:
            lock = await asyncio.to_thread(files.begin, identity)
        except OSError as error:
            if files.call.exists():
                return await self._made_before(order)
            log.exception("cannot begin call %s", order.call_id)
            return _failed(order, "NORMAL_TEMPORARY_FAILURE", f"cannot begin the call: {error}")
        try:
            errors = await self._run(plan, lock, progress, identity)
        except OSError as error:
            log.exception("cannot start the process of call %s", order.call_id)
            errors = str(error)
        if identity is not None:
            self._in_background(self._finish_incoming(files, self._running[order.call_id].telling))
        record = files.record()
        if record is not None:
            return record.outgoing
        log.error("the process of call %s died: %s", order.call_id, errors)
        return _failed(order, "NORMAL_TEMPORARY_FAILURE", "the process of the call died")

    async def _made_before(self, order: CallOrder) -> CallResult:
        """A call id is dialled once: asked again, it gives the same result."""
        known = await self.settle(order.call_id)
        if known.state is CallState.LIVE:
            raise RuntimeError(f"call {order.call_id} is being made by another process")
        return known.result or _failed(order, "NORMAL_TEMPORARY_FAILURE", "the process of the call died")

    async def _run(self, plan: Plan, lock: int, progress: Callable[[Progress], None], identity: Identity | None) -> str:
        """Have the call made in its process; returns what that wrote to stderr. The lock goes with the process."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.lines.call",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(lock,),
                cwd=SOURCE,
                # Ctrl-C is for the gateway: it decides when its calls hang up.
                start_new_session=True,
            )
        finally:
            os.close(lock)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(plan.to_json().encode() + b"\n")
        running = self._running[plan.call_id]
        running.process = process
        if running.hang_up:
            _ask_to_hang_up(process)
        heard: asyncio.Queue[Progress | None] = asyncio.Queue()
        if identity is not None:
            running.telling = asyncio.create_task(self._tell_incoming(identity, heard))
        errors = asyncio.create_task(process.stderr.read())
        async for line in process.stdout:
            event = json.loads(line)
            if event.pop("side") == "outgoing":
                _tell(progress, Progress(call_id=plan.call_id, **event))
            elif identity is not None:
                heard.put_nowait(Progress(call_id=identity.call_id, **event))
        heard.put_nowait(None)
        await process.wait()
        process.stdin.close()
        return (await errors).decode("utf-8", "replace").strip()

    def _plan(self, order: CallOrder, station_id: str | None, now: datetime) -> Plan:
        """Raises ValueError where the order cannot be carried out by any fax machine."""
        options = self._options
        for ident in (order.local_station_id, station_id or ""):
            if not ident.isascii() or len(ident) > MAX_STATION_ID:
                raise ValueError(f"a station id is {MAX_STATION_ID} ASCII characters at most: {ident!r}")
        if not order.image.is_file():
            raise ValueError("the fax image is not there")
        modems = tuple(name for name in options.modems if order.v17 or name != "v17")
        far = far_end(order.number, station_id)
        return Plan(
            call_id=order.call_id,
            directory=str(self._directory),
            soname=self._library,
            realtime=options.realtime,
            image=str(order.image.absolute()),
            pages=order.pages,
            station_id=order.local_station_id,
            modems=modems or ("v27ter", "v29"),
            ecm=order.ecm and options.ecm,
            snr=options.snr,
            ring_seconds=order.ring_seconds,
            call_seconds=order.call_seconds,
            far=far,
            keep_image=station_id is not None,
        )

    async def _tell_incoming(self, identity: Identity, heard: "asyncio.Queue[Progress | None]") -> None:
        """Tell the incoming side of a live call. Trouble there does not end the call: its end is told until it is
        taken."""
        assert self._incoming is not None
        try:
            await self._incoming.began(self._incoming_call(identity))
            while (progress := await heard.get()) is not None:
                await self._incoming.progressed(progress)
        except Exception:
            log.exception("the progress of incoming call %s could not be told", identity.call_id)

    def _incoming_call(self, identity: Identity) -> IncomingCall:
        return IncomingCall(
            call_id=identity.call_id,
            line=self.name,
            from_number=identity.from_number,
            to_number=identity.to_number,
            started_at=identity.started_at,
        )

    async def _finish_incoming(self, files: CallFiles, telling: "asyncio.Task[None] | None") -> None:
        if telling is not None:
            await telling
        await self._deliver(files)

    def _in_background(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return task

    async def _sweep_for_ever(self) -> None:
        while True:
            for files in await asyncio.to_thread(known_calls, self._directory):
                if files.call_id not in self._running:
                    # Shielded: a stop between "stored" and our note of it would have the fax told twice.
                    await asyncio.shield(self._in_background(self._deliver(files)))
            await asyncio.sleep(self._sweep_seconds)

    async def _deliver(self, files: CallFiles) -> None:
        """Tell the end of an incoming call, unless another process is doing that or running the call."""
        try:
            with files.telling() as ours:
                identity = files.identity()
                if ours and identity is not None:
                    await self._tell_end(files, identity)
                    await asyncio.to_thread(files.forget_incoming)
            await asyncio.to_thread(files.tidy)
        except Exception:
            log.exception("the incoming half of call %s could not be stored, it will be told again", files.call_id)

    async def _tell_end(self, files: CallFiles, identity: Identity) -> None:
        assert self._incoming is not None
        record = files.record()
        result = record.incoming if record else None
        image = files.image if result and result.pages and files.image.exists() else None
        call = self._incoming_call(identity)
        await self._incoming.began(call)
        await self._incoming.ended(call, result or _broken_off(), image)


def _tell(progress: Callable[[Progress], None], news: Progress) -> None:
    try:
        progress(news)
    except Exception:  # the listener's trouble must not end the call
        log.exception("the progress of call %s could not be told", news.call_id)


def _ask_to_hang_up(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"hangup\n")

    def insist() -> None:
        if process.returncode is None:
            process.kill()

    asyncio.get_running_loop().call_later(GRACE_SECONDS, insist)


def _failed(order: CallOrder, cause: str, text: str) -> CallResult:
    return replace(_undelivered(cause, text, order.pages), local_station_id=order.local_station_id)


def _undelivered(cause: str, text: str, pages: int) -> CallResult:
    """A call that was not made, or of which it is certain that it delivered nothing."""
    return CallResult(
        success=False,
        answered=False,
        total_pages=pages,
        result_text=text,
        cause=CAUSES[cause],
        hangup_cause=cause,
        ended_at=datetime.now(UTC),
    )


def _broken_off() -> CallResult:
    """The incoming half of a call whose process died: no page of it counts."""
    cause = CAUSES["NORMAL_TEMPORARY_FAILURE"]
    return CallResult(
        success=False, answered=False, cause=cause, hangup_cause=CAUSE_NAMES[cause], ended_at=datetime.now(UTC)
    )
