"""Documents handed out: the right one, whole or in part, under a safe name."""

import httpx
import pytest

from gateway.ports import Documents
from gateway.store import faxes
from gateway.store.engine import Store
from tests.api.house import PDF_BYTES, TIFF_BYTES, House

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


@pytest.fixture
def url(house: House) -> str:
    return f"{house.alice.faxes}/outbox/{house.alice.completed.id}/attachment"


async def test_a_document_is_a_pdf_unless_a_tiff_is_wanted(client: httpx.AsyncClient, house: House, url: str) -> None:
    for accept, media_type, content in (
        ("*/*", "application/pdf", PDF_BYTES),
        ("application/pdf", "application/pdf", PDF_BYTES),
        ("image/tiff", "image/tiff", TIFF_BYTES),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/pdf", PDF_BYTES),
        ("application/pdf;q=0.2, image/*", "image/tiff", TIFF_BYTES),
    ):
        answer = await client.get(url, headers={**house.alice.headers, "Accept": accept})
        assert answer.status_code == 200, accept
        assert (answer.headers["content-type"], answer.content) == (media_type, content)


async def test_every_folder_that_has_documents_gives_them(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for folder, fax in (
        ("outbox", alice.failed),
        ("outgoing", alice.processing),
        ("outgoing", alice.completed),
        ("inbox", alice.received),
    ):
        answer = await client.get(f"{alice.faxes}/{folder}/{fax.id}/attachment", headers=alice.headers)
        assert (answer.status_code, answer.content) == (200, PDF_BYTES)


async def test_its_name_tells_when_and_to_whom(client: httpx.AsyncClient, house: House, url: str) -> None:
    answer = await client.get(url, headers={**house.alice.headers, "Accept": "image/tiff"})
    # In the faxbox's time: half past midnight in Paris.
    assert answer.headers["content-disposition"] == 'attachment; filename="fax-2016-03-29-0029-to-18884732963.tiff"'
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_other_type_is_to_be_had(client: httpx.AsyncClient, house: House, url: str) -> None:
    for accept in ("text/html", "image/gif", "application/pdf;q=0", "nonsense"):
        answer = await client.get(url, headers={**house.alice.headers, "Accept": accept})
        assert (answer.status_code, answer.json()["message"]) == (406, "not_acceptable"), accept


async def test_one_range_of_a_document(client: httpx.AsyncClient, house: House, url: str) -> None:
    size = len(PDF_BYTES)
    for asked, first, last in (("bytes=5-9", 5, 9), ("bytes=95-", 95, size - 1), ("bytes=-4", size - 4, size - 1)):
        answer = await client.get(url, headers={**house.alice.headers, "Range": asked})
        assert answer.status_code == 206, asked
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert answer.content == PDF_BYTES[first : last + 1]


async def test_a_range_that_makes_no_sense_is_ignored(client: httpx.AsyncClient, house: House, url: str) -> None:
    for asked in ("bytes=9-5", "bytes=", "pages=1-2", "bytes=0-1,4-5", "bytes=a-b", "bytes=" + "9" * 100 + "-"):
        answer = await client.get(url, headers={**house.alice.headers, "Range": asked})
        assert (answer.status_code, answer.content) == (200, PDF_BYTES), asked


async def test_a_range_behind_the_end(client: httpx.AsyncClient, house: House, url: str) -> None:
    for asked in (f"bytes={len(PDF_BYTES)}-", "bytes=-0", "bytes=100000-100001"):
        answer = await client.get(url, headers={**house.alice.headers, "Range": asked})
        assert (answer.status_code, answer.json()["message"]) == (416, "range_not_satisfiable"), asked
        assert answer.headers["content-range"] == f"bytes */{len(PDF_BYTES)}"
        conditional = {"Range": asked, "If-Range": '"another"'}
        answer = await client.get(url, headers={**house.alice.headers, **conditional})
        assert (answer.status_code, answer.content) == (200, PDF_BYTES)


async def test_head_tells_the_size_alone(client: httpx.AsyncClient, house: House, url: str) -> None:
    answer = await client.head(url, headers=house.alice.headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(PDF_BYTES))


async def test_a_document_that_is_not_there_says_why(
    client: httpx.AsyncClient, house: House, url: str, store: Store, documents: Documents
) -> None:
    alice = house.alice

    async def why(address: str) -> str:
        answer = await client.get(address, headers=alice.headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "not_found")
        return str(answer.json()["data"]["message"])

    assert await why(f"{alice.faxes}/outgoing/{alice.pending.id}/attachment") == "The document is not ready yet."
    await documents.delete([alice.completed.pdf_key])
    assert await why(url) == "The document has been removed."
    async with store.begin() as connection:
        await faxes.change(connection, alice.completed, alice.completed.created_at, pdf_key="", image_key="")
    assert await why(url) == "The document has been removed."
