"""What the tests of the embedded line work with: a fax image, a line, and the incoming side as a recording."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageSequence

from gateway.fax import CallResult, Progress
from gateway.ids import new_id
from gateway.lines.loopback import LoopbackLine
from gateway.ports import CallOrder, IncomingCall

BOX_NUMBER = "+15551230002"
MANY = 25


def draw_fax(path: Path, pages: int, lines: int = 40) -> Path:
    """A fax image as the renderer makes it: 1728 wide, 204x196, Group 4."""
    images = []
    for page in range(1, pages + 1):
        image = Image.new("1", (1728, 2200), 1)
        draw = ImageDraw.Draw(image)
        for line in range(lines):
            draw.text((100, 100 + 50 * line), f"page {page}, line {line}: " + "the quick brown fox " * 8, fill=0)
        images.append(image)
    images[0].save(path, save_all=True, append_images=images[1:], compression="group4", dpi=(204, 196))
    return path


@dataclass
class Recording:
    """The incoming side of a gateway that owns one number and writes down what it is told."""

    kept: Path
    station_id: str = "+15551230002"
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(event, call id), in their order."""
    progress: list[Progress] = field(default_factory=list)
    results: dict[str, CallResult] = field(default_factory=dict)
    images: dict[str, Path | None] = field(default_factory=dict)
    refusals: int = 0
    """How often `ended` is still to fail."""
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    async def answers(self, number: str) -> str | None:
        return self.station_id if number == BOX_NUMBER else None

    async def began(self, call: IncomingCall) -> None:
        assert call.line == "loopback"
        assert call.to_number == BOX_NUMBER
        if ("began", call.call_id) not in self.calls:
            self.calls.append(("began", call.call_id))

    async def progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    async def ended(self, call: IncomingCall, result: CallResult, image: Path | None) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise OSError("the database is away")
        self.calls.append(("ended", call.call_id))
        self.results[call.call_id] = result
        self.images[call.call_id] = Path(shutil.copy(image, self.kept / f"{call.call_id}.tif")) if image else None
        self.stored.set()
        return True


@dataclass
class Bench:
    line: LoopbackLine
    incoming: Recording
    directory: Path
    freed: list[None]
    heard: list[Progress]

    async def send(self, number: str, document: Path, pages: int, **details: object) -> CallResult:
        return await self.line.call(order(number, document, pages, **details), self.heard.append)


def order(number: str, document: Path, pages: int, **details: object) -> CallOrder:
    fields: dict[str, object] = {
        "call_id": new_id(),
        "number": number,
        "image": document,
        "pages": pages,
        "caller_id_number": "+15551230001",
        "caller_id_name": "Alice",
        "local_station_id": "+1 555 123 0001",
    }
    return CallOrder(**{**fields, **details})  # type: ignore[arg-type]


OpenLine = Callable[..., AbstractAsyncContextManager[Bench]]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


def frames(path: Path) -> list[Image.Image]:
    """The pages of a TIFF as bilevel images."""
    with Image.open(path) as tiff:
        return [frame.convert("1").copy() for frame in ImageSequence.Iterator(tiff)]
