"""The whole way with the documents in an S3 bucket: nothing else changes."""

from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from gateway.fax import Direction, Status
from gateway.ids import new_id
from gateway.store import tokens
from tests.s3 import S3Server, s3_process, s3_server
from tests.stories.conftest import House

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

__all__ = ["s3_process", "s3_server"]


@pytest.fixture(autouse=True)
def documents_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    url = s3_server.url(new_id())
    monkeypatch.setenv("FAXGATE_DOCUMENTS_URL", url)
    return url


async def test_a_pdf_is_mailed_faxed_received_and_mailed_on(house: House, letter: EmailMessage, tmp_path: Path) -> None:
    await house.send(letter, "+12025550102")  # Bob's own number: the fax comes back in

    sent = await house.fax(Status.COMPLETED)
    received = await house.fax(Status.RECEIVED, Direction.INBOUND)
    assert (sent.pages, received.pages) == (2, 2)
    mail = await house.mail("bob@example.com")
    [attached] = mail.iter_attachments()
    assert attached.get_content().startswith(b"%PDF")
    assert "Faxed to" in (await house.mail("alice@example.com"))["Subject"]

    stored = {key async for key, _ in house.app.documents.stored(datetime.now(UTC))}
    assert stored == {sent.documents[0].key, sent.pdf_key, sent.image_key, received.pdf_key, received.image_key}
    assert not (tmp_path / "documents").exists()

    async with house.app.store.begin() as connection:
        await tokens.add(connection, "token", house.account.id, ["read"], house.clock.now())
    headers = {"X-Auth-Token": "token", "Accept": "application/pdf"}
    base = f"http://{house.app.addresses.api}/v2"
    async with httpx.AsyncClient(base_url=base, headers=headers, verify=False) as client:
        answer = await client.get(f"/accounts/{house.account.id}/faxes/inbox/{received.id}/attachment")
    assert answer.status_code == 200
    assert answer.content == attached.get_content()


async def test_a_document_that_is_gone_ends_the_fax_and_the_sender_is_told(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550191"]  # busy: time to remove it before the second call
    await house.send(letter, "+12025550190")

    async def first_try_over() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.status is Status.PENDING and fax.tries == 1 else None

    await house.until(first_try_over, "the busy line")
    [fax] = await house.faxes()
    await house.app.documents.delete([fax.image_key])
    await house.later(seconds=180)
    fax = await house.fax(Status.FAILED)
    assert fax.error == "The document has been removed."
    assert (await house.mail("alice@example.com"))["Subject"].startswith("NOT faxed")
