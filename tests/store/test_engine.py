"""The schema, and waking across processes."""

import asyncio
import socket
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from gateway.errors import OurTrouble
from gateway.store import accounts, attempts
from gateway.store.engine import Store, _engines, upgrade
from gateway.store.tables import metadata
from gateway.store.wake import DIAL, PREPARE, Wake

NOON = "2026-11-23 12:00:00.000000"
TIMES = {"created_at": NOON, "revision": 1}
CALL = {"started_at": NOON, "counted": True}


async def test_the_migrations_build_the_schema(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with store.read() as connection:
        assert await connection.run_sync(differences) == []


async def older(database_url: str, rows: dict[str, dict[str, object]]) -> Store:
    """What a gateway of the first schema has stored, opened by one of today."""
    engine, direct = _engines(database_url)
    with direct.begin() as old:
        upgrade(old, "0001")
        for table, row in rows.items():
            places = ", ".join(f":{name}" for name in row)
            old.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"), row)
    direct.dispose()
    await engine.dispose()
    return await Store.open(database_url)


OLD: dict[str, dict[str, object]] = {
    "account": {"id": "a", "country": "US", "max_calls": 1, **TIMES},
    "faxbox": {"id": "b", "account_id": "a", "retries": 3, "body_as_page": False, **TIMES},
    "number": {"number": "+1", "account_id": "a", "faxbox_id": "b"},
    "domain": {"name": "d.example", "account_id": "a", "faxbox_id": "b"},
    "token": {"id": "t", "hash": "h", "account_id": "a", "created_at": TIMES["created_at"]},
    "attempt": {"id": "c", "fax_id": "f", "account_id": "a", "number": 1, "direction": "outbound", **CALL},
}


async def test_what_an_older_gateway_has_stored_is_read(empty_database_url: str) -> None:
    store = await older(empty_database_url, OLD)
    async with store.read() as connection:
        assert not (await accounts.faxbox(connection, "b")).resume
        [call] = await attempts.of_fax(connection, "f")
    assert (call.v17, call.t38, call.first_page) == (True, None, 1)
    await store.close()


async def test_an_upgrade_loses_nothing(empty_database_url: str) -> None:
    """Not a row, nor whose it is: a table that is made anew takes along what refers to it."""
    store = await older(empty_database_url, OLD)
    async with store.read() as connection:
        for table, row in OLD.items():
            kept = (await connection.execute(text(f"SELECT * FROM {table}"))).mappings().one()
            plain = {name: value for name, value in row.items() if not name.endswith("_at")}
            assert {name: kept[name] for name in plain} == plain, table
    await store.close()


async def test_opening_again_changes_nothing(store: Store, database_url: str) -> None:
    again = await Store.open(database_url)
    await again.close()


async def test_two_processes_may_open_a_new_database_at_once(empty_database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(empty_database_url) for _ in range(3)))
    for store in stores:
        await store.close()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "nonsense"])
async def test_a_database_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(OurTrouble, match="FAXGATE_DATABASE_URL"):
        await Store.open(url)


async def test_a_new_database_is_for_nobody_else(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/var/faxgate.db")
    made = [tmp_path / "var", *(tmp_path / "var").iterdir()]
    assert len(made) == 4  # with its -wal and -shm
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []
    await store.close()


async def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OurTrouble, match=r"cannot be opened: .*file"):
        await Store.open(f"sqlite:///{tmp_path}/file/faxgate.db")


async def test_a_database_that_is_not_there_is_our_trouble() -> None:
    with pytest.raises(OurTrouble, match="cannot be opened"):
        await Store.open("postgresql://nobody@127.0.0.1:1/none")


async def test_a_commit_is_durable_before_it_returns(store: Store) -> None:
    promised = (
        {"PRAGMA synchronous": 2, "PRAGMA journal_mode": "wal"} if store.sqlite else {"SHOW synchronous_commit": "on"}
    )
    async with store.read() as connection:
        for question, answer in promised.items():
            assert (await connection.exec_driver_sql(question)).scalar() == answer


async def test_another_process_is_woken(wake: Wake, database_url: str) -> None:
    other = Wake(database_url)
    heard, other_topic = other.event(DIAL), other.event(PREPARE)
    await other.start()
    heard.clear()
    other_topic.clear()
    mine = wake.event(DIAL)
    mine.clear()
    await wake.notify(DIAL)
    assert mine.is_set()
    async with asyncio.timeout(5):
        await heard.wait()
    assert not other_topic.is_set()
    await other.stop()
    await wake.notify(DIAL)  # to nobody else, and without complaint


async def test_the_socket_of_a_dead_process_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("long/" * 30)  # longer than a socket's path may be
    wake = Wake(f"sqlite:///{folder}/faxgate.db")
    await wake.start()
    monkeypatch.chdir(folder / "wake")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind("dead.sock")
    assert Path("dead.sock").is_socket()
    await wake.notify(DIAL)
    assert not Path("dead.sock").exists()
    await wake.stop()
    assert list(Path().iterdir()) == []
