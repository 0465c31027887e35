"""The documents stores, each against the real thing: a folder, and an S3 server in a process of its own."""

import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.copies import Copies
from gateway.encryption import ClearFolder, EncryptedDocuments, Keys, new_key
from gateway.errors import NotFound, OurTrouble
from gateway.fax import Document
from gateway.ids import new_id
from gateway.orphans import sweep
from gateway.ports import Documents, NewDocument
from gateway.storage import documents_from_url, key_for
from gateway.store.engine import Store
from tests.conftest import MovedClock
from tests.s3 import S3Server, s3_process, s3_server
from tests.store.conftest import Seed, seed

__all__ = ["s3_process", "s3_server", "seed"]

NOW = datetime.now(UTC)


def key(kind: str = "application/pdf") -> str:
    return key_for(new_id(), kind, NOW)


@pytest.fixture(params=["file", "s3", "encrypted file", "encrypted s3"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    url = f"file://{tmp_path}/documents"
    if request.param.endswith("s3"):
        server: S3Server = request.getfixturevalue("s3_server")
        url = server.url(f"documents of us/{new_id()}")
    store = documents_from_url(url, tmp_path / "cache")
    if request.param.startswith("encrypted"):
        return EncryptedDocuments(store, Keys.read(new_key()), ClearFolder(tmp_path))
    return store


async def test_what_is_put_can_be_opened_until_it_is_deleted(documents: Documents, tmp_path: Path) -> None:
    in_memory, from_file = key(), key("image/tiff")
    file = tmp_path / "made.tiff"
    file.write_bytes(b"II*\0" * 3_000_000)  # 12 MB: more than S3 takes in one part
    await documents.put([NewDocument(in_memory, b"%PDF"), NewDocument(from_file, file)])
    assert not file.exists()
    assert (await documents.open(in_memory)).read_bytes() == b"%PDF"
    assert (await documents.open(from_file)).stat().st_size == 12_000_000
    assert (await documents.open(in_memory)).read_bytes() == b"%PDF"  # again

    await documents.delete([in_memory, key()])
    with pytest.raises(NotFound):
        await documents.open(in_memory)
    assert (await documents.open(from_file)).is_file()
    await documents.delete([])


async def test_what_was_never_there_is_not_found(documents: Documents) -> None:
    with pytest.raises(NotFound, match="removed"):
        await documents.open(key())


async def test_the_keys_of_the_last_days_are_listed(documents: Documents) -> None:
    old, new = key_for(new_id(), "application/pdf", NOW - timedelta(days=9)), key()
    await documents.put([NewDocument(old, b"1"), NewDocument(new, b"2")])
    found = {name: stored async for name, stored in documents.stored(NOW - timedelta(days=8))}
    assert list(found) == [new]
    assert abs(found[new] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_document_that_no_fax_names_is_swept_after_a_day(
    documents: Documents, store: Store, clock: MovedClock, seed: Seed
) -> None:
    mailed, pdf, image, orphan = key(), key(), key("image/tiff"), key()
    await documents.put([NewDocument(one, b"%PDF") for one in (mailed, pdf, image, orphan)])
    described = Document(key=mailed, name="letter.pdf", content_type="application/pdf", bytes=4)
    account = await seed.account()
    await seed.fax(account, documents=(described,), pdf_key=pdf, image_key=image)
    for _ in range(3):
        await seed.fax(account)

    assert await sweep(store, documents, clock.now()) == 0  # it may be just about to be named
    clock.advance(timedelta(hours=25))
    assert await sweep(store, documents, clock.now()) == 1
    with pytest.raises(NotFound):
        await documents.open(orphan)
    for named in (mailed, pdf, image):
        assert (await documents.open(named)).is_file()


async def test_many_faxes_are_looked_at_in_portions(
    tmp_path: Path, store: Store, clock: MovedClock, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.orphans.AT_ONCE", 2)
    documents = documents_from_url(f"file://{tmp_path}/documents", tmp_path / "cache")
    account = await seed.account()
    keys = [key() for _ in range(5)]
    await documents.put([NewDocument(one, b"%PDF") for one in [*keys, key(), key(), key()]])
    for one in keys:
        await seed.fax(account, pdf_key=one)
    clock.advance(timedelta(hours=25))
    assert await sweep(store, documents, clock.now()) == 3
    assert {name async for name, _ in documents.stored(NOW)} == set(keys)


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "file://host/x", "s3://", "s3://key:secret@bucket/x", "s3://bucket/x?colour=red"]
)
def test_a_url_that_cannot_be_used_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"://|unknown"):
        documents_from_url(url, tmp_path)


async def test_a_copy_here_is_private_and_is_not_served_when_another_host_has_deleted(
    s3_server: S3Server, tmp_path: Path
) -> None:
    here, there = (documents_from_url(s3_server.url("shared"), tmp_path / name) for name in ("here", "there"))
    one = key()
    await there.put([NewDocument(one, b"%PDF")])
    path = await here.open(one)
    assert tmp_path / "here" in path.parents
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await there.delete([one])
    with pytest.raises(NotFound):
        await here.open(one)
    assert not path.exists()
    assert list((tmp_path / "there").iterdir()) == []


async def test_a_bucket_that_is_not_there_is_our_trouble(s3_server: S3Server, tmp_path: Path) -> None:
    """It must not look as if every document had been removed."""
    documents = documents_from_url(s3_server.url("x", bucket="nowhere"), tmp_path / "cache")
    with pytest.raises(OurTrouble):
        await documents.open(key())
    with pytest.raises(OurTrouble):
        await documents.put([NewDocument(key(), b"%PDF")])


async def test_a_server_that_is_not_there_is_our_trouble(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.storage_s3._RETRIES", {"max_retries": 0})
    url = s3_server.url("x").replace(str(s3_server.port), "1")
    documents = documents_from_url(url, tmp_path / "cache")
    for trying in (
        lambda: documents.open(key()),
        lambda: documents.put([NewDocument(key(), b"%PDF")]),
        lambda: documents.delete([key()]),
    ):
        with pytest.raises(OurTrouble):
            await trying()


def test_copies_go_when_they_are_not_used_or_too_much(tmp_path: Path) -> None:
    folder, now = tmp_path / "cache", time.time()

    def copies(most_bytes: int = 1 << 20) -> Copies:
        return Copies(folder, unused_seconds=3600, in_use_seconds=600, most_bytes=most_bytes)

    cache = copies()

    def copy(name: str, unused: float) -> Path:
        file = tmp_path / name
        file.write_bytes(b"x" * 100)
        path = cache.take(name, file)
        os.utime(path, (now - unused, now - unused))
        return path

    forgotten = copy("forgotten", 3600 + 1)
    older, newer = copy("older", 600 + 2), copy("newer", 600 + 1)
    used = [copy(f"used{number}", number) for number in range(3)]
    cache.tidy_now(now)
    assert not forgotten.exists()
    assert older.exists()
    copies(400).tidy_now(now)
    assert not older.exists()
    assert newer.exists()
    copies(50).tidy_now(now)
    assert not newer.exists()
    assert all(path.exists() for path in used)  # somebody may be about to read them
