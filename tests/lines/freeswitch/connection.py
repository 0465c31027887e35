"""One client of the event socket."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator

from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.subscription import Subscription

_END = b""

OnCommand = Callable[["Connection", str], Awaitable[None]]


class Connection:
    """Reads commands, which are obeyed one after the other; writes what it is given, in its order."""

    def __init__(
        self, number: int, reader: StreamReader, writer: StreamWriter, thawed: asyncio.Event, chop: Callable[[], int]
    ) -> None:
        self.number = number
        """Which connection of the switch it is, from 1."""
        self.trusted = False
        """Has it said the password?"""
        self.subscription = Subscription()
        self._reader = reader
        self._writer = writer
        self._thawed = thawed
        self._chop = chop
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._closing = False

    def send(self, data: bytes) -> None:
        if not self._closing:
            self._outgoing.put_nowait(data)

    def hear(self, event: Event) -> None:
        """Send an event, if it was asked for."""
        if self.trusted and self.subscription.wants(event):
            self.send(event.render())

    def close(self) -> None:
        """Once everything is sent."""
        if not self._closing:
            self._closing = True
            self._outgoing.put_nowait(_END)

    def cut(self) -> None:
        """Close now: what waits to be sent is lost."""
        self._closing = True
        self._writer.close()

    async def flush(self) -> None:
        """Wait until everything is sent."""
        await self._outgoing.join()

    async def serve(self, arrived: Callable[["Connection", str], None], obey: OnCommand) -> None:
        """Until one of both sides ends it. `arrived` sees a command when it comes, `obey` when it is its turn."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read(arrived, obey)
            self.close()
            if not self._writer.is_closing():
                await writing
        finally:
            writing.cancel()
            self._writer.transport.abort()
            await asyncio.wait([writing])

    async def _read(self, arrived: Callable[["Connection", str], None], obey: OnCommand) -> None:
        lines: list[str] = []
        while (line := await self._line()) and not self._closing:
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if text:
                lines.append(text)
            elif lines:
                command, lines = "\n".join(lines), []
                arrived(self, command)
                await self._thawed.wait()
                await obey(self, command)
                if self._closing:
                    break

    async def _line(self) -> bytes:
        """Empty at the end."""
        try:
            return await self._reader.readline()
        except OSError:
            return b""

    async def _write(self) -> None:
        try:
            while (data := await self._outgoing.get()) != _END:
                await self._thawed.wait()
                for piece in self._pieces(data):
                    self._writer.write(piece)
                    await self._writer.drain()
                self._outgoing.task_done()
            self._outgoing.task_done()
        except OSError:
            self._outgoing.task_done()  # the client is gone
        finally:
            self._closing = True
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
                self._outgoing.task_done()
            self._writer.close()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        size = self._chop() or len(data)
        return (data[start : start + size] for start in range(0, len(data), size))
