"""The alternative to being woken: the same gateway, whose loops sleep a second and look. `python -m benchmarks.polling`

Every line of it is the product's, down to the claims; only the waiting differs, which the clock does: it hears no
event.
"""

import asyncio
import logging
import signal
import sys
from datetime import datetime

from gateway.app import App
from gateway.clock import Clock
from gateway.settings import read

SECONDS = 1.0


class PollingClock(Clock):
    async def wait(self, event: asyncio.Event, until: datetime | None) -> None:
        await asyncio.sleep(SECONDS)
        event.clear()


async def serve() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    app = App(read(), clock=PollingClock())
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await app.start()
    logging.getLogger("gateway").info("ready")
    await asked.wait()
    await app.drain()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(serve())
