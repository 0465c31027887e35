"""Writes down how far a live call has got, without holding the call up: only the latest state counts."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.fax import Fax, Progress
from gateway.store import faxes
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim

log = logging.getLogger(__name__)


class ProgressWriter:
    """The progress of one call, which is told in pages of the document: `before` of them went in earlier calls. `close`
    when the call is over."""

    def __init__(self, store: Store, clock: Clock, fax: Fax, before: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._fax = fax
        self._before = before
        self._latest: Progress | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._write(), name=f"progress {fax.id}")

    def progress(self, progress: Progress) -> None:
        """Take note; called by the line, in the event loop's thread."""
        if self._before:
            progress = replace(progress, page=self._before + progress.page, pages=self._fax.pages)
        log.info("fax %s: %s", self._fax.id, describe(progress))
        self._latest = progress
        self._changed.set()

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _write(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with self._store.begin() as connection:
                    await faxes.change(connection, self._fax, self._clock.now(), progress=self._latest)
            except (FaxgateError, LostClaim) as error:
                # Progress is for onlookers; the result, which counts, is written by the attempt or fails loudly.
                log.warning("fax %s: progress not written: %s", self._fax.id, error)


def describe(progress: Progress) -> str:
    """Progress in words, for the log and for `faxgate demo`."""
    match progress.stage:
        case "negotiated":
            correction = "with" if progress.ecm else "without"
            far_end = f"far end {progress.remote_station_id!r}" if progress.remote_station_id else "far end unnamed"
            return f"negotiated {progress.rate} bit/s {correction} error correction, {far_end}"
        case "page":
            return f"page {progress.page} of {progress.pages or '?'} is through"
        case stage:
            return stage
