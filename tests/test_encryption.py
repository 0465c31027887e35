"""Documents encrypted at rest: what lies on the disk tells nothing, and is opened only as it was stored."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import encryption
from gateway.encryption import CHUNK, MAGIC, ClearFolder, EncryptedDocuments, Keys, new_key
from gateway.errors import OurTrouble
from gateway.ports import NewDocument
from gateway.storage import FileDocuments

ONE, TWO = "2026-01-01/1.pdf", "2026-01-01/2.pdf"
SECRET = b"%PDF- The patient has "


@pytest.fixture
def key() -> str:
    return new_key()


def documents(folder: Path, keys: str) -> EncryptedDocuments:
    clear = folder / "clear"
    clear.mkdir(exist_ok=True)
    return EncryptedDocuments(FileDocuments(folder / "documents"), Keys.read(keys), ClearFolder(clear))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_what_is_stored_tells_nothing(tmp_path: Path, key: str, size: int) -> None:
    content = (SECRET * (size // len(SECRET) + 1))[:size]
    file = tmp_path / "made.pdf"
    file.write_bytes(content)
    await documents(tmp_path, key).put([NewDocument(ONE, content), NewDocument(TWO, file)])
    for name in (ONE, TWO):
        stored = (tmp_path / "documents" / name).read_bytes()
        assert stored.startswith(MAGIC)
        assert SECRET not in stored
        assert (await documents(tmp_path, key).open(name)).read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clear", "documents"]


async def test_the_same_twice_does_not_look_the_same(tmp_path: Path, key: str) -> None:
    await documents(tmp_path, key).put([NewDocument(ONE, SECRET), NewDocument(TWO, SECRET)])
    one, two = ((tmp_path / "documents" / name).read_bytes() for name in (ONE, TWO))
    assert one[len(MAGIC) + 8 :] != two[len(MAGIC) + 8 :]


async def spoilt(folder: Path, key: str, spoil: "Spoil") -> None:
    """What is opened after `spoil` has changed what is stored."""
    await documents(folder, key).put([NewDocument(ONE, SECRET * CHUNK), NewDocument(TWO, SECRET)])
    path = folder / "documents" / ONE
    path.write_bytes(spoil(path.read_bytes()))
    await documents(folder, key).open(ONE)


class Spoil:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, stored: bytes) -> bytes:
        head, piece = len(MAGIC) + 8 + 24, CHUNK + 17
        match self.name:
            case "a bit":
                return stored[:-1] + bytes([stored[-1] ^ 1])
            case "cut between two pieces":
                return stored[: head + piece]
            case "cut within one":
                return stored[: head + piece + 100]
            case "cut behind the header":
                return stored[:head]
            case "cut in the header":
                return stored[: head - 1]
            case "pieces changed about":
                return stored[:head] + stored[head + piece : head + 2 * piece] + stored[head : head + piece]
            case _:
                return stored + b"more"


@pytest.mark.parametrize(
    "how",
    [
        "a bit",
        "cut between two pieces",
        "cut within one",
        "cut behind the header",
        "cut in the header",
        "pieces changed about",
        "made longer",
    ],
)
async def test_what_was_changed_is_not_opened(tmp_path: Path, key: str, how: str) -> None:
    with pytest.raises(OurTrouble) as raised:
        await spoilt(tmp_path, key, Spoil(how))
    assert raised.value.detail == f"{ONE} is not as it was stored"
    assert not [path for path in (tmp_path / "clear").rglob("*") if path.is_file()]


async def test_one_document_cannot_be_given_for_another(tmp_path: Path, key: str) -> None:
    await documents(tmp_path, key).put([NewDocument(ONE, SECRET), NewDocument(TWO, b"harmless")])
    (tmp_path / "documents" / ONE).rename(tmp_path / "documents" / TWO)
    with pytest.raises(OurTrouble):
        await documents(tmp_path, key).open(TWO)


async def test_what_the_store_cannot_erase_is_not_left_in_the_clear(tmp_path: Path, key: str) -> None:
    store = documents(tmp_path, key)
    await store.put([NewDocument(ONE, SECRET), NewDocument(TWO, SECRET)])
    copies = [await store.open(name) for name in (ONE, TWO)]
    stuck = tmp_path / "documents" / ONE
    stuck.unlink()
    stuck.mkdir()  # no file, so that `unlink` refuses it
    with pytest.raises(OurTrouble, match="cannot be removed"):
        await store.delete([ONE, TWO])
    assert not any(copy.exists() for copy in copies)
    assert not (tmp_path / "documents" / TWO).exists()  # it keeps no other


async def test_keys_are_replaced(tmp_path: Path, key: str) -> None:
    new = new_key()
    await documents(tmp_path, key).put([NewDocument(ONE, SECRET)])
    await documents(tmp_path, f"{new} {key}").put([NewDocument(TWO, SECRET)])
    assert (await documents(tmp_path, f"{new} {key}").open(ONE)).read_bytes() == SECRET
    assert (await documents(tmp_path, new).open(TWO)).read_bytes() == SECRET
    with pytest.raises(OurTrouble) as raised:
        await documents(tmp_path, new).open(ONE)
    assert "FAXGATE_DOCUMENTS_KEYS does not have" in raised.value.detail


async def test_what_was_stored_before_is_opened(tmp_path: Path, key: str) -> None:
    await FileDocuments(tmp_path / "documents").put([NewDocument(ONE, SECRET)])
    assert (await documents(tmp_path, key).open(ONE)).read_bytes() == SECRET


@pytest.mark.parametrize("written", ["", "secret", "c2hvcnQ=", "!" * 44, f"{'A' * 43}= x"])
def test_a_key_that_is_none_is_named(written: str) -> None:
    with pytest.raises(ValueError, match="faxgate key"):
        Keys.read(written)


async def test_a_large_document_takes_no_more_memory(tmp_path: Path, key: str) -> None:
    file = tmp_path / "large.pdf"
    with file.open("wb") as large:
        large.truncate(200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await documents(tmp_path, key).put([NewDocument(ONE, file)])
    assert (await documents(tmp_path, key).open(ONE)).stat().st_size == 200_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


PROGRAM = """
import sys
from pathlib import Path
from gateway.encryption import ClearFolder
folder = ClearFolder(Path(sys.argv[1]))
(folder.path / "clear.pdf").write_bytes(b"%PDF")
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_what_was_in_the_clear_goes_with_its_process(tmp_path: Path) -> None:
    def started() -> tuple[subprocess.Popen[str], Path]:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
        one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert one.stdout
        return one, Path(one.stdout.readline().strip())

    stopped, its = started()
    lives, others = started()
    assert its.stat().st_mode & 0o777 == 0o700
    stopped.communicate()
    assert not its.exists()
    killed, left = started()
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert left.exists()
    ClearFolder(tmp_path)
    assert not left.exists()
    assert (others / "clear.pdf").exists()
    lives.communicate()


