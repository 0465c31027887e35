"""Fixtures: a switch with the sender's pages and folders, and lines on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.lines.bench import draw_fax
from tests.lines.freeswitch.bench import Bench, opened
from tests.lines.freeswitch.switch import Switch

OpenLine = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[Switch]:
    async with Switch(pace=0.005) as switch:
        yield switch


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_fax(tmp_path_factory.mktemp("fax") / "one.tif", 1)


@pytest.fixture
def open_line(switch: Switch, tmp_path: Path, page: Path) -> OpenLine:
    """Opens lines on one switch and one spool, one after the other, as a restarted gateway does."""

    def open_(more: str = "") -> AbstractAsyncContextManager[Bench]:
        return opened(switch, tmp_path / "spool", page, more)

    return open_
