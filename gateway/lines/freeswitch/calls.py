"""Our calls on one FreeSWITCH, each watched to its end.

A call's id is its channel's uuid, so that it can be asked for after any crash, ours or FreeSWITCH's. A call whose end
was not heard is settled in this order: it lives (`uuid_exists`), it has a record on disk, nobody knows. A call that may
have been dialled is never called undialled.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from gateway.fax import CallResult, Progress
from gateway.lines.freeswitch import records, results
from gateway.lines.freeswitch.clock import header_zone
from gateway.lines.freeswitch.eventsocket import DisconnectedError
from gateway.lines.freeswitch.messages import Event
from gateway.lines.freeswitch.node import Node
from gateway.lines.freeswitch.options import FreeswitchOptions
from gateway.lines.freeswitch.originate import originate
from gateway.lines.freeswitch.outgoing import OutgoingCall
from gateway.lines.freeswitch.spool import Spool
from gateway.ports import CallOrder, CallRecord, CallState

log = logging.getLogger(__name__)

MOST_SECONDS = 3900.0
"""How long a call may take of which we do not know when it began."""
HANG_UP_SECONDS = 15.0
"""How long a call may take to hang up."""
GRACE_SECONDS = 3.0
"""How long after the job's failure, or the channel's end, its hang-up may still be told."""
PATIENCE_SECONDS = 120.0
"""How long a FreeSWITCH may be away before its calls are given up: what became of them is unknown then."""


class NotDialledError(Exception):
    """FreeSWITCH could not be asked to dial: it is certain that it has not."""


class UnknownOutcomeError(Exception):
    """Neither FreeSWITCH nor a record can say how the call ended."""


@dataclass(slots=True)
class _Running:
    """A call of this process, ours from the start or followed on."""

    call: OutgoingCall
    progress: Callable[[Progress], None]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was heard of it, or of its FreeSWITCH."""
    hang_up: bool = False
    asked_at: float = 0.0
    """When it was first to be hung up."""
    killed: bool = False
    """FreeSWITCH has been told to hang it up, and knew it, at ..."""
    killed_at: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    """When something was heard of it."""
    doubtful: bool = False
    """Events may have been lost: FreeSWITCH is to be asked whether it lives."""

    @property
    def silent_for(self) -> float:
        return time.monotonic() - self.heard_at


