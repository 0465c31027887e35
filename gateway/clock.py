"""The time, and waiting for it: given to every flow, so that a test can move it."""

import asyncio
from datetime import UTC, datetime


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, event: asyncio.Event, until: datetime | None) -> None:
        """Wait for `event`, but at most until the time given. Clears the event."""
        try:
            if until is None:
                await event.wait()
            else:
                async with asyncio.timeout(max((until - self.now()).total_seconds(), 0)):
                    await event.wait()
        except TimeoutError:
            return
        finally:
            event.clear()
