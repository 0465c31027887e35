"""Tells flows that there is something to do, in this process and in all others: nobody polls.

On PostgreSQL it is LISTEN/NOTIFY on one channel; on SQLite, which means one host, a datagram socket for each process in
`wake/` beside the database. A message is a topic and nothing else, and carries no state: whoever wakes looks into the
database. A lost message costs time and nothing more, because every flow also looks when something falls due.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from gateway.ids import new_id

if TYPE_CHECKING:
    import psycopg  # costly to import, and needed where the database is PostgreSQL

log = logging.getLogger(__name__)

PREPARE, DIAL, CANCEL, NOTICES, ACCOUNTS, EVENTS = "prepare", "dial", "cancel", "notices", "accounts", "events"

CHANNEL = "faxgate_wake"
RECONNECT_SECONDS = 2.0
GATHER_SECONDS = 0.02
"""What is told `soon` reaches the other processes together, so often at most."""


class Wake:
    """The topics of one process. `event(topic)` is set whenever somebody, anywhere, notifies the topic."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        self._postgres = url.drivername.startswith("postgres")
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._directory = Path(url.database or ".").absolute().parent / "wake"
        self._events: dict[str, list[asyncio.Event]] = {}
        self._socket: socket.socket | None = None
        self._name = f"{new_id()[-8:]}.sock"
        self._directory_fd = -1
        self._listener: asyncio.Task[None] | None = None
        self._speaker: psycopg.AsyncConnection | None = None
        self._speaking = asyncio.Lock()
        self._owed: set[str] = set()
        self._teller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._postgres:
            listening: asyncio.Event = asyncio.Event()
            self._listener = asyncio.create_task(self._listen(listening), name="wake")
            await asyncio.wait_for(listening.wait(), 30)
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory_fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self._path(self._name))
        asyncio.get_running_loop().add_reader(self._socket, self._received)

    async def stop(self) -> None:
        if self._teller is not None:
            await self._teller
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        if self._speaker is not None:
            await self._speaker.close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            (self._directory / self._name).unlink(missing_ok=True)
            os.close(self._directory_fd)

    def event(self, topic: str) -> asyncio.Event:
        """A new event that is set by each notification of `topic`; who waits on it clears it first."""
        event = asyncio.Event()
        self._events.setdefault(topic, []).append(event)
        return event

    @contextlib.contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        """`event(topic)` for those who come and go."""
        event = self.event(topic)
        try:
            yield event
        finally:
            self._events[topic].remove(event)

    def soon(self, topic: str) -> None:
        """`notify` for what happens often and that nobody waits for: tells this process now, the others in a moment."""
        self._wake(topic)
        self._owed.add(topic)
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell(), name="wake soon")

    async def notify(self, *topics: str) -> None:
        """Wake everybody who waits for one of `topics`. Call it after the commit."""
        for topic in topics:
            self._wake(topic)
        await self._notify_others(topics)

    async def _notify_others(self, topics: tuple[str, ...]) -> None:
        if self._postgres:
            await self._notify_postgres(topics)
        elif self._socket is not None:
            self._notify_sockets(topics)

    async def _tell(self) -> None:
        while self._owed:
            topics = tuple(self._owed)
            self._owed.clear()
            await self._notify_others(topics)
            await asyncio.sleep(GATHER_SECONDS)

    def _wake(self, topic: str) -> None:
        for event in self._events.get(topic, ()):
            event.set()

    def _path(self, name: str) -> str:
        # A socket's path has at most 107 bytes, a data directory's may be longer: go through the open directory.
        link = f"/proc/self/fd/{self._directory_fd}"
        return f"{link}/{name}" if Path(link).exists() else str(self._directory / name)

    def _received(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                self._wake(self._socket.recv(64).decode("ascii", "replace"))

    def _notify_sockets(self, topics: tuple[str, ...]) -> None:
        assert self._socket is not None
        for name in [entry.name for entry in self._directory.iterdir()]:
            if name == self._name or not name.endswith(".sock"):
                continue
            try:
                for topic in topics:
                    self._socket.sendto(topic.encode(), self._path(name))
            except BlockingIOError:
                continue  # its buffer is full: it has enough to wake up for
            except ConnectionRefusedError:
                (self._directory / name).unlink(missing_ok=True)  # its process is dead
            except FileNotFoundError:
                continue  # it has just stopped

    async def _notify_postgres(self, topics: tuple[str, ...]) -> None:
        import psycopg

        async with self._speaking:
            try:
                if self._speaker is None or self._speaker.closed:
                    self._speaker = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
                for topic in topics:
                    await self._speaker.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topic))
            except psycopg.OperationalError as error:
                # The work is committed; the other processes find it when they next look by themselves.
                log.warning("cannot wake the other processes: %s", error)
                self._speaker = None

    async def _listen(self, listening: asyncio.Event) -> None:
        import psycopg

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    listening.set()
                    for topic in list(self._events):
                        self._wake(topic)  # something may have been said while nobody listened
                    async for notification in connection.notifies():
                        self._wake(notification.payload)
            except psycopg.OperationalError as error:
                log.warning("not listening for wake-ups, trying again in %g s: %s", RECONNECT_SECONDS, error)
                await asyncio.sleep(RECONNECT_SECONDS)