class Calls:
    def __init__(self, options: FreeswitchOptions, node: Node, spool: Spool) -> None:
        self._options = options
        self._node = node
        self._spool = spool
        self._running: dict[str, _Running] = {}  # by channel uuid
        self._jobs: dict[str, _Running] = {}
        self._none = asyncio.Event()
        """There are no calls."""
        self._none.set()
        self._doubles: set[asyncio.Task[None]] = set()
        self.freed: Callable[[], None] = lambda: None
        """Called when a call has ended."""

    def __len__(self) -> int:
        return len(self._running)

    async def stop(self) -> None:
        """Hang up, and wait a little for the ends."""
        for running in list(self._running.values()):
            await self._ask_to_hang_up(running)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_SECONDS):
                await self._none.wait()

    async def make(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        """Dial, and wait for the end. Raises NotDialledError, UnknownOutcomeError."""
        uuid = str(UUID(order.call_id))
        if uuid in self._running:
            raise RuntimeError(f"call {order.call_id} is being made already")
        call = OutgoingCall(call_id=order.call_id, uuid=uuid, job=str(uuid4()), pages=order.pages)
        running = self._running[uuid] = self._jobs[call.job] = _Running(call, progress)
        return await self._owned(running, asyncio.create_task(self._make(order, running), name=f"call {uuid}"))

    async def follow(self, call_id: str, pages: int, progress: Callable[[Progress], None]) -> CallResult:
        """Wait for the end of a call that was begun by another process. Raises UnknownOutcomeError."""
        uuid = str(UUID(call_id))
        if uuid in self._running:
            raise RuntimeError(f"call {call_id} is followed already")
        call = OutgoingCall(call_id=call_id, uuid=uuid, pages=pages)
        running = self._running[uuid] = _Running(call, progress, doubtful=True)
        with contextlib.suppress(OSError):
            call.image_bytes = self._spool.sent(uuid).stat().st_size
        watched = self._to_its_end(running, limit=MOST_SECONDS)
        return await self._owned(running, asyncio.create_task(watched, name=f"follow {uuid}"))

    async def _owned(self, running: _Running, task: "asyncio.Task[CallResult]") -> CallResult:
        """The result of the task; who stops waiting for it hangs up."""
        self._none.clear()
        task.add_done_callback(lambda done: self._over(running, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                await self._ask_to_hang_up(running)
            raise

    def _over(self, running: _Running, task: "asyncio.Task[CallResult]") -> None:
        self._running.pop(running.call.uuid, None)
        self._jobs.pop(running.call.job, None)
        if not self._running:
            self._none.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("call %s: %s", running.call.call_id, error)
        self.freed()

    async def hang_up(self, call_id: str) -> None:
        running = self._running.get(str(UUID(call_id)))
        if running is not None:
            await self._ask_to_hang_up(running)

    async def settle(self, call_id: str) -> CallRecord:
        uuid = str(UUID(call_id))
        if uuid in self._running:
            return CallRecord(CallState.LIVE)
        try:
            if await self._node.exists(uuid):
                return CallRecord(CallState.LIVE)
        except DisconnectedError:
            record = await records.wait_for(self._spool.records, uuid, 0)
            if record is None and self._node.down_for < PATIENCE_SECONDS:
                return CallRecord(CallState.UNREACHABLE)
        else:
            record = await records.wait_for(self._spool.records, uuid, records.WRITTEN_SECONDS)
        if record is None:
            return CallRecord(CallState.UNKNOWN)
        pages = results.number(record.variable("faxgate_pages")) or results.number(
            record.variable("fax_document_total_pages")
        )
        return CallRecord(CallState.ENDED, results.sent(record.variable, pages=pages))

    async def forget(self, call_id: str) -> None:
        await asyncio.to_thread(self._forget, str(UUID(call_id)))

    def _forget(self, uuid: str) -> None:
        self._spool.remove_sent(uuid)
        record = records.find(self._spool.records, uuid)
        if record is not None:
            record.path.unlink(missing_ok=True)

    async def _make(self, order: CallOrder, running: _Running) -> CallResult:
        call = running.call
        try:
            path = await asyncio.to_thread(self._spool.put, call.uuid, order.image)
            call.image_bytes = self._spool.sent(call.uuid).stat().st_size
        except OSError as error:
            log.error("%s: the fax image cannot be put into the spool: %s", self._options.name, error)
            return results.not_dialled(
                "NORMAL_TEMPORARY_FAILURE", f"the spool cannot be used: {error}", pages=order.pages
            )
        try:
            command = originate(
                order,
                self._options,
                uuid=call.uuid,
                path=path,
                records=self._spool.node_records,
                zone=header_zone(order.timezone, datetime.now(UTC)) if order.header_line else "",
            )
        except ValueError as error:
            return results.not_dialled("FACILITY_REJECTED", str(error), pages=order.pages)
        if running.hang_up:
            return results.not_dialled("ORIGINATOR_CANCEL", "", pages=order.pages)
        try:
            reply = await self._node.command(f"bgapi {command}\nJob-UUID: {call.job}")
        except DisconnectedError as error:
            if not error.sent:
                raise NotDialledError(str(error)) from error
            running.doubtful = True
            log.warning("call %s: it is not known whether FreeSWITCH dials: %s", call.call_id, error)
        else:
            if not reply.startswith("+OK"):
                return results.not_dialled(
                    "FACILITY_REJECTED", f"FreeSWITCH refuses to dial: {reply[:100]}", pages=order.pages
                )
        # The call limits itself (sched_hangup); this is for a FreeSWITCH that does not.
        return await self._to_its_end(running, limit=order.ring_seconds + order.call_seconds + HANG_UP_SECONDS)

    async def _to_its_end(self, running: _Running, limit: float) -> CallResult:
        """The result. Raises UnknownOutcomeError."""
        call, deadline = running.call, time.monotonic() + limit
        while call.result is None:
            running.changed.clear()
            if running.doubtful and self._node.up:
                await self._resolve_doubt(running)
            elif self._node.down_for > PATIENCE_SECONDS:
                return await self._last_resort(call)
            elif not running.doubtful and call.ending and running.silent_for >= GRACE_SECONDS:
                return await self._without_hang_up(call)
            else:
                await self._wait(running, deadline)
        return call.result

    async def _wait(self, running: _Running, deadline: float) -> None:
        """Until something is heard; where nothing is, do what is to be done about it."""
        call = running.call
        patience = call.patience() if self._node.up else None
        if running.hang_up or call.ending or not self._node.up:
            pause = min(1.0, GRACE_SECONDS / 2)
        else:
            ends = deadline - time.monotonic()
            pause = ends if patience is None else min(patience - running.silent_for, ends)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(pause, 0.01)):
                await running.changed.wait()
                return
        if running.hang_up:
            await self._insist(running)
        elif time.monotonic() >= deadline:
            log.error("call %s: over its limit, hanging up", call.call_id)
            await self._ask_to_hang_up(running)
        elif patience is not None and running.silent_for >= patience:
            log.error("call %s: nothing has happened for %.0f s, hanging up", call.call_id, patience)
            await self._ask_to_hang_up(running)

    async def _insist(self, running: _Running) -> None:
        """It was to hang up, and has not."""
        if not running.killed:
            await self._kill(running)  # it was not there yet, or nobody could be asked
            if not running.killed and self._node.up and time.monotonic() - running.asked_at > GRACE_SECONDS:
                running.doubtful = True  # it is gone, and its end was not heard
        elif time.monotonic() - running.killed_at > HANG_UP_SECONDS:
            running.killed, running.doubtful = False, True  # is it gone, and we were not told?

    async def _resolve_doubt(self, running: _Running) -> None:
        """Ask FreeSWITCH whether the call lives; where it does not, its record is its result. Raises
        UnknownOutcomeError."""
        call = running.call
        running.doubtful = False
        try:
            if await self._node.exists(call.uuid):
                call.missed, call.refused, call.gone = True, "", False
                running.heard_at = time.monotonic()
                if running.hang_up:
                    await self._kill(running)
                return
        except DisconnectedError:
            running.doubtful = True
            await asyncio.sleep(0.1)
            return
        # Its last events may be waiting to be handled behind the answer.
        await asyncio.sleep(0)
        if call.result is None:
            call.result = await self._last_resort(call, records.WRITTEN_SECONDS)

    async def _last_resort(self, call: OutgoingCall, seconds: float = 0) -> CallResult:
        record = await records.wait_for(self._spool.records, call.uuid, seconds)
        if call.result is not None:
            return call.result
        if record is not None:
            return results.sent(record.variable, pages=call.pages, confirmed=call.confirmed, response=call.response)
        if call.pages and call.confirmed == call.pages:
            # The far end has confirmed the last page: how the call ended after that does not matter.
            return results.confirmed(call.pages, rate=call.rate, ecm=call.ecm, remote_station_id=call.remote_station_id)
        raise UnknownOutcomeError(f"nothing is known of the end of call {call.call_id}")

    async def _without_hang_up(self, call: OutgoingCall) -> CallResult:
        """The job has failed, or the channel is gone, without a hang-up. Of a call that was answered that is too little
        to say that nothing arrived."""
        if call.answered or not call.refused:
            return await self._last_resort(call, records.WRITTEN_SECONDS)
        return call.without_hang_up()

    async def _ask_to_hang_up(self, running: _Running) -> None:
        if not running.hang_up:
            running.hang_up, running.asked_at = True, time.monotonic()
        running.changed.set()
        await self._kill(running)

    async def _kill(self, running: _Running) -> None:
        try:
            running.killed = await self._node.kill(running.call.uuid)
            running.killed_at = time.monotonic()
        except DisconnectedError as error:
            log.warning("call %s: cannot be hung up now: %s", running.call.call_id, error)

    # -- what FreeSWITCH tells -----------------------------------------------------------------------------------------

    def hear(self, event: Event) -> bool:
        """Take note of an event; whether it was one of our calls'."""
        if event.name == "BACKGROUND_JOB":
            running = self._jobs.get(event.get("Job-UUID"))
        else:
            running = self._running.get(event.uuid)
        if running is not None:
            self._heard_of(running, event)
        return running is not None

    def doubt(self) -> None:
        """A connection was lost, or there is a new one: events may have been lost with it."""
        for running in self._running.values():
            running.doubtful = True
        self.look()

    def look(self) -> None:
        """Something has changed that every call may have to do with."""
        for running in self._running.values():
            running.changed.set()

    def _heard_of(self, running: _Running, event: Event) -> None:
        call = running.call
        progress = call.hear(event)
        running.heard_at = time.monotonic()
        running.changed.set()
        if progress is not None:
            try:
                running.progress(progress)
            except Exception:  # the listener's trouble must not end the call
                log.exception("the progress of call %s could not be told", call.call_id)
        if event.name == "BACKGROUND_JOB" and call.refused == "DESTINATION_OUT_OF_ORDER":
            self._node.look()  # so says a FreeSWITCH that is paused or about to stop, too
        if call.replaced_by:
            log.error("call %s: was alive already, its double %s is hung up", call.call_id, call.replaced_by)
            double, call.replaced_by = call.replaced_by, ""
            task = asyncio.create_task(self._hang_up_double(double))
            self._doubles.add(task)
            task.add_done_callback(self._doubles.discard)

    async def _hang_up_double(self, uuid: str) -> None:
        with contextlib.suppress(DisconnectedError):
            await self._node.kill(uuid)
