"""Documents of removed faxes: gone whatever happens in between, and what cannot be erased holds up nothing else."""

import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway import erasure, retention
from gateway.accounts import Account
from gateway.audit import GATEWAY
from gateway.desk import Desk
from gateway.doctor import _database
from gateway.errors import OurTrouble
from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.orphans import sweep
from gateway.ports import NewDocument
from gateway.removal import Removal
from gateway.settings import read
from gateway.storage import FileDocuments, key_for
from gateway.store import accounts, audit, erasures, tables
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.conftest import MovedClock
from tests.doomed_removal import DIED
from tests.store.conftest import Seed, seed

__all__ = ["seed"]

DAYS = 30
OLD, YOUNG = timedelta(days=DAYS + 1), timedelta(days=DAYS - 1)
EVER = datetime(2000, 1, 1, tzinfo=UTC)


class Troubled(FileDocuments):
    """A store that cannot remove some of its documents, or (None) any, until they are mended."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.stuck: set[str] | None = set()
        self.asked: list[list[str]] = []

    async def delete(self, keys: Sequence[str]) -> None:
        self.asked.append(list(keys))
        if self.stuck is None or self.stuck & set(keys):
            raise OurTrouble("The documents cannot be removed right now.", detail="[Errno 13] Permission denied")
        await super().delete(keys)


@pytest.fixture
def documents(tmp_path: Path) -> Troubled:
    return Troubled(tmp_path / "documents")


@pytest.fixture
def removal(store: Store, clock: MovedClock, documents: Troubled) -> Removal:
    return Removal(store=store, documents=documents, clock=clock)


async def keeping(store: Store, seed: Seed) -> Account:
    account = await seed.account()
    async with store.begin() as connection:
        await accounts.change_account(connection, account, kept := replace(account, keep_days=DAYS))
    return kept


async def ended(removal: Removal, seed: Seed, account: Account, ago: timedelta, **fields: Any) -> Fax:
    """A fax that ended so long ago, with its two documents."""
    then = removal.clock.now() - ago
    pdf, image = (key_for(new_id(), kind, then) for kind in ("application/pdf", "image/tiff"))
    await removal.documents.put([NewDocument(pdf, b"%PDF-"), NewDocument(image, b"II*")])
    given = {"status": Status.COMPLETED, "due_at": None, "ended_at": then, "pdf_key": pdf, "image_key": image, **fields}
    fax = await seed.fax(account, **given)
    async with removal.store.begin() as connection:
        await connection.execute(tables.fax.update().where(tables.fax.c.id == fax.id).values(created_at=then))
    return fax


async def faxes(store: Store) -> set[str]:
    async with store.read() as connection:
        return set((await connection.execute(select(tables.fax.c.id))).scalars())


async def stored(documents: FileDocuments) -> set[str]:
    return {key async for key, _ in documents.stored(EVER)}


async def written_down(store: Store) -> set[str]:
    async with store.read() as connection:
        return set((await connection.execute(select(tables.erasure.c.key))).scalars())


async def noted(store: Store, account: Account) -> list[tuple[str, str]]:
    """The audit log, the oldest first."""
    async with store.read() as connection:
        return [(one.action, one.object_id) for one in reversed(await audit.page(connection, account.id))]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


# What cannot be erased


async def test_one_document_that_cannot_be_erased_holds_up_no_other_fax(
    removal: Removal, documents: Troubled, seed: Seed, caplog: pytest.LogCaptureFixture
) -> None:
    account = await keeping(removal.store, seed)
    stuck = await ended(removal, seed, account, OLD)
    await ended(removal, seed, account, OLD)
    documents.stuck = {stuck.image_key}
    assert await retention.expire(removal) == 2
    assert await faxes(removal.store) == set()
    assert await stored(documents) == await written_down(removal.store) == {stuck.image_key}
    [line] = told(caplog)
    assert stuck.image_key in line
    assert "Permission denied" in line
    assert caplog.records[-1].exc_info is None

    # The next turns have other things to do, and nothing more to say.
    later = await ended(removal, seed, account, OLD)
    documents.asked.clear()
    assert [await retention.expire(removal) for _ in range(3)] == [1, 0, 0]
    assert documents.asked == [sorted([later.pdf_key, later.image_key])]
    assert await stored(documents) == {stuck.image_key}
    assert len(told(caplog)) == 1


async def test_it_is_tried_again_at_longer_intervals_until_it_is_gone(
    removal: Removal, documents: Troubled, clock: MovedClock, seed: Seed, caplog: pytest.LogCaptureFixture
) -> None:
    account = await keeping(removal.store, seed)
    fax = await ended(removal, seed, account, OLD)
    documents.stuck = {fax.pdf_key}
    await retention.expire(removal)
    tried = []
    for hour in range(1, 17):
        clock.advance(timedelta(hours=1, seconds=1))
        documents.asked.clear()
        await retention.expire(removal)
        tried += [hour] * len(documents.asked)
    assert tried == [1, 3, 7, 15]
    assert len(told(caplog)) == 1
    documents.stuck = set()
    clock.advance(timedelta(days=1))
    await retention.expire(removal)
    assert await stored(documents) == await written_down(removal.store) == set()
    assert "could be erased at last" in told(caplog)[-1]
    # The audit log does not leave it at the day on which it was to go.
    assert await noted(removal.store, account) == [("removed", fax.id), ("document erased", fax.id)]


async def test_a_store_that_is_down_is_not_asked_for_every_document(
    removal: Removal, documents: Troubled, clock: MovedClock, seed: Seed
) -> None:
    account = await keeping(removal.store, seed)
    for _ in range(5):
        await ended(removal, seed, account, OLD)
    documents.stuck = None
    assert await retention.expire(removal) == 5
    assert [len(keys) for keys in documents.asked] == [10, 1, 1, 1]
    documents.asked.clear()
    await retention.expire(removal)  # those that were tried wait, and keep nobody from his turn
    assert [len(keys) for keys in documents.asked] == [7, 1, 1, 1]
    documents.stuck = set()
    await retention.expire(removal)
    assert len(await stored(documents)) == 6
    clock.advance(timedelta(hours=2))
    await retention.expire(removal)
    assert await stored(documents) == set()


async def test_an_orphan_that_cannot_be_erased_holds_up_no_other(
    removal: Removal, documents: Troubled, clock: MovedClock
) -> None:
    orphans = [key_for(new_id(), "application/pdf", clock.now()) for _ in range(3)]
    await documents.put([NewDocument(key, b"%PDF-") for key in orphans])
    documents.stuck = {orphans[0]}
    clock.advance(timedelta(days=2))
    await sweep(removal.store, documents, clock.now())
    assert await stored(documents) == {orphans[0]}
    documents.stuck = set()
    clock.advance(timedelta(days=1))
    assert await sweep(removal.store, documents, clock.now()) == 0  # it is told of once
    assert await stored(documents) == await written_down(removal.store) == set()


async def test_a_folder_that_may_not_be_written_is_stepped_over(
    removal: Removal, documents: Troubled, seed: Seed
) -> None:
    """The real thing: `unlink` refuses, here as the name is a folder's, which it does for root, too."""
    account = await keeping(removal.store, seed)
    stuck, other = [await ended(removal, seed, account, OLD) for _ in range(2)]
    path = await documents.open(stuck.pdf_key)
    path.unlink()
    path.mkdir()
    await retention.expire(removal)
    assert path.is_dir()
    assert await stored(documents) == set()
    assert not (path.parent / Path(other.pdf_key).name).exists()
    async with removal.store.read() as connection:
        left = await erasures.stuck(connection, account.id)
    assert left is not None
    assert (left.documents, left.first.key, left.first.fax_id) == (1, stuck.pdf_key, stuck.id)
    assert "Is a directory" in left.first.error


