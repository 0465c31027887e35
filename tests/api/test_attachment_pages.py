"""A page of a fax as a picture, made in the sandbox from the image as it was sent or received."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from admin_api.app import api
from admin_api.server import Server
from gateway.clock import Clock
from gateway.documents.page import THUMBNAIL
from gateway.documents.tiff import STANDARD_DPI, FaxImageWriter
from gateway.ports import Documents, NewDocument
from gateway.sandbox import Sandbox
from gateway.storage import key_for
from gateway.store import faxes
from gateway.store.engine import Store
from tests.api.house import SUBMITTED, House
from tests.warm import WarmServers

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


@pytest.fixture
async def pictures(store: Store, documents: Documents, warm: WarmServers) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API that has a sandbox."""
    sandbox = Sandbox(children=1, quick=0, boot=warm.boot)
    await sandbox.start()
    server = Server(api(store, documents, Clock(), sandbox=sandbox))
    await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", verify=False) as connected:
        yield connected
    await server.stop()
    await sandbox.stop()


@pytest.fixture
async def url(house: House, store: Store, documents: Documents, tmp_path: Path) -> str:
    """A fax of a fine page, black on its left half, and a white one of standard resolution."""
    fine = np.zeros((400, 1728), dtype=np.bool_)
    fine[:, :864] = True
    image = tmp_path / "fax.tiff"
    with image.open("wb") as file:
        writer = FaxImageWriter(file, 2)
        writer.add(fine)
        writer.add(np.zeros((200, 1728), dtype=np.bool_), STANDARD_DPI)
    key = key_for("0" * 31 + "1", "image/tiff", SUBMITTED)
    await documents.put([NewDocument(key, image)])
    async with store.begin() as connection:
        await faxes.change(connection, house.alice.completed, SUBMITTED, image_key=key)
    return f"{house.alice.faxes}/outbox/{house.alice.completed.id}/attachment"


async def test_pages_as_pictures_with_their_true_proportions(
    pictures: httpx.AsyncClient, house: House, url: str
) -> None:
    headers = {**house.alice.headers, "Accept": "image/png"}
    for query, left in (({}, 0), ({"page": 1}, 0), ({"page": 2}, 1)):
        answer = await pictures.get(url, headers=headers, params=query)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
        page = query.get("page", 1)
        assert answer.headers["content-disposition"].endswith(f'-to-18884732963.{page}.png"')
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.size == (1728, 400)
            seen = picture.convert("1")
            assert (bool(seen.getpixel((10, 10))), bool(seen.getpixel((1700, 10)))) == (bool(left), True)


async def test_thumbnails_for_whoever_lists_faxes(pictures: httpx.AsyncClient, house: House, url: str) -> None:
    headers, tags = house.alice.headers, set()
    for page, accept, left in ((1, None, 0), (2, "*/*", 255), (2, "image/*;q=0.8, application/pdf", 255)):
        asked = {**headers, **({"Accept": accept} if accept else {})}
        answer = await pictures.get(url, headers=asked, params={"size": "thumbnail", "page": page})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.width == THUMBNAIL
            assert picture.height == pytest.approx(THUMBNAIL * (400 / 196) / (1728 / 204), abs=1)
            seen = picture.convert("L")
            assert (seen.getpixel((50, 30)), seen.getpixel((200, 30))) == (left, 255)
        tags.add(answer.headers["etag"])
    large = await pictures.get(url, headers={**headers, "Accept": "image/png"})
    assert len(tags | {large.headers["etag"]}) == 3
    for wrong, status in (({"page": 3}, 404), ({"size": "huge"}, 400)):
        answer = await pictures.get(url, headers=headers, params={"size": "thumbnail", **wrong})
        assert answer.status_code == status
    pdf = await pictures.get(url, headers={**headers, "Accept": "application/pdf"}, params={"size": "thumbnail"})
    assert (pdf.status_code, pdf.json()["data"]["message"]) == (406, "The document can be had as image/png.")
    alien = await pictures.get(url, headers=house.bob.headers, params={"size": "thumbnail"})
    assert alien.status_code == 403
    own = url.replace(house.alice.account.id, house.bob.account.id)
    assert (await pictures.get(own, headers=house.bob.headers, params={"size": "thumbnail"})).status_code == 404
    waiting = f"{house.alice.faxes}/outgoing/{house.alice.pending.id}/attachment"
    answer = await pictures.get(waiting, headers=headers, params={"size": "thumbnail"})
    assert (answer.status_code, answer.json()["data"]["message"]) == (404, "The document is not ready yet.")


async def test_a_page_that_is_not_there(pictures: httpx.AsyncClient, house: House, url: str) -> None:
    headers = {**house.alice.headers, "Accept": "image/png"}
    answer = await pictures.get(url, headers=headers, params={"page": 3})
    assert (answer.status_code, answer.json()["data"]["message"]) == (404, "The document has 2 pages.")
    for page in ("0", "-1", "x", "1.5", ""):
        answer = await pictures.get(url, headers=headers, params={"page": page})
        assert (answer.status_code, answer.json()["data"].keys()) == (400, {"page"}), page


async def test_a_picture_and_a_document_are_not_sent_twice(pictures: httpx.AsyncClient, house: House, url: str) -> None:
    tags = set()
    for accept, query in (("image/png", {"page": 1}), ("image/png", {"page": 2}), ("image/tiff", {})):
        headers = {**house.alice.headers, "Accept": accept}
        first = await pictures.get(url, headers=headers, params=query)
        again = await pictures.get(url, headers={**headers, "If-None-Match": first.headers["etag"]}, params=query)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["vary"] == first.headers["vary"] == "Accept"
        tags.add(first.headers["etag"])
    assert len(tags) == 3


async def test_an_image_that_cannot_be_read_is_our_trouble(pictures: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    address = f"{alice.faxes}/inbox/{alice.received.id}/attachment"
    answer = await pictures.get(address, headers={**alice.headers, "Accept": "image/png"})
    assert (answer.status_code, answer.json()["message"]) == (503, "our_trouble")


async def test_head_and_a_range_of_the_rest(pictures: httpx.AsyncClient, house: House, url: str) -> None:
    headers = {**house.alice.headers, "Accept": "image/tiff"}
    head = await pictures.head(url, headers=headers)
    part = await pictures.get(url, headers={**headers, "Range": "bytes=0-3", "If-Range": head.headers["etag"]})
    assert (part.status_code, part.content) == (206, b"II*\0")
    png = await pictures.head(url, headers={**headers, "Accept": "image/png"})
    assert (png.status_code, png.content, png.headers["content-type"]) == (200, b"", "image/png")
