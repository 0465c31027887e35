"""The crash proof of `make prove-crash`, a handful of rounds; and that its counting notices what must not be."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.crash import Counts, Sender, all_ended, count, installed, numbered, prove
from gateway.ids import new_id

Tamper = Callable[[sqlite3.Connection, Path], None]


@pytest.mark.timeout(300)
async def test_kills_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    counts = await prove(3, seed=20260, pause=0.5, folder=tmp_path)
    assert counts.problems == []
    assert counts.mails_accepted > 0
    assert counts.completed > 0
    assert counts.received > 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gateway that was not killed: four mails, one of them to nobody, and all faxes have ended."""
    folder = tmp_path_factory.mktemp("finished")
    counts = asyncio.run(_send_four(folder))
    assert counts.problems == []
    assert (counts.mails_accepted, counts.completed, counts.failed, counts.received) == (4, 3, 1, 3)
    return folder


async def _send_four(folder: Path) -> Counts:
    gateway = await installed(folder)
    await gateway.start()
    await gateway.up()
    sender = Sender(gateway.smtp_port)
    await sender.run(numbered(1, 5))
    await all_ended(folder)
    await gateway.stop()
    return count(folder, [sender])


def lose(database: sqlite3.Connection, _: Path) -> None:
    database.execute("DELETE FROM fax WHERE message_id = '<2@crash.example.com>'")


def send_again(database: sqlite3.Connection, _: Path) -> None:
    _copy(database, "message_id = '<2@crash.example.com>'")


def receive_again(database: sqlite3.Connection, _: Path) -> None:
    _copy(database, "direction = 'inbound'")


def not_receive(database: sqlite3.Connection, _: Path) -> None:
    database.execute("UPDATE fax SET status = 'failed' WHERE direction = 'inbound'")


def leave_open(database: sqlite3.Connection, _: Path) -> None:
    database.execute("UPDATE fax SET status = 'pending' WHERE message_id = '<2@crash.example.com>'")


def tell_nobody(database: sqlite3.Connection, _: Path) -> None:
    database.execute(
        "DELETE FROM notice WHERE fax_id = (SELECT id FROM fax WHERE message_id = '<2@crash.example.com>')"
    )


def blank_a_page(database: sqlite3.Connection, folder: Path) -> None:
    """A page that shows none of the numbers: what was received is not what was sent."""
    [(sent,)] = database.execute("SELECT image_key FROM fax WHERE message_id = '<2@crash.example.com>'")
    database.execute("UPDATE fax SET image_key = 'blank.tiff' WHERE direction = 'inbound'")
    with Image.open(folder / "documents" / sent) as image:
        Image.new("1", image.size, 1).save(folder / "documents" / "blank.tiff")


def _copy(database: sqlite3.Connection, which: str) -> None:
    """Add the first fax of these once more, under another id."""
    columns = ", ".join(row[1] for row in database.execute("PRAGMA table_info(fax)") if row[1] != "id")
    database.execute(f"INSERT INTO fax (id, {columns}) SELECT ?, {columns} FROM fax WHERE {which} LIMIT 1", (new_id(),))


@pytest.mark.parametrize(
    ("tamper", "noticed"),
    [
        (lose, {"accepted but lost"}),
        (send_again, {"made two faxes", "receipts missing"}),
        (receive_again, {"received twice"}),
        (not_receive, {"completed but not received"}),
        (leave_open, {"accepted but not ended"}),
        (tell_nobody, {"receipts missing"}),
        (blank_a_page, {"received unreadable", "completed but not received"}),
    ],
)
def test_the_count_notices(finished: Path, tmp_path: Path, tamper: Tamper, noticed: set[str]) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(finished, folder)
    database = sqlite3.connect(folder / "faxgate.db", isolation_level=None)
    tamper(database, folder)
    database.close()
    sender = Sender(port=0)
    sender.accepted = [1, 2, 3, 4]
    assert {problem.partition(":")[0] for problem in count(folder, [sender]).problems} >= noticed


def test_a_notice_sent_twice_is_counted(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(finished, folder)
    new = folder / "mail" / "new"
    first = next(new.iterdir())
    shutil.copy(first, new / f"again-{first.name}")
    assert count(folder, []).notices_sent_twice == 1