async def test_who_removes_a_fax_by_hand_does_not_wait_for_the_store(
    removal: Removal, documents: Troubled, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Troubled):
        async def delete(self, keys: Sequence[str]) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("gateway.removal.ERASED_WITHIN", 0.05)
    account = await keeping(removal.store, seed)
    fax = await ended(removal, seed, account, YOUNG)
    silent = replace(removal, documents=Silent(documents._folder))
    await silent.remove(account.id, fax.id, Direction.OUTBOUND, GATEWAY, lambda _: None)
    assert await faxes(removal.store) == set()
    assert len(await stored(documents)) == 2
    await retention.expire(removal)  # the next turn
    assert await stored(documents) == await written_down(removal.store) == set()
    assert await noted(removal.store, account) == [("removed", fax.id)]


async def test_the_write_lock_is_free_while_the_store_works(removal: Removal, documents: Troubled, seed: Seed) -> None:
    written = []

    class Writing(Troubled):
        async def delete(self, keys: Sequence[str]) -> None:
            async with asyncio.timeout(5), removal.store.begin():  # a mail that comes in meanwhile
                written.append(len(keys))
            await super().delete(keys)

    account = await keeping(removal.store, seed)
    for _ in range(3):
        await ended(removal, seed, account, OLD)
    await retention.expire(replace(removal, documents=Writing(documents._folder)))
    assert written == [6]