async def test_no_room_for_a_copy_in_the_clear_loses_nothing(
    tmp_path: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "made.pdf"
    file.write_bytes(SECRET)
    store = documents(tmp_path, key)
    [clear] = (tmp_path / "clear").iterdir()
    clear.rmdir()
    clear.write_bytes(b"in the way")
    await store.put([NewDocument(ONE, file)])
    assert not file.exists()
    assert "no room for a copy" in caplog.text
    assert (await documents(tmp_path, key).open(ONE)).read_bytes() == SECRET


async def test_copies_in_the_clear_are_bounded(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "MOST_BYTES", 1000)
    monkeypatch.setattr(encryption, "UNUSED_SECONDS", 0.1)
    monkeypatch.setattr(encryption, "IN_USE_SECONDS", 0.0)
    store = documents(tmp_path, key)
    await store.put([NewDocument(ONE, b"x" * 900), NewDocument(TWO, b"x" * 900)])
    for name in (ONE, TWO):
        await store.open(name)
    async with asyncio.timeout(10):
        while any(path.is_file() for path in (tmp_path / "clear").rglob("*")):  # noqa: ASYNC110  # the disk has no event for it
            await asyncio.sleep(0.02)


async def test_a_folder_that_was_cleaned_away_is_made_again(tmp_path: Path, key: str) -> None:
    store = documents(tmp_path, key)
    await store.put([NewDocument(ONE, SECRET)])
    [clear] = (tmp_path / "clear").iterdir()
    shutil.rmtree(clear)
    assert (await store.open(ONE)).read_bytes() == SECRET
    assert clear.stat().st_mode & 0o777 == 0o700
