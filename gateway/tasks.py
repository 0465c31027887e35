"""Tasks that run beside a loop: held on to, logged when they fail, and waited for at the end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Tasks:
    """`expected` is what a task may raise without anything being wrong: it is logged in a line."""

    def __init__(self, name: str, *, expected: type[Exception] | tuple[type[Exception], ...] = ()) -> None:
        self._name = name
        self._expected = expected
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._logged(work), name=self._name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self) -> None:
        """Wait until all have ended."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def cancel(self) -> None:
        """End them all now."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except self._expected as error:
            log.warning("%s: %s", self._name, error)
        except Exception:
            # Nothing is lost: what was claimed comes back when its lease runs out.
            log.exception("%s: a task failed", self._name)
