"""Opens the database and begins its transactions.

SQLite means one host: WAL, synchronous=FULL (a commit is on disk when it returns), BEGIN IMMEDIATE. Several hosts mean
PostgreSQL. A database that cannot be reached or is busy for too long raises OurTrouble.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import OurTrouble
from gateway.store import events
from gateway.store.columns import to_json

log = logging.getLogger(__name__)

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"

BUSY_SECONDS = 20
"""How long SQLite waits for another process's write before it gives up."""


class Store:
    """An open database. Made by `Store.open`, ended by `close`."""

    def __init__(self, engine: AsyncEngine, direct: Engine) -> None:
        self.engine = engine
        self._direct = direct
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self.sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time. Waiting here, in order, is fair and costs nothing; waiting in SQLite's busy
        # handler is neither.
        self._writer = asyncio.Lock()
        self.events_written: Callable[[], None] = _nobody_listens
        """Called in the event loop after the commit of a transaction that has written live events."""

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open `sqlite:///PATH` or `postgresql://...` and bring its schema up to date."""
        store = cls(*_engines(url))
        try:
            if store.sqlite:
                await asyncio.to_thread(_make_file, Path(str(store.engine.url.database)))
            await store._migrate()
        except (DBAPIError, sqlite3.Error, OSError) as error:
            await store.close()
            raise OurTrouble(f"The database cannot be opened: {getattr(error, 'orig', error)}") from error
        return store

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._direct.dispose)
        self._thread.shutdown()
        await self.engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: committed durably when the block ends, rolled back when it raises."""
        try:
            async with self._writer if self.sqlite else nullcontext(), self.engine.connect() as connection:
                await connection.execution_options(immediate=True)
                async with connection.begin():
                    events.begin(connection)
                    yield connection
                    written = events.pending(connection)
                    if written:
                        await connection.run_sync(events.write)
        except (DBAPIError, NoConnectionFree) as error:
            raise _trouble(error) from error
        if written:
            self.events_written()

    async def commit(self, work: Callable[[Connection], T]) -> T:
        """`work` in a transaction that writes, as a whole in a thread: committed durably when this returns.

        For the transaction that every session waits for: its statements cost one turn of the event loop, not fifteen.
        """

        def whole() -> tuple[T, bool]:
            with self._direct.connect() as connection:
                connection = connection.execution_options(immediate=True)
                with connection.begin():
                    events.begin(connection)
                    done = work(connection)
                    events.write(connection)
                    return done, events.pending(connection)

        try:
            async with self._writer if self.sqlite else nullcontext():
                done, written = await asyncio.get_running_loop().run_in_executor(self._thread, whole)
        except (DBAPIError, NoConnectionFree) as error:
            raise _trouble(error) from error
        if written:
            self.events_written()
        return done

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, from one snapshot."""
        try:
            async with self.engine.connect() as connection:
                yield connection
        except (DBAPIError, NoConnectionFree) as error:
            raise _trouble(error) from error

    async def _migrate(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execution_options(immediate=True)
            async with connection.begin():
                if not self.sqlite:
                    # Two processes that start together must not both create the tables.
                    await connection.execute(text("SELECT pg_advisory_xact_lock(7261953)"))
                await connection.run_sync(upgrade)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations on an open connection."""
    if to == "head" and _version(connection) == max(file.name[:4] for file in MIGRATIONS.glob("versions/[0-9]*.py")):
        return
    # Costly to import, and needed once in a long while.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _version(connection: Connection) -> str | None:
    """Which migration the database was last brought to; None where it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _nobody_listens() -> None:
    """Before the gateway has said whom to tell of events."""


def _engines(url: str) -> tuple[AsyncEngine, Engine]:
    """The database twice: for the event loop, and for the thread of `Store.commit`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OurTrouble(f"FAXGATE_DATABASE_URL: {error}") from error
    if parsed.drivername == "sqlite":
        if not parsed.database:
            raise OurTrouble("FAXGATE_DATABASE_URL: sqlite:///PATH needs a path")
        options: dict[str, Any] = {"json_serializer": to_json, "connect_args": {"timeout": BUSY_SECONDS}}
        engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), pool_size=8, max_overflow=0, **options)
        direct = create_engine(parsed, pool_size=1, max_overflow=0, **options)
        for each in (engine.sync_engine, direct):
            event.listen(each, "connect", _sqlite_connect)
            event.listen(each, "begin", _sqlite_begin)
        return engine, direct
    if parsed.drivername in ("postgresql", "postgres"):
        psycopg = parsed.set(drivername="postgresql+psycopg")
        options = {"json_serializer": to_json, "pool_pre_ping": True}
        return (
            create_async_engine(psycopg, pool_size=8, max_overflow=8, **options),
            create_engine(psycopg, pool_size=1, max_overflow=0, **options),
        )
    raise OurTrouble(f"FAXGATE_DATABASE_URL: {parsed.drivername}: is unknown; take sqlite:///PATH or postgresql://...")


def _make_file(path: Path) -> None:
    """A database file that nobody else can read; SQLite gives what it makes beside it the same rights. Whoever comes
    first makes it and the folder: that may be `faxgate doctor`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):  # not opened then: closing it would take the locks of this process's SQLite away
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    _make_wal(path)


def _make_wal(path: Path) -> None:
    """Switch a database file to WAL, which it then stays. Two processes that do so to a new file at once get "database
    is locked" without waiting (SQLite's busy handler is not asked here), so this waits."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A reader that becomes a writer can meet SQLITE_BUSY at once and for good; a writer says so from the start.
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _trouble(error: Exception) -> OurTrouble:
    log.error("database: %s", error)
    return OurTrouble("The database cannot be used right now; try again later.", detail=str(error))
