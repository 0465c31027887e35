"""Fixtures for the embedded line: real calls in a directory of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.lines.loopback import LoopbackLine
from gateway.lines.options import LoopbackOptions
from tests.lines.bench import MANY, Bench, OpenLine, Recording, draw_fax


@pytest.fixture
def open_line(tmp_path: Path) -> OpenLine:
    """Opens lines that share one directory, as a restarted gateway's do."""

    @asynccontextmanager
    async def opened(
        options: LoopbackOptions | None = None, incoming: Recording | None = None, **settings: Any
    ) -> AsyncIterator[Bench]:
        kept = tmp_path / "kept"
        kept.mkdir(exist_ok=True)
        line = LoopbackLine(tmp_path / "spool", options, **settings)
        freed: list[None] = []
        bench = Bench(line, incoming or Recording(kept), tmp_path / "spool" / "calls", freed, [])
        await line.start(bench.incoming, lambda: freed.append(None))
        try:
            yield bench
        finally:
            await line.stop()

    return opened


@pytest.fixture(scope="session")
def two_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_fax(tmp_path_factory.mktemp("fax") / "two.tif", 2)


@pytest.fixture(scope="session")
def many_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough (about a second in the fast pace) for things to happen in the middle of its call."""
    return draw_fax(tmp_path_factory.mktemp("fax") / "many.tif", MANY)
