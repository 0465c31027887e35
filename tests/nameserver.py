"""A name server for tests: real DNS messages over UDP and TCP on loopback, from zones that the test writes."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 60


class Does(Enum):
    """What it does with questions about a name, instead of answering them."""

    NOTHING = auto()
    """Nobody answers."""
    SERVFAIL = auto()
    REFUSED = auto()
    WRONG_ID = auto()
    """An answer with the id of another question, and no right one: as a stranger would guess it."""
    NONSENSE = auto()
    """Octets that are no message."""
    CUT_AND_SILENT = auto()
    """The answer is cut (TC), and over TCP nobody answers."""


@dataclass
class NameServer:
    """What is too large for UDP is cut, and had over TCP. Names that it has no record of are NXDOMAIN; with a record of
    another kind only, an answer without records."""

    port: int = 0
    records: dict[dns.name.Name, dict[str, list[str]]] = field(default_factory=dict)
    instead: dict[dns.name.Name, Does] = field(default_factory=dict)
    late: dict[dns.name.Name, float] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, kind and transport of every question."""

    @property
    def resolvers(self) -> list[tuple[str, int]]:
        return [("127.0.0.1", self.port)]

    def add(self, name: str, kind: str, *texts: str) -> None:
        """Records as a zone file has them; a TXT without its quotes, in strings of 255 octets."""
        if kind == "TXT":
            texts = tuple(
                " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text) or 1, 255)) for text in texts
            )
        self.records.setdefault(dns.name.from_text(name), {}).setdefault(kind, []).extend(texts)

    def let(self, name: str, does: Does) -> None:
        self.instead[dns.name.from_text(name)] = does

    def slow(self, name: str, seconds: float) -> None:
        self.late[dns.name.from_text(name)] = seconds

    def number_of(self, name: str) -> int:
        """How many questions about a name there were."""
        return sum(asked == name for asked, _, _ in self.asked)

    async def reply(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((question.name.to_text(omit_final_dot=True), kind, transport))
        await asyncio.sleep(self.late.get(question.name, 0))
        does = self.instead.get(question.name)
        if does is Does.NOTHING or (does is Does.CUT_AND_SILENT and transport == "tcp"):
            return None
        if does is Does.NONSENSE:
            return b"\0\1nonsense"
        answer = dns.message.make_response(query, recursion_available=True)
        if does in (Does.SERVFAIL, Does.REFUSED):
            answer.set_rcode(dns.rcode.from_text(does.name))
        elif does is Does.CUT_AND_SILENT:
            answer.flags |= dns.flags.TC
        else:
            self._fill(answer, question.name, kind)
        if does is Does.WRONG_ID:
            answer.id ^= 1
        try:
            return answer.to_wire(max_size=65535 if transport == "tcp" else query.payload or 512)
        except dns.exception.TooBig:
            answer = dns.message.make_response(query, recursion_available=True)
            answer.flags |= dns.flags.TC
            return answer.to_wire()

    def _fill(self, answer: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        """As a resolver does, which follows aliases."""
        seen = set()
        while name not in seen and "CNAME" in self.records.get(name, {}) and kind != "CNAME":
            seen.add(name)
            [target] = self.records[name]["CNAME"]
            answer.answer.append(dns.rrset.from_text(name, TTL, "IN", "CNAME", target))
            name = dns.name.from_text(target)
        known = self.records.get(name)
        if known is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in known:
            answer.answer.append(dns.rrset.from_text(name, TTL, "IN", kind, *known[kind]))


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Callable[[bytes, str], "asyncio.Future[bytes | None]"]) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def answer(done: "asyncio.Future[bytes | None]") -> None:
            if not done.cancelled() and (wire := done.result()) is not None and not self._transport.is_closing():
                self._transport.sendto(wire, addr)

        self._reply(data, "udp").add_done_callback(answer)


@asynccontextmanager
async def serving() -> AsyncIterator[NameServer]:
    """A name server on a port of its own, the same of UDP and TCP."""
    server, tasks = NameServer(), set[asyncio.Future[bytes | None]]()

    def begin(wire: bytes, transport: str) -> "asyncio.Future[bytes | None]":
        task = asyncio.ensure_future(server.reply(wire, transport))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            [length] = struct.unpack("!H", await reader.readexactly(2))
            wire = await begin(await reader.readexactly(length), "tcp")
            if wire is not None:
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    udp, listener = await _listen(begin, stream)
    server.port = udp.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        udp.close()
        listener.close()
        for task in tuple(tasks):
            task.cancel()


async def _listen(
    begin: Callable[[bytes, str], "asyncio.Future[bytes | None]"],
    stream: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
    loop = asyncio.get_running_loop()
    while True:
        udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(begin), local_addr=("127.0.0.1", 0))
        try:
            port = udp.get_extra_info("sockname")[1]
            return udp, await asyncio.start_server(stream, "127.0.0.1", port)  # type: ignore[arg-type]
        except OSError:  # somebody has this port of TCP
            udp.close()
