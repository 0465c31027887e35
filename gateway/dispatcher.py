"""Moves faxes on: claims what is due and gives it to the flow that it waits for.

Loops that sleep until they are woken or something falls due: documents to prepare, faxes to dial, calls to hang up,
and leases (to renew ours, and to take over what a dead worker left behind). Any number of processes may run it on one
database. A loop that meets trouble with the database logs it and goes on later.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.fax import Fax, Status
from gateway.outbound.attempt import Calling
from gateway.outbound.prepare import Preparation
from gateway.ports import Line
from gateway.store import queue
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim
from gateway.store.queue import Channels
from gateway.store.wake import CANCEL, DIAL, PREPARE, Wake
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_ANYWAY = timedelta(seconds=30)
"""How long a loop sleeps when nothing falls due: a wake-up that got lost costs no more than this."""

Step = Callable[[], Awaitable[datetime | None]]
"""One round of a loop; returns when the next one is due even if nobody wakes it."""


class Dispatcher:
    """`start`; then `drain` (claim nothing more, wait for the calls), perhaps `hang_up`; then `stop`."""

    def __init__(
        self,
        store: Store,
        wake: Wake,
        clock: Clock,
        preparation: Preparation,
        calling: Calling,
        *,
        lease: timedelta,
        preparing: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._preparation = preparation
        self._calling = calling
        self._lease = lease
        self._room = preparing
        self._most_per_account = max(1, preparing - 1)
        self._prepare, self._dial, self._cancel = (wake.event(topic) for topic in (PREPARE, DIAL, CANCEL))
        self._rescue, self._renew = asyncio.Event(), asyncio.Event()
        self._claims: set[str] = set()
        # By claim: a fax that is due again at once may be claimed before the end of its last call is tidied up.
        self._dialling: dict[str, tuple[Fax, Line]] = {}  # with the line that it was given to
        self._settling: dict[str, Fax] = {}  # what a dead worker left behind
        self._tasks = Tasks("dispatcher", expected=LostClaim)
        self._claiming: list[asyncio.Task[None]] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._draining = False

    async def start(self) -> None:
        claiming = ((self._prepare, self._prepare_due), (self._dial, self._dial_due), (self._rescue, self._take_over))
        keeping = ((self._renew, self._renew_leases), (self._cancel, self._hang_up_cancelled))
        self._claiming = [self._loop(event, step, until_drained=True) for event, step in claiming]
        self._keeping = [self._loop(event, step, until_drained=False) for event, step in keeping]

    def line_freed(self) -> None:
        """A line has come free: dial what waits for it."""
        self._dial.set()

    async def drain(self) -> None:
        """Claim nothing more, and wait until what runs has ended."""
        self._draining = True
        for event in (self._prepare, self._dial, self._rescue):
            event.set()
        await asyncio.gather(*self._claiming)
        await self._tasks.finish()

    async def hang_up(self) -> None:
        """End every call now; `drain` then returns soon."""
        for fax in [*(fax for fax, _ in self._dialling.values()), *self._settling.values()]:
            await self._calling.stop_call(fax.id)

    async def stop(self) -> None:
        await self.drain()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    def _loop(self, event: asyncio.Event, step: Step, *, until_drained: bool) -> asyncio.Task[None]:
        async def rounds() -> None:
            while not (until_drained and self._draining):
                try:
                    due = await step()
                except FaxgateError as error:
                    log.error("dispatcher: %s %s", error, error.detail)
                    due = self._clock.now() + timedelta(seconds=1)
                if not (until_drained and self._draining):
                    latest = self._clock.now() + LOOK_ANYWAY
                    await self._clock.wait(event, latest if due is None else min(due, latest))

        return asyncio.create_task(rounds(), name=step.__name__)

    async def _prepare_due(self) -> datetime | None:
        while self._room > 0 and not self._draining:
            now = self._clock.now()
            async with self._store.begin() as connection:
                fax = await queue.claim_preparation(connection, now, now + self._lease, self._most_per_account)
            if fax is None:
                return await self._next_due(Status.ATTACHING_FILES, now)
            self._room -= 1
            self._work(fax, self._preparation.prepare(fax), self._room_again)
        return None

    def _room_again(self, _: str) -> None:
        self._room += 1
        self._prepare.set()

    async def _dial_due(self) -> datetime | None:
        while not self._draining and (lines := self._free_lines()):
            now = self._clock.now()
            free = [Channels(name, line.status().channels) for name, line in lines.items()]
            async with self._store.begin() as connection:
                claimed = await queue.claim_call(connection, now, now + self._lease, free)
            if claimed is None:
                return await self._next_due(Status.PENDING, now)
            fax, line = claimed[0], lines[claimed[1]]
            claim = self._work(fax, self._calling.attempt(fax, line), self._line_again)
            self._dialling[claim] = fax, line
        return None

    def _line_again(self, claim: str) -> None:
        del self._dialling[claim]
        self._dial.set()

    def _free_lines(self) -> dict[str, Line]:
        """The lines that have free channels, by name, those with the most first; faxes counted that were given to a
        line but have not begun their call. What other processes have under way on it is the claim's to see."""
        waiting = Counter(line.name for fax, line in self._dialling.values() if not self._calling.is_live(fax.id))
        free = {line: line.status().free - waiting[line.name] for line in self._calling.lines}
        usable = [line for line, channels in free.items() if channels > 0 and line.status().available]
        return {line.name: line for line in sorted(usable, key=lambda line: -free[line])}

    async def _take_over(self) -> datetime | None:
        while not self._draining:
            now = self._clock.now()
            async with self._store.begin() as connection:
                fax = await queue.take_over(connection, now, now + self._lease)
            if fax is None:
                break
            claim = self._work(fax, self._calling.settle(fax), self._settling.pop)
            self._settling[claim] = fax
        return self._clock.now() + self._lease / 3

    async def _renew_leases(self) -> datetime | None:
        now = self._clock.now()
        if self._claims:
            async with self._store.begin() as connection:
                await queue.renew(connection, list(self._claims), now + self._lease)
            self._cancel.set()  # a request that came while its call was just about to begin
        return now + self._lease / 3

    async def _hang_up_cancelled(self) -> datetime | None:
        async with self._store.read() as connection:
            requested = await queue.cancel_requests(connection, list(self._claims))
        for fax_id in requested:
            await self._calling.hang_up(fax_id)
        return None

    async def _next_due(self, status: Status, looked_at: datetime) -> datetime | None:
        """When the next one falls due that was not when it was looked for: now, perhaps, if it has since."""
        async with self._store.read() as connection:
            return await queue.next_due(connection, status, looked_at)

    def _work(self, fax: Fax, work: Coroutine[Any, Any, None], then: Callable[[str], object]) -> str:
        """Run a flow on a claimed fax; the claim, which is returned, is kept up while it runs, and `then` called."""
        token = fax.claim_token
        assert token is not None
        self._claims.add(token)

        def ended(_: asyncio.Task[None]) -> None:
            self._claims.discard(token)
            then(token)

        self._tasks.start(work).add_done_callback(ended)
        return token
