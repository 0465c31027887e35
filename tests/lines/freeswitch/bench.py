"""What the tests of the line work with: a switch, a line on it, and the incoming side as a recording."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.fax import CallResult, Progress
from gateway.lines.freeswitch.line import FreeswitchLine, freeswitch_lines
from gateway.ports import CallOrder, IncomingCall
from tests.lines.bench import order
from tests.lines.freeswitch.switch import Switch

NUMBER = "+15551230002"
"""The number that a faxbox of ours owns."""


@dataclass
class Incoming:
    """The incoming side of a gateway that owns one number, and writes down what it is told."""

    spool: Path
    events: list[tuple[str, str]] = field(default_factory=list)
    calls: dict[str, IncomingCall] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    results: dict[str, CallResult] = field(default_factory=dict)
    images: dict[str, bytes | None] = field(default_factory=dict)
    refusals: int = 0
    """How often `ended` is still to fail, ..."""
    refusal: Exception = field(default_factory=lambda: OSError("the database is away"))
    """... and with what."""
    keeps: bool = True
    """Whether it takes images: it does not where it was told the end without one before."""
    told_with: list[str] = field(default_factory=list)
    """What lay in the spool when an end was told."""
    asked: list[str] = field(default_factory=list)
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    async def answers(self, number: str) -> str | None:
        self.asked.append(number)
        return NUMBER if number == NUMBER else None

    async def began(self, call: IncomingCall) -> None:
        self.events.append(("began", call.call_id))
        self.calls[call.call_id] = call

    async def progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    async def ended(self, call: IncomingCall, result: CallResult, image: Path | None) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise self.refusal
        self.calls[call.call_id] = call
        self.events.append(("ended", call.call_id))
        self.results[call.call_id] = result
        self.told_with = [path.name for name in ("rx", "cdr") for path in (self.spool / name).iterdir()]
        if image is None or self.keeps:
            self.images[call.call_id] = await asyncio.to_thread(image.read_bytes) if image else None
        self.stored.set()
        return image is None or self.keeps


@dataclass
class Bench:
    switch: Switch
    line: FreeswitchLine
    incoming: Incoming
    spool: Path
    freed: list[None]
    heard: list[Progress]
    image: Path

    def order(self, pages: int = 1, *, number: str = "+15551234567", **details: object) -> CallOrder:
        return order(number, self.image, pages, **details)

    async def send(self, pages: int = 1, **details: object) -> CallResult:
        return await self.line.call(order("+15551234567", self.image, pages, **details), self.heard.append)

    def stages(self) -> list[str]:
        return [progress.stage for progress in self.heard]


def url(switch: Switch, spool: Path, more: str = "") -> str:
    return f"freeswitch://:{switch.password}@127.0.0.1:{switch.port}?dial=sofia/gateway/trunk/{{number}}&spool={spool}{more}"


@asynccontextmanager
async def opened(switch: Switch, spool: Path, image: Path, more: str = "") -> AsyncIterator[Bench]:
    """A line on this switch, as a gateway that has just been started has it."""
    [line] = freeswitch_lines([url(switch, spool, more)], spool)
    line.sweep_seconds = 0.2
    incoming, freed = Incoming(spool), list[None]()
    await line.start(incoming, lambda: freed.append(None))
    try:
        yield Bench(switch, line, incoming, spool, freed, [], image)
    finally:
        await line.stop()
