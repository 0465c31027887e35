"""A FreeSWITCH for tests: the event socket of a machine whose calls go as a script says.

What it sends was sent by a real FreeSWITCH (`recordings`); what differs from call to call is replaced in it (`cast`).
It can fail in the ways in which FreeSWITCH fails, and in those in which a network does.
"""

import asyncio
import socket
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.lines.freeswitch import api
from tests.lines.freeswitch.cast import fresh_uuid
from tests.lines.freeswitch.connection import Connection
from tests.lines.freeswitch.event import GOODBYE, NOTICE, Event, notice, rejection, reply, response
from tests.lines.freeswitch.exchange import PATIENCE, Exchange, Script, by_number
from tests.lines.freeswitch.originate import Originate
from tests.lines.freeswitch.play import Moment, Play
from tests.lines.freeswitch.recordings import recording

__all__ = ["Command", "Moment", "Originate", "Play", "Script", "Switch", "by_number"]

_UNKNOWN = "-ERR command not found"
_LONGEST_LINE = 1 << 20

Found = TypeVar("Found")


@dataclass(frozen=True)
class Command:
    """One command that a client sent."""

    at: float
    """`time.monotonic()`."""
    connection: int
    """Which connection it came on, from 1."""
    text: str
    """Without the empty line that ends it; several lines if it has headers."""


