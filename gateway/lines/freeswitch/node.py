"""One FreeSWITCH: keeps its event socket connected, hands its events on, and asks it questions.

A connection that breaks is made again, with growing pauses. Whoever follows calls is told of each new connection
(`connected`), because events that were sent meanwhile are lost, and when one ends (`lost`).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from gateway.lines.freeswitch.eventsocket import DisconnectedError, EventSocket
from gateway.lines.freeswitch.messages import Event
from gateway.lines.freeswitch.options import FreeswitchOptions

log = logging.getLogger(__name__)

SUBSCRIPTION = (
    "event plain BACKGROUND_JOB CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY "
    # Custom ones come last: every word after CUSTOM is a subclass.
    "CHANNEL_EXECUTE_COMPLETE SHUTDOWN CUSTOM spandsp::txfaxnegociateresult spandsp::txfaxpageresult "
    "spandsp::txfaxresult spandsp::rxfaxnegociateresult spandsp::rxfaxpageresult spandsp::rxfaxresult"
)
CONNECTING = "FreeSWITCH is being connected to."
COMMAND_SECONDS = 10.0
"""How long FreeSWITCH may take to connect, or to answer a command."""
LOOK_SECONDS = 20.0
"""How often a quiet connection is tried, and the node asked whether it takes new calls."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
"""Seconds until a lost connection is made again: the pause doubles, ..."""
STABLE_SECONDS = 5.0
"""... and begins anew after a connection that has held so long."""


class Node:
    """`start`, `stop`; between them it is `up` or there is a `problem`."""

    def __init__(
        self,
        options: FreeswitchOptions,
        heard: Callable[[Event], None],
        connected: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._options = options
        self._heard = heard
        self._connected = connected
        self._lost = lost
        self._socket: EventSocket | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._tried = asyncio.Event()
        self.changed: Callable[[], None] = lambda: None
        """Called when calls can be placed that could not before."""
        self.problem = CONNECTING
        """Why nothing can be asked of it; empty while it is up."""
        self.core = ""
        """Which run of FreeSWITCH it was when we last saw it (its Core-UUID)."""
        self.paused = False
        """It takes no new calls: it is paused, or will stop when its calls have ended."""
        self.down_since = time.monotonic()

    @property
    def up(self) -> bool:
        return self._socket is not None

    @property
    def down_for(self) -> float:
        """Seconds without a connection."""
        return 0.0 if self.up else time.monotonic() - self.down_since

    async def start(self) -> None:
        """Begin to connect, and wait until that has worked or failed once."""
        self._tried.clear()
        self.problem = CONNECTING
        self._keeping = asyncio.create_task(self._keep(), name=f"{self._options.name} connection")
        await self._tried.wait()

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            self._keeping = None

    async def command(self, text: str) -> str:
        """The reply to a command. Raises DisconnectedError."""
        if self._socket is None:
            raise DisconnectedError(self.problem)
        return await self._socket.command(text)

    async def exists(self, uuid: str) -> bool:
        """Whether a channel is alive. Raises DisconnectedError."""
        return (await self.command(f"api uuid_exists {uuid}")).strip() == "true"

    async def denies(self, question: str) -> bool:
        """Whether it answers `false` to a question; one that it does not know it does not deny. Raises
        DisconnectedError."""
        return (await self.command(f"api {question}")).strip() == "false"

    async def kill(self, uuid: str) -> bool:
        """Hang a channel up; whether there was one. Raises DisconnectedError."""
        return (await self.command(f"api uuid_kill {uuid}")).startswith("+OK")

    def look(self) -> None:
        """Ask soon whether it takes new calls."""
        self.paused = True
        self._look.set()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._once()
            except DisconnectedError as error:
                if str(error) != self.problem:
                    log.error("%s: %s", self._options.name, error)
                self.problem = str(error)
            except Exception:  # whatever it is, who keeps the connection must not die of it
                self.problem = "The connection to FreeSWITCH failed by a fault of ours; see the log."
                log.exception("%s: the connection failed", self._options.name)
            self._tried.set()
            if time.monotonic() - began > STABLE_SECONDS:
                pause = FIRST_PAUSE
            # Many gateways that have lost one FreeSWITCH must not all come back in the same moment.
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(self) -> None:
        """One connection, until it ends. Raises DisconnectedError saying why."""
        options = self._options
        socket = EventSocket(options.host, options.port, options.password, self._heard, timeout=COMMAND_SECONDS)
        await socket.open()
        try:
            await self._greet(socket)
            await self._watch(socket)
        finally:
            if self._socket is socket:
                self._socket, self.down_since = None, time.monotonic()
                self.problem = socket.reason
                if self.problem:
                    log.error("%s: %s", options.name, self.problem)
                self._lost()
            await socket.close()

    async def _greet(self, socket: EventSocket) -> None:
        reply = await socket.command(SUBSCRIPTION)
        if not reply.startswith("+OK"):
            raise DisconnectedError(f"FreeSWITCH does not send its events: {reply[:80]}")
        core = await self._core(socket)
        if self.core and core != self.core:
            log.warning("%s: FreeSWITCH has been restarted", self._options.name)
        self.core, self.problem, self._socket, self.paused = core, "", socket, False
        log.info("%s: connected", self._options.name)
        await self._ask_whether_paused(socket)
        self._tried.set()
        self._connected()
        self.changed()

    async def _core(self, socket: EventSocket) -> str:
        return (await socket.command("api global_getvar core_uuid")).strip()

    async def _watch(self, socket: EventSocket) -> None:
        """Until the connection ends. A peer that died without a word is found out by its silence."""
        while not socket.ended.is_set():
            self._look.clear()
            ended, looked = asyncio.create_task(socket.ended.wait()), asyncio.create_task(self._look.wait())
            await asyncio.wait({ended, looked}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            looked.cancel()
            if not socket.ended.is_set():
                await self._core(socket)
                await self._ask_whether_paused(socket)
        raise DisconnectedError(socket.reason)

    async def _ask_whether_paused(self, socket: EventSocket) -> None:
        was = self.paused
        replies = [await socket.command(f"api fsctl {what}") for what in ("pause_check outbound", "shutdown_check")]
        self.paused = "true" in (reply.strip() for reply in replies)
        if was != self.paused:
            log.warning("%s: FreeSWITCH takes %s calls", self._options.name, "no new" if self.paused else "new")
        if was and not self.paused:
            self.changed()
