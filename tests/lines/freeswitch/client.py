"""A client of the event socket without ideas of its own, and what the tests of the switch look for in its events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.exchange import PATIENCE
from tests.lines.freeswitch.switch import Switch

SUBSCRIBE = (
    "event plain BACKGROUND_JOB CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE "
    "CHANNEL_DESTROY CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE SHUTDOWN CUSTOM spandsp::txfaxnegociateresult "
    "spandsp::txfaxpageresult spandsp::txfaxresult spandsp::rxfaxnegociateresult spandsp::rxfaxpageresult "
    "spandsp::rxfaxresult"
)


@dataclass
class Received:
    content_type: str
    reply: str
    body: bytes

    @property
    def event(self) -> Event:
        return Event.parse(self.body)


class Client:
    """Reads by the lengths that it is told, so a wrong length makes nonsense of all that follows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.events: list[Event] = []

    async def read(self) -> Received | None:
        """None at the end of file."""
        headers: dict[str, str] = {}
        while (line := (await self.reader.readline()).decode()) not in ("\n", ""):
            name, colon, value = line.rstrip("\n").partition(": ")
            assert colon, f"no header: {line!r}"
            headers[name] = value
        if not line:
            assert not headers, "the end of file came within a message"
            return None
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return Received(headers["Content-Type"], headers.get("Reply-Text", ""), body)

    async def ask(self, command: str) -> str:
        """What is replied or answered; events that come before it are kept."""
        self.writer.write(command.encode() + b"\n\n")
        while received := await self.read():
            if received.content_type != "text/event-plain":
                return received.reply or received.body.decode()
            self.events.append(received.event)
        raise EOFError

    async def until(self, found: Callable[[Event], bool]) -> Event:
        """The first event like that, which may have come already."""
        for event in self.events:
            if found(event):
                return event
        async with asyncio.timeout(PATIENCE):
            while received := await self.read():
                self.events.append(received.event)
                if found(self.events[-1]):
                    return self.events[-1]
        raise EOFError

    async def one(self) -> str:
        """The content type of the next message."""
        received = await self.read()
        return received.content_type if received else ""

    async def log_in(self) -> None:
        assert await self.one() == "auth/request"
        assert await self.ask("auth ClueCon") == "+OK accepted"
        assert await self.ask(SUBSCRIBE) == "+OK event listener enabled plain"

    async def end(self) -> list[str]:
        """The content types until the end of file."""
        types = []
        while received := await self.read():
            types.append(received.content_type)
        return types

    async def dial(self, file: Path, number: str = "33100000000", uuid: str = "", more: str = "") -> str:
        uuid = uuid or str(uuid4())
        reply = await self.ask(
            f"bgapi originate {{origination_uuid={uuid},originate_timeout=30,fax_ident=%2B33123456789,gw_job_id=7"
            f"{more}}}sofia/gateway/faxtrunk/{number} &txfax({file})\nJob-UUID: {job_of(uuid)}"
        )
        assert reply == f"+OK Job-UUID: {job_of(uuid)}"
        return uuid


def job_of(uuid: str) -> str:
    return f"99999999{uuid[8:]}"


def over(uuid: str) -> Callable[[Event], bool]:
    return lambda event: event.name == "CHANNEL_DESTROY" and event.uuid == uuid


def job(uuid: str) -> Callable[[Event], bool]:
    return lambda event: event.name == "BACKGROUND_JOB" and event.job_uuid == job_of(uuid)


def named(name: str, uuid: str) -> Callable[[Event], bool]:
    return lambda event: name in (event.name, event.subclass) and event.uuid == uuid


Connect = Callable[..., Awaitable[Client]]


@asynccontextmanager
async def clients(switch: Switch) -> AsyncIterator[Connect]:
    """Opens clients of the switch, and closes them all in the end."""
    opened = []

    async def connect(*, subscribed: bool = True) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", switch.port))
        opened.append(client)
        if subscribed:
            await client.log_in()
        return client

    yield connect
    for client in opened:
        client.writer.close()
