"""Two hundred calls at once through one FreeSWITCH: is any lost, and does the event loop stay free for everything else?

FreeSWITCH is the scripted one of the tests, in a process of its own, which plays recorded calls ten times as fast as
they were: the events of 2,000 calls in real time. Beside it the same loop with nothing to do, and one that reads the
same events by itself, without greenswitch and its thread, and does nothing with them.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.table import Row, percentile, ratio
from gateway.fax import CallResult
from gateway.lines.freeswitch.line import freeswitch_lines
from gateway.lines.freeswitch.node import SUBSCRIPTION
from gateway.ports import IncomingCall
from tests.lines.bench import draw_fax, order
from tests.lines.freeswitch.originate import Originate
from tests.lines.freeswitch.play import Play
from tests.lines.freeswitch.switch import Switch

CALLS = 200
PACE = 0.1
TICK = 0.005

ENDS = ("success_1page_sofia_audio", "success_3pages_ecm", "busy_sofia", "t38_success_sender_reinvite_3pages")
PAGES = (1, 3, 1, 3)
EXPECTED = ((True, 1), (True, 3), (False, 0), (True, 3))


def _end(number: str) -> int:
    return int(number) % len(ENDS)


def _script(made: Originate) -> Play:
    return Play(ENDS[_end(made.number)])


def _switch(pipe: Connection) -> None:
    """The process of the switch: tells its port, and lives until it is told to stop."""

    async def run() -> None:
        async with Switch(_script, pace=PACE) as switch:
            pipe.send(switch.port)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


class _Nobody:
    async def answers(self, number: str) -> None:
        return None

    async def began(self, call: IncomingCall) -> None: ...

    async def progressed(self, progress: object) -> None: ...

    async def ended(self, call: IncomingCall, result: CallResult, image: Path | None) -> bool:
        return True


async def run(*, quick: bool) -> list[Row]:
    calls = 20 if quick else CALLS
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_switch, args=(theirs,), daemon=True)
    process.start()
    port = await asyncio.to_thread(ours.recv)
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            image = draw_fax(folder / "fax.tif", 1)
            idle, _ = await _measured(lambda: asyncio.sleep(3))
            rows.append(_row("nothing to do", idle, idle, "-"))
            through, counts = await _measured(lambda: _through_the_line(port, folder, image, calls))
            rows.append(_row(f"{calls} calls, the line", through, idle, str(counts)))
            plain, counts = await _measured(lambda: _read_plainly(port, folder, image, calls))
            rows.append(_row(f"{calls} calls, events read in the loop", plain, idle, str(counts)))
    finally:
        ours.send(None)
        await asyncio.to_thread(process.join, 10)
    table.show("The event loop's delay in ms while calls run through a FreeSWITCH", rows)
    return rows


def _row(what: str, delays: list[float], idle: list[float], outcome: str) -> Row:
    return {
        "what": what,
        "p50": 1000 * percentile(delays, 0.5),
        "p99": 1000 * percentile(delays, 0.99),
        "max": 1000 * max(delays),
        "p99 against idle": ratio(percentile(delays, 0.99), percentile(idle, 0.99)),
        "outcome": outcome,
    }


async def _measured(work: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[list[float], Any]:
    """How much later than asked for the loop woke, every few ms while `work` ran; and its result."""
    delays: list[float] = []

    async def tick() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(TICK)
            delays.append(time.perf_counter() - asked - TICK)

    ticking = asyncio.create_task(tick())
    result = await work()
    ticking.cancel()
    return delays, result


async def _through_the_line(port: int, spool: Path, image: Path, calls: int) -> str:
    url = f"freeswitch://:ClueCon@127.0.0.1:{port}?dial=sofia/gateway/trunk/{{number}}&spool={spool}&channels={calls}"
    [line] = freeswitch_lines([url], spool)
    await line.start(_Nobody(), lambda: None)

    async def call(place: int) -> str:
        number = f"+1555{place:07}"
        end = _end(number)
        result = await line.call(order(number, image, PAGES[end]), lambda _: None)
        return "right" if (result.success, result.pages) == EXPECTED[end] else "wrong"

    found = Counter(await asyncio.gather(*(call(place) for place in range(calls)), return_exceptions=True))
    await line.stop()
    return f"{found['right']} right, {calls - found['right']} wrong or lost"


async def _read_plainly(port: int, spool: Path, image: Path, calls: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    await reader.readuntil(b"\n\n")
    for command in ("auth ClueCon", SUBSCRIPTION):
        writer.write(f"{command}\n\n".encode())
        await reader.readuntil(b"\n\n")
    for place in range(calls):
        writer.write(f"bgapi originate {{a=b}}sofia/gateway/trunk/+1555{place:07} &txfax({image})\n\n".encode())
    ends = 0
    while ends < calls:
        head = await reader.readuntil(b"\n\n")
        length = next((int(line[16:]) for line in head.split(b"\n") if line.startswith(b"Content-Length: ")), 0)
        body = await reader.readexactly(length)
        ends += b"Event-Name: CHANNEL_DESTROY" in body and b"Call-Direction: outbound" in body
    writer.close()
    return f"{ends} ends read"
