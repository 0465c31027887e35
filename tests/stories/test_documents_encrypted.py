"""The whole way with the documents encrypted at rest: nothing else changes."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.encryption import MAGIC, new_key
from gateway.fax import Direction, Fax, Status
from gateway.store import notices
from gateway.store.notices import Notice
from tests.stories.conftest import House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


@pytest.fixture(autouse=True)
def clear_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    clear = tmp_path_factory.mktemp("clear")
    monkeypatch.setenv("FAXGATE_DOCUMENTS_CLEAR_DIR", str(clear))
    monkeypatch.setenv("FAXGATE_DOCUMENTS_KEYS", new_key())
    return clear


async def test_a_pdf_is_mailed_faxed_received_and_mailed_on(house: House, letter: EmailMessage, tmp_path: Path) -> None:
    await house.send(letter, "+12025550102")  # Bob's own number: the fax comes back in

    sent = await house.fax(Status.COMPLETED)
    received = await house.fax(Status.RECEIVED, Direction.INBOUND)
    assert (sent.pages, received.pages) == (2, 2)
    mail = await house.mail("bob@example.com")
    [attached] = mail.iter_attachments()
    assert attached.get_content().startswith(b"%PDF")
    assert "Faxed to" in (await house.mail("alice@example.com"))["Subject"]

    stored = [path for path in (tmp_path / "documents").rglob("*") if path.is_file()]
    assert len(stored) == 5
    assert all(path.read_bytes().startswith(MAGIC) for path in stored)
    elsewhere = [path for path in tmp_path.rglob("*") if path.is_file() and path not in stored]
    assert [path for path in elsewhere if path.suffix in {".pdf", ".tiff"}] == []


async def test_what_cannot_be_opened_now_is_mailed_later(
    house: House, letter: EmailMessage, tmp_path: Path, clear_dir: Path
) -> None:
    house.mailbox.write_bytes(b"")  # no mail leaves, so there is time to spoil the document
    await house.send(letter, "+12025550102")
    received = await house.fax(Status.RECEIVED, Direction.INBOUND)
    await delayed(house, received, "The Maildir cannot be written")
    stored = tmp_path / "documents" / received.pdf_key
    sound = stored.read_bytes()
    stored.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    for copy in clear_dir.rglob("*.pdf"):
        copy.unlink()
    house.mailbox.unlink()
    await house.later(seconds=90)
    await delayed(house, received, "The document cannot be had right now.")

    stored.write_bytes(sound)
    await house.later(seconds=180)
    [attached] = (await house.mail("bob@example.com")).iter_attachments()
    assert attached.get_content().startswith(b"%PDF")


async def delayed(house: House, fax: Fax, answer: str) -> None:
    """Wait until the mail of a received fax is to be tried again, for this reason."""

    async def found() -> Notice | None:
        async with house.app.store.read() as connection:
            [notice] = await notices.of_fax(connection, fax.id)
        waits = notice.state == notices.PENDING and notice.claim_token is None
        return notice if waits and notice.answer.startswith(answer) else None

    await house.until(found, f"a delay: {answer}")
