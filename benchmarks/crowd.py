"""What a crowd at the SMTP door costs those who work: fifty busy sessions alone, and the same fifty among five hundred
that are idle and a few that are slow (one drips a mail octet by octet, one a command, one reads no reply).

The gateway is a process, `faxgate serve --role smtp` on SQLite; both loads take turns in the same run, and the ratios
are the second's by the first's: near 1 is the goal. A latency is from MAIL to the 250 behind the mail.
"""

import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from benchmarks import table
from benchmarks.gateway import DOMAIN, Gateway
from benchmarks.smtp_accept import RECIPIENT, SENDER, mail
from benchmarks.table import Row, percentile, ratio

IDLE, BUSY, KILOBYTES = 500, 50, 50
ALONE, CROWDED = f"{BUSY} busy alone", f"{BUSY} busy among {IDLE} idle and 3 slow"
ENVELOPE = ((f"MAIL FROM:<{SENDER}>", b"250"), (f"RCPT TO:<{RECIPIENT}>", b"250"), ("DATA", b"354"))

_numbers = itertools.count()


async def run(*, quick: bool) -> list[Row]:
    seconds, rounds = (2.0, 1) if quick else (6.0, 4)
    table.OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=table.OUT, prefix="crowd-")).absolute()
    took: dict[str, list[float]] = {ALONE: [], CROWDED: []}
    try:
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(_gateway(folder))
            await busy(port, 1.0)  # its workers are warm then
            for _ in range(rounds):
                took[ALONE] += await busy(port, seconds)
                async with crowd(port):
                    took[CROWDED] += await busy(port, seconds)
            print(f"  {rounds} rounds of {seconds:g} s: done", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    rows = [_row(name, values, took[ALONE], seconds * rounds) for name, values in took.items()]
    table.show(f"Mails of {KILOBYTES} kB in {BUSY} sessions (goal: ratios near 1)", rows)
    return rows


def _row(name: str, took: list[float], alone: list[float], seconds: float) -> Row:
    p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
    return {
        "sessions": name,
        "mails/s": round(len(took) / seconds, 1),
        "x alone": ratio(len(took), len(alone)),
        "p50 ms": round(p50 * 1000, 1),
        "x p50": ratio(p50, percentile(alone, 0.5)),
        "p99 ms": round(p99 * 1000, 1),
        "x p99": ratio(p99, percentile(alone, 0.99)),
    }


@asynccontextmanager
async def _gateway(folder: Path) -> AsyncIterator[int]:
    most = str(IDLE + BUSY + 50)
    gateway = Gateway(folder, smtp_max_connections=most, smtp_max_connections_per_peer=most)
    account = await gateway.command("account", "add", "Bench", "--domain", DOMAIN)
    await gateway.command("faxbox", "add", account["id"], "Bench", "--allow", SENDER)
    await gateway.start("smtp")
    try:
        await gateway.up()
        yield gateway.smtp_port
    finally:
        await gateway.stop()


class _Session:
    """A client that has said EHLO."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "_Session":
        session = cls(*await asyncio.open_connection("127.0.0.1", port))
        await session.expect(b"220")
        await session.ask("EHLO load.example", b"250")
        return session

    async def expect(self, code: bytes) -> None:
        line = await self.reader.readline()
        while line[3:4] == b"-":
            line = await self.reader.readline()
        if not line.startswith(code):
            raise RuntimeError(f"expected {code!r}, heard {line!r}")

    async def ask(self, command: str, code: bytes) -> None:
        self.writer.write(command.encode() + b"\r\n")
        await self.expect(code)


async def busy(port: int, seconds: float) -> list[float]:
    """Every session sends mails one behind the other, for so long; what each mail took."""
    before, after = mail(KILOBYTES)
    sessions = await asyncio.gather(*(_Session.open(port) for _ in range(BUSY)))
    ends = time.perf_counter() + seconds
    took: list[float] = []

    async def send(session: _Session) -> None:
        while (began := time.perf_counter()) < ends:
            for command, code in ENVELOPE:
                await session.ask(command, code)
            session.writer.writelines((before, b"%d.%d" % (time.time_ns(), next(_numbers)), after, b".\r\n"))
            await session.expect(b"250")
            took.append(time.perf_counter() - began)
        session.writer.close()

    await asyncio.gather(*map(send, sessions))
    return took


@asynccontextmanager
async def crowd(port: int) -> AsyncIterator[None]:
    """The idle and the slow, for as long as this lasts."""
    sessions = [await _Session.open(port) for _ in range(IDLE + 3)]
    dripping, slow, deaf = sessions[:3]
    for command, code in ENVELOPE:
        await dripping.ask(command, code)
    deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]  # it reads no reply
    tasks = [
        asyncio.create_task(_drip(dripping, b"x")),
        asyncio.create_task(_drip(slow, b"N")),
        asyncio.create_task(_drip(deaf, b"EHLO load.example\r\n" * 10)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for session in sessions:
            session.writer.close()


async def _drip(session: _Session, octets: bytes) -> None:
    with suppress(ConnectionError):
        while True:
            session.writer.write(octets)
            await asyncio.sleep(0.02)
