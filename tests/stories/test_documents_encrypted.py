"""The whole way with the documents encrypted at rest: nothing else changes."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.encryption import MAGIC, new_key
from gateway.fax import Direction, Status
from tests.stories.conftest import House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FAXGATE_DOCUMENTS_KEYS", key := new_key())
    return key


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