# The operator


async def test_doctor_and_purge_tell_what_could_not_be_erased(
    removal: Removal,
    documents: Troubled,
    clock: MovedClock,
    seed: Seed,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAXGATE_DATABASE_URL", database_url)
    settings = read()
    account = await keeping(removal.store, seed)
    fax = await ended(removal, seed, account, OLD)
    assert [one.name async for one in _database(settings)] == ["database"]
    documents.stuck = {fax.pdf_key}
    desk = Desk(removal.store, Wake(database_url), documents, clock)
    purged = await desk.purge(account.id, clock.now().date())
    assert (purged["removed"], purged["documents_not_erased"]) == (1, 1)
    _, finding = [one async for one in _database(settings)]
    assert not finding.ok
    for word in ("1 of them", fax.pdf_key, fax.id, "Permission denied", "tried 1 times"):
        assert word in finding.text


# Crashes


POINTS = {
    "commit:1": DIED,  # of the first fax
    "commit:2": DIED,  # of the second
    "commit:3": DIED,  # of the mails
    "delete:1": DIED,
    "delete:2": DIED,
    "delete:4": DIED,
    "commit:4": DIED,  # all documents are gone, and still written down
    "commit:5": 0,  # never comes
}


async def test_killed_at_any_point_nothing_is_lost_and_nothing_left_behind(
    sqlite_template: Path, clock: MovedClock, tmp_path: Path
) -> None:
    scenes = [await Scene.set(tmp_path / point.replace(":", "-"), sqlite_template, clock) for point in POINTS]
    words = [f"{scene.folder}:{point}" for scene, point in zip(scenes, POINTS, strict=True)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.doomed_removal", *words, stdout=asyncio.subprocess.PIPE
    )
    ends, _ = await process.communicate()
    assert [int(word) for word in ends.split()] == list(POINTS.values())
    for scene, point in zip(scenes, POINTS, strict=True):
        await scene.check(point)


@dataclass(frozen=True)
class Scene:
    """A folder of its own, in it an account with two faxes that go and one that stays."""

    folder: Path
    clock: MovedClock
    account: Account
    old: tuple[Fax, Fax]
    young: Fax

    @classmethod
    async def set(cls, folder: Path, template: Path, clock: MovedClock) -> "Scene":
        folder.mkdir()
        shutil.copyfile(template, folder / "faxgate.db")
        store = await Store.open(f"sqlite:///{folder}/faxgate.db")
        removal = Removal(store=store, documents=Troubled(folder / "documents"), clock=clock)
        seed = Seed(store, clock)
        account = await keeping(store, seed)
        one, other, young = [await ended(removal, seed, account, ago) for ago in (OLD, OLD, YOUNG)]
        await store.close()
        return cls(folder, clock, account, (one, other), young)

    async def check(self, point: str) -> None:
        store, documents = await Store.open(f"sqlite:///{self.folder}/faxgate.db"), Troubled(self.folder / "documents")
        there, files = await faxes(store), await stored(documents)
        kept = {self.young.pdf_key, self.young.image_key}
        named = {key for fax in self.old if fax.id in there for key in (fax.pdf_key, fax.image_key)} | kept
        assert named <= files, f"{point}: a fax without its documents"
        assert files - named <= await written_down(store), f"{point}: a document that nobody knows of"
        gone = {fax.id for fax in self.old} - there
        assert {fax_id for _, fax_id in await noted(store, self.account)} == gone, f"{point}: the audit log is wrong"

        await retention.expire(Removal(store=store, documents=documents, clock=self.clock))  # the next start
        assert await faxes(store) == {self.young.id}, point
        assert await stored(documents) == kept, point
        assert await written_down(store) == set(), point
        assert sorted(await noted(store, self.account)) == sorted(("removed", fax.id) for fax in self.old), point
        await store.close()


def test_the_pauses_grow_to_a_day() -> None:
    assert erasure._pause(0) == timedelta(hours=1)
    assert erasure._pause(4000) == timedelta(days=1)
