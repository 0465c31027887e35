"""A FreeSWITCH as a `gateway.ports.Line`.

A trunk that is not there (GATEWAY_DOWN, INVALID_GATEWAY, INVALID_PROFILE) holds the line: after a growing pause one
call may try it, and when that gets through the line is open again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.fax import CallResult, Progress
from gateway.lines.freeswitch import results
from gateway.lines.freeswitch.calls import PATIENCE_SECONDS, Calls, NotDialledError
from gateway.lines.freeswitch.eventsocket import THREAD, DisconnectedError
from gateway.lines.freeswitch.messages import Event
from gateway.lines.freeswitch.node import Node
from gateway.lines.freeswitch.options import FreeswitchOptions, read_options
from gateway.lines.freeswitch.receiving import Receiving
from gateway.lines.freeswitch.spool import Spool
from gateway.ports import CallOrder, CallRecord, IncomingCalls, LineStatus

log = logging.getLogger(__name__)

TRUNK_DOWN = frozenset({"GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE"})
HOLDS = (60.0, 120.0, 240.0, 300.0)
"""Seconds that a trunk which is down is left alone after the first, second, ... call that found it so."""
SWEEP_SECONDS = 15.0
"""How often the spool is searched for calls that nobody has followed to their end."""


def freeswitch_lines(urls: Sequence[str], directory: Path) -> "list[FreeswitchLine]":
    """The lines that these URLs describe: any number of nodes, and of trunks on a node. Raises ValueError naming the
    option that is wrong."""
    lines = [FreeswitchLine(read_options(url, directory)) for url in urls]
    names = [line.name for line in lines]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"freeswitch line: two lines are called {twice}; give each a name with name=NAME")
    nodes = [(line.options.host, line.options.port) for line in lines]
    for place, line in enumerate(lines):
        line.siblings = [other for other in lines if other.options.spool == line.options.spool]
        # What comes in through a node is told once, however many trunks we dial through it.
        line.receives = (line.options.host, line.options.port) not in nodes[:place]
    return lines


class FreeswitchLine:
    """One node. `siblings` are the lines that share its spool, itself among them; of several lines on one FreeSWITCH
    one `receives`."""

    def __init__(self, options: FreeswitchOptions) -> None:
        self.name = options.name
        self.options = options
        self.siblings: Sequence[FreeswitchLine] = (self,)
        self.receives = True
        self.sweep_seconds = SWEEP_SECONDS
        self._spool = Spool(options.spool, options.node_spool)
        self._node = Node(options, self._hear, self._connected, lambda: self._calls.doubt())
        self._calls = Calls(options, self._node, self._spool)
        self._receiving: Receiving | None = None
        self._freed: Callable[[], None] = lambda: None
        self._started = False
        self._turned = asyncio.Event()
        """There is a new connection."""
        self._looking: asyncio.Task[None] | None = None
        self._trouble = ""
        """What is wrong with the spool, or with FreeSWITCH's modules."""
        self._holds = 0
        self._held_until = 0.0
        self._held_for = ""

    async def start(self, incoming: IncomingCalls, freed: Callable[[], None]) -> None:
        self._freed = self._node.changed = self._calls.freed = freed
        await self._prepare_spool()
        THREAD.enter()
        self._started = True
        if self.receives:
            self._receiving = Receiving(self.options, self._spool, incoming, self._alive_anywhere)
        await self._node.start()
        await self._look_around()
        self._looking = asyncio.create_task(self._look_after(), name=f"{self.name} housekeeping")

    async def stop(self) -> None:
        if not self._started:
            return
        self._started = False
        await self._calls.stop()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
            self._looking = None
        if self._receiving is not None:
            await self._receiving.stop()
        await self._node.stop()
        await THREAD.leave()

    async def examine(self) -> LineStatus:
        THREAD.enter()
        try:
            await self._prepare_spool()
            await self._node.start()
            await self._look_around()
            return self.status()
        finally:
            await self._node.stop()
            await THREAD.leave()

    async def _prepare_spool(self) -> None:
        try:
            await asyncio.to_thread(self._spool.prepare)
        except OSError as error:
            self._trouble = f"The spool cannot be used: {error}"

    async def _look_around(self) -> None:
        """Find out what would only show when a call has been answered for nothing."""
        before = self._trouble
        try:
            self._trouble = await self._missing(await asyncio.to_thread(self._spool.leave_trace))
        except OSError as error:
            self._trouble = f"The spool cannot be used: {error}"
        except DisconnectedError:
            return  # asked again when there is a connection
        if self._trouble and self._trouble != before:
            log.error("%s: %s", self.name, self._trouble)
        if before and not self._trouble:
            self._freed()

    async def _missing(self, trace: str) -> str:
        """What FreeSWITCH lacks; `trace` is a file that it must see. Raises DisconnectedError."""
        if await self._node.denies(f"file_exists {trace}"):
            return f"FreeSWITCH does not see the spool: it has no {trace}; see node_spool."
        if await self._node.denies("module_exists mod_spandsp"):
            return "FreeSWITCH cannot fax: mod_spandsp is not loaded."
        if await self._node.denies("module_exists mod_json_cdr"):
            log.warning("%s: without mod_json_cdr nobody can say how a call ended that was not heard", self.name)
        return ""

    def status(self) -> LineStatus:
        incoming = self._receiving.active if self._receiving else 0
        active = len(self._calls)
        problem = self._problem()
        free = 0 if problem else max(self.options.channels - active, 0)
        if self._holds:
            free = min(free, max(1 - active, 0))  # one call tries whether the trunk is back
        return LineStatus(
            name=self.name,
            available=not problem,
            free=free,
            active=active + incoming,
            problem=problem,
            channels=self.options.channels,
            t38=self.options.t38 == "on",
            prints_header=self.options.header == "freeswitch",
        )

    def _problem(self) -> str:
        if self._trouble or self._node.problem:
            return self._trouble or self._node.problem
        if self._node.paused:
            return "FreeSWITCH takes no new calls: it is paused, or about to stop."
        if time.monotonic() < self._held_until:
            return f"The trunk is down ({self._held_for}); it is tried again in a moment."
        return ""

    async def call(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        if problem := self._problem():
            return results.not_dialled("GATEWAY_DOWN", problem, pages=order.pages)
        try:
            result = await self._calls.make(order, progress)
        except NotDialledError as error:
            return results.not_dialled("GATEWAY_DOWN", str(error), pages=order.pages)
        self._judge_trunk(result)
        return result

    async def follow(self, call_id: str, pages: int, progress: Callable[[Progress], None]) -> CallResult:
        return await self._calls.follow(call_id, pages, progress)

    async def hang_up(self, call_id: str) -> None:
        await self._calls.hang_up(call_id)

    async def settle(self, call_id: str) -> CallRecord:
        return await self._calls.settle(call_id)

    async def forget(self, call_id: str) -> None:
        await self._calls.forget(call_id)

    def _judge_trunk(self, result: CallResult) -> None:
        """Hold the line where the trunk is down, open it again where it is not."""
        if not result.answered and result.hangup_cause in TRUNK_DOWN:
            pause = HOLDS[min(self._holds, len(HOLDS) - 1)]
            self._holds += 1
            self._held_until, self._held_for = time.monotonic() + pause, result.hangup_cause
            log.error("%s: the trunk is down (%s), no call for %.0f s", self.name, result.hangup_cause, pause)
            asyncio.get_running_loop().call_later(pause + 0.01, self._freed)
        elif self._holds and result.hangup_cause != "ORIGINATOR_CANCEL":
            self._holds, self._held_until = 0, 0.0
            log.warning("%s: the trunk is back", self.name)
            self._freed()

    def _hear(self, event: Event) -> None:
        ours = self._calls.hear(event)
        if event.name == "SHUTDOWN":
            log.warning("%s: FreeSWITCH stops", self.name)
            self._node.look()
        elif not ours and self._receiving is not None and event.uuid:
            self._receiving.hear(event)

    def _connected(self) -> None:
        self._calls.doubt()
        self._turned.set()

    async def _look_after(self) -> None:
        """After each new connection, and every now and then: is FreeSWITCH fit to fax, and what lies in the spool?"""
        while True:
            try:
                new = self._turned.is_set()
                self._turned.clear()
                if new or self._trouble:
                    await self._look_around()
                if self._receiving is not None:
                    await self._receive(self._receiving, again=new)
            except Exception:  # whatever lies there must not end the search for what comes
                log.exception("%s: the spool cannot be searched", self.name)
            # Not wait_for: until Python 3.12 it can lose a cancellation that comes together with what is waited for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.sweep_seconds):
                    await self._turned.wait()

    async def _receive(self, receiving: Receiving, *, again: bool) -> None:
        if again:
            await receiving.reconcile()
        elif self._node.down_for > PATIENCE_SECONDS:
            await receiving.give_up()
        await receiving.sweep()

    async def _alive_anywhere(self, uuid: str) -> bool | None:
        """Whether a FreeSWITCH that writes into this spool has the channel; None where one cannot be asked."""
        answers = [await line.has(uuid) for line in self.siblings]
        return True if True in answers else None if None in answers else False

    async def has(self, uuid: str) -> bool | None:
        """Whether the channel is alive here; None where nobody can say, and it may be."""
        try:
            return await self._node.exists(uuid)
        except DisconnectedError:
            return None if self._node.down_for < PATIENCE_SECONDS else False