class Switch(Exchange):
    """Used as `async with Switch() as switch:`; leaving it ends every call and task, and raises what went wrong in a
    script. All attributes may be changed while it runs."""

    def __init__(
        self,
        script: Script = by_number,
        *,
        password: str = "ClueCon",
        pace: float = 0.01,
        cdr_directory: Path | None = None,
    ) -> None:
        super().__init__(script, pace=pace, cdr_directory=cdr_directory)
        self.password = password
        self.port = 0
        self.chop = 0
        """Bytes per write; 0 is all at once."""
        self.rejecting = False
        """New connections are refused by the access list."""
        self.auth_seconds = 24.0
        """How long a client may take to say the password. The switch's pace does not change it."""
        self.commands: list[Command] = []
        self._connections: list[Connection] = []
        self._accepted = 0
        self._server: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reserve_port()
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        if self._reserved is not None:
            self._reserved.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.sleep(0)  # the transports close
        if error is None and self.errors:
            raise self.errors[0]

    # The connections.

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def subscribed(self, count: int = 1) -> None:
        """Wait until so many connections listen for events."""
        await self._until(lambda: sum(not each.subscription.empty for each in self._connections) >= count or None)

    async def heard(self, start: str, count: int = 1) -> Command:
        """Wait for a command that begins so (one that came before counts), or for that many of them; gives the last."""

        def found() -> Command | None:
            fitting = [command for command in self.commands if command.text.startswith(start)]
            return fitting[count - 1] if len(fitting) >= count else None

        return await self._until(found)

    def send(self, event: Event) -> None:
        for connection in self._connections:
            connection.hear(event)

    def fail(self, error: BaseException) -> None:
        super().fail(error)
        for connection in self._connections:
            connection.cut()

    # What can go wrong.

    async def drop(self, *, notice: bool = False) -> None:
        """Close every connection; the calls live on and the switch is there. With `notice` as a reload of
        mod_event_socket does it."""
        await self._part(NOTICE if notice else "")

    async def kill(self) -> None:
        """SIGKILL: end of file everywhere, every call is gone without a trace, nobody listens on the port."""
        self.lose_calls()
        self._stop_listening()
        await self._part("")

    async def shut_down(self) -> None:
        """SIGTERM: calls end with SYSTEM_SHUTDOWN and their events, then the notice, then it is gone."""
        self.paused = True
        self._tell_shutdown()
        for uuid in self.live:
            self.hang_up(uuid, "SYSTEM_SHUTDOWN")
        await self._calls_ended()
        await self._leave()

    async def shut_down_elegantly(self) -> None:
        """`fsctl shutdown elegant`: the calls end as they would have, and no new one is made."""
        self.paused = True
        await self._calls_ended()
        self._tell_shutdown()
        await self._leave()

    async def restart(self) -> None:
        """Up again on the same port, with a new `core_uuid` and no calls. Kills it first if it is still there."""
        await self.kill()
        self.core_uuid = fresh_uuid()
        self.paused = False
        await self._listen()

    def freeze(self) -> None:
        """From here on connections are accepted and bytes are taken, and nothing comes back and nothing is obeyed;
        calls go on. What was held back is done and sent at `thaw`."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    async def garble(self, data: bytes) -> None:
        """Send these bytes, whatever they are, to every connection."""
        for connection in list(self._connections):
            connection.send(data)
            if self._thawed.is_set():
                await connection.flush()

    # The socket.

    def _reserve_port(self) -> None:
        """Nobody else gets the port while the switch is down: a connection to it is refused."""
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))
        self.port = self._reserved.getsockname()[1]

    async def _listen(self) -> None:
        assert self._reserved is not None, "it listens already"
        self._server = await asyncio.start_server(self._accept, sock=self._reserved, limit=_LONGEST_LINE)
        self._reserved = None

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._reserve_port()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._accepted += 1
        connection = Connection(self._accepted, reader, writer, self._thawed, lambda: self.chop)
        self._connections.append(connection)
        self.in_background(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        if self.rejecting:
            connection.send(rejection())
            _dismiss(connection)
        else:
            connection.send(b"Content-Type: auth/request\n\n")
        expiry = asyncio.get_running_loop().call_later(self.auth_seconds, _expire, connection)
        try:
            await connection.serve(self._arrived, self._obey)
        finally:
            expiry.cancel()
            self._connections.remove(connection)
            self._changed.set()

    async def _part(self, text: str) -> None:
        """End all connections and wait until they are gone. Without a text what waits to be sent is lost."""
        parting = list(self._connections)
        for connection in parting:
            if text:
                connection.send(notice(text))
                connection.close()
            else:
                connection.cut()
        await self._until(lambda: not set(parting) & set(self._connections) or not self._thawed.is_set() or None)

    async def _leave(self) -> None:
        self._stop_listening()
        await self._part(NOTICE)

    def _tell_shutdown(self) -> None:
        self.tell(
            next(m.parsed for m in recording("shutdown_elegant_waits_for_call").messages if m.event == "SHUTDOWN")
        )

    async def _until(self, found: Callable[[], Found | None]) -> Found:
        async with asyncio.timeout(PATIENCE):
            while (answer := found()) is None:
                self._changed.clear()
                await self._changed.wait()
        return answer

    # The commands.

    def _arrived(self, connection: Connection, text: str) -> None:
        self.commands.append(Command(time.monotonic(), connection.number, text))
        self._changed.set()

    async def _obey(self, connection: Connection, command: str) -> None:
        try:
            await self._do(connection, command)
        except Exception as error:
            self.fail(error)
        self._changed.set()

    async def _do(self, connection: Connection, command: str) -> None:
        line, *headers = command.split("\n")
        word, _, rest = line.partition(" ")
        words = rest.split()
        match word.lower():
            case "exit":
                connection.send(reply("+OK bye"))
                _dismiss(connection)
            case "auth" if not connection.trusted:
                self._authenticate(connection, rest)
            case "api" if connection.trusted:
                if answer := await self._api(rest):
                    connection.send(response(answer))
            case "bgapi" if connection.trusted:
                self._begin_job(connection, rest, headers)
            case _:
                connection.send(reply(_of_events(connection, word.lower(), words) or _UNKNOWN))

    def _authenticate(self, connection: Connection, password: str) -> None:
        connection.trusted = password == self.password
        if connection.trusted:
            connection.send(reply("+OK accepted"))
        else:
            connection.send(reply("-ERR invalid"))
            _dismiss(connection)

    def _begin_job(self, connection: Connection, command: str, headers: list[str]) -> None:
        given = (line.partition(": ") for line in headers)
        job_uuid = next((value for name, _, value in given if name.lower() == "job-uuid"), fresh_uuid())
        connection.send(reply(f"+OK Job-UUID: {job_uuid}", Job_UUID=job_uuid))
        name, _, argument = command.partition(" ")
        if name == "originate":
            self.originate(argument, job_uuid)
        else:
            self.in_background(self._do_job(job_uuid, name, argument))

    async def _do_job(self, job_uuid: str, name: str, argument: str) -> None:
        if answer := await self._api(f"{name} {argument}".strip()):
            self.tell_job(job_uuid, name, argument, answer)

    async def _api(self, command: str) -> str:
        """Empty if it does not live to answer."""
        match command.split():
            case ["originate", *_]:
                raise NotImplementedError("`api originate` blocks its connection until the call is answered")
            case ["fsctl", "shutdown", "now"]:
                self.in_background(self.kill())
                return ""
            case ["fsctl", "shutdown", "elegant"]:
                # As recorded: the reply itself waits for the calls.
                self.paused = True
                await self._calls_ended()
                self.in_background(self.shut_down_elegantly())
                return "+OK\n"
            case ["fsctl", "shutdown"]:
                self.in_background(self.shut_down())
                return "+OK\n"
        return api.answer(self, command)


def _of_events(connection: Connection, word: str, words: list[str]) -> str:
    """The reply to a command on what the connection hears; empty if it is none."""
    subscription = connection.subscription
    match word if connection.trusted else "":
        case "event":
            return subscription.add(words)
        case "nixevent":
            return subscription.remove(words)
        case "noevents":
            return subscription.clear()
        case "filter":
            return subscription.filter(words)
        case "log":
            return f"+OK log level {words[0]} [{words[0]}]" if words else _UNKNOWN
        case "nolog":
            return "+OK no longer logging"
    return ""


def _dismiss(connection: Connection) -> None:
    connection.send(notice(GOODBYE))
    connection.close()


def _expire(connection: Connection) -> None:
    if not connection.trusted:
        _dismiss(connection)
