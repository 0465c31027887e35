"""A gateway that the crash tests kill: places one call to a faxbox of its own and prints its progress.

`python -m tests.lines.doomed_gateway DIRECTORY CALL_ID IMAGE PAGES PACE`
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from gateway.lines.loopback import LoopbackLine
from gateway.lines.options import LoopbackOptions
from tests.lines.bench import BOX_NUMBER, Recording, order


async def main(directory: str, call_id: str, image: str, pages: str, pace: str) -> None:
    line = LoopbackLine(Path(directory), LoopbackOptions(realtime=pace == "realtime"))
    await line.start(Recording(Path(directory)), lambda: None)
    placed = replace(order(BOX_NUMBER, Path(image), int(pages)), call_id=call_id)
    await line.call(placed, lambda news: print(news.stage, news.page, flush=True))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
