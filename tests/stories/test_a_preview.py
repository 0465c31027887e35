"""A program looks at a fax before it sends it: what it sees is what goes out, and looking leaves nothing behind."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
import pikepdf
import pytest
from PIL import Image
from pydantic import TypeAdapter

from admin_api.answers import FaxPreview
from gateway.administration import Administration
from gateway.documents.page import THUMBNAIL
from gateway.fax import Status
from gateway.tokens import Tokens
from tests.documents import papers
from tests.origin import Origin
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing is asked of it but to read


@pytest.fixture(autouse=True)
def fetch_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `house` reads its settings."""
    monkeypatch.setenv("FAXGATE_FETCH_ALLOW", "127.0.0.0/8")


@dataclass
class Program:
    house: House
    client: httpx.AsyncClient

    async def put(self, *documents: bytes, status: int = 200, query: str = "", **data: Any) -> Any:
        """The answer's data; the documents are PDFs."""
        asked = {"to_number": FAX_MACHINE, "from_number": "+12025550101", "dry_run": True, **data}
        described = (None, json.dumps(asked).encode(), "application/json")
        parts = [("f", ("a.pdf", document, "application/pdf")) for document in documents]
        body: Any = {"files": [("data", described), *parts]} if documents else {"json": {"data": asked}}
        answer = await self.client.put(f"/faxes{query}", **body)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]


@pytest.fixture
async def program(house: House) -> AsyncIterator[Program]:
    _, token = await Tokens(house.app.store, house.clock).add(house.account.id, "Program")
    base = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}"
    async with httpx.AsyncClient(base_url=base, headers={"X-Auth-Token": token}, timeout=60, verify=False) as client:
        yield Program(house, client)


@asynccontextmanager
async def nothing_left(house: House) -> AsyncIterator[None]:
    """No fax, no file, no call."""
    folders = [house.app.settings.data_dir / name for name in ("documents", "spool")]

    def files() -> list[str]:
        return sorted(str(path) for folder in folders for path in folder.rglob("*"))

    before, called = (await asyncio.to_thread(files), len(await house.faxes())), house.line.calls
    yield
    assert (await asyncio.to_thread(files), len(await house.faxes())) == before
    assert house.line.calls == called


def seen(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("L"))


async def test_what_is_shown_is_what_is_sent(program: Program) -> None:
    """With everything that an order may choose of its pages."""
    stripes = b"".join(b"0.%d g 100 %d 300 20 re f\n" % (grey, 200 + 20 * grey) for grey in range(10))
    locked = papers.saved(papers.pdf(stripes, papers.line_of("Two")), pikepdf.Encryption(user="s3cr3t", owner="own"))
    chosen: dict[str, Any] = {
        "cover": True,
        "resolution": "standard",
        "mode": "photo",
        "password": "s3cr3t",
        "to_name": "Dr. Bob",
    }
    async with nothing_left(program.house):
        preview = await program.put(locked, **chosen)
    assert TypeAdapter(FaxPreview).validate_python(preview) == preview  # as it is described
    assert (preview["cover"], preview["pages"], preview["destination"]) == (True, 3, FAX_MACHINE)
    assert preview["faxbox_id"] == program.house.alice.id
    assert [(page["page"], page["content_type"]) for page in preview["shown"]] == [
        (number, "image/png") for number in (1, 2, 3)
    ]
    await program.put(locked, **{**chosen, "dry_run": False}, status=202)
    fax = await program.house.fax(Status.COMPLETED)
    for page in preview["shown"]:
        sent = await program.client.get(
            f"/faxes/outbox/{fax.id}/attachment", params={"page": page["page"]}, headers={"Accept": "image/png"}
        )
        shown, really = seen(base64.b64decode(page["content"])), seen(sent.content)
        # The cover says what time it is.
        assert shown.shape == really.shape
        assert np.mean(shown != really) <= (0.001 if page["page"] == 1 else 0)
    assert max(seen(base64.b64decode(preview["thumbnail"]["content"])).shape) == THUMBNAIL
    [call] = await program.house.calls(fax)
    assert call.result is not None
    # The header line, which the line prints, is not in the image.
    assert preview["seconds"] == pytest.approx(call.result.seconds, rel=0.05)
    assert len(preview["page_seconds"]) == 3


async def test_the_rendering_and_the_cover_are_the_faxboxs_where_the_order_leaves_them(program: Program) -> None:
    house = program.house
    await Administration(house.app.store, house.app.wake, house.clock).change_faxbox(
        house.account.id, house.alice.id, lambda box: replace(box, cover_page="always", resolution="standard")
    )
    standard = await program.put(papers.letter())
    assert (standard["pages"], standard["cover"]) == (2, True)
    fine = await program.put(papers.letter(), resolution="fine", cover=False)
    assert (fine["pages"], fine["cover"]) == (1, False)
    assert fine["page_seconds"][0] > standard["page_seconds"][1]


async def test_which_pages_are_shown(program: Program) -> None:
    async def shown(**asked: Any) -> list[int]:
        return [page["page"] for page in (await program.put(papers.letter(12), **asked))["shown"]]

    assert await shown() == [1, 2, 3, 4, 5]
    assert await shown(show_from=2, show_pages=10) == [*range(2, 12)]
    assert await shown(show_from=11) == [11, 12]
    assert "12" in str(await program.put(papers.letter(12), show_from=13, status=400))
    assert list(await program.put(papers.letter(), show_pages=11, status=400)) == ["show_pages"]


async def test_the_errors_are_those_of_a_fax(program: Program) -> None:
    locked = papers.saved(papers.pdf(b""), pikepdf.Encryption(user="a", owner="b"))
    wrong: list[tuple[bytes, dict[str, Any], str]] = [
        (papers.letter(), {"to_number": "12"}, "to_number"),
        (papers.letter(), {"from_number": "+12025550199"}, "from_number"),
        (papers.letter(), {"at": "tomorrow"}, "at"),
        (papers.letter(), {"notifications": {"email": {"send_to": "nobody"}}}, "notifications.email.send_to"),
        (b"%PDF-1.7 and nothing more", {}, "damaged"),
        (locked, {"password": "c"}, "password"),
    ]
    async with nothing_left(program.house):
        for document, asked, words in wrong:
            refused = await program.put(document, **asked, status=400)
            assert words in str(refused)
            assert await program.put(document, **{**asked, "dry_run": False}, status=400) == refused


async def test_dry_run_counts_in_the_url_too(program: Program) -> None:
    """Whoever asks for it there must not have sent a fax."""
    async with nothing_left(program.house):
        assert (await program.put(papers.letter(), query="?dry_run=true&show_from=1", dry_run=True))["pages"] == 1
        query = "/faxes?dry_run=true&show_pages=1&to_number=%2B12025550190&from_number=12025550101"
        pdf = {"Content-Type": "application/pdf"}
        answer = await program.client.put(query, content=papers.letter(3), headers=pdf)
        assert (answer.status_code, answer.json()["data"]["pages"]) == (200, 3)
        assert len(answer.json()["data"]["shown"]) == 1
        body = {"to_number": FAX_MACHINE, "from_number": "+12025550101"}
        files: Any = {"data": (None, json.dumps(body), "application/json"), "f": ("a.pdf", papers.letter(), "x/y")}
        answer = await program.client.put("/faxes/outgoing?dry_run=true", files=files)
        assert (answer.status_code, answer.json()["data"]["pages"]) == (200, 1)


async def test_who_asks_for_a_preview_in_a_wrong_place_has_not_sent_a_fax(program: Program) -> None:
    letter = papers.letter()
    asked = {"to_number": FAX_MACHINE, "from_number": "+12025550101"}

    def parts(described: dict[str, Any], *more: tuple[str, Any]) -> dict[str, Any]:
        json_part = (None, json.dumps(described), "application/json")
        return {"files": [("data", json_part), *more, ("f", ("a.pdf", letter, "application/pdf"))]}

    bare = {"content": letter, "headers": {"Content-Type": "application/pdf"}}
    wrong: list[tuple[str, Any]] = [
        ("/faxes?dry_run=true", parts({"data": {**asked, "dry_run": False}})),
        ("/faxes?dry_run=true&dry_run=false", parts({"data": asked})),
        ("/faxes?dry_run=true&dry_run=false&to_number=12025550190&from_number=12025550101", bare),
        ("/faxes", parts({"data": asked, "dry_run": True})),
        ("/faxes", {"json": {"data": {**asked, "document": {"url": "http://127.0.0.1/"}}, "dry_run": True}}),
        ("/faxes", parts({"data": asked}, ("dry_run", (None, "true")))),
        ("/faxes", parts({"data": asked}, ("password", (None, "secret")))),
        ("/faxes", parts({"data": asked}, ("data", (None, '{"data": {"dry_run": true}}', "application/json")))),
    ]
    async with nothing_left(program.house):
        for path, request in wrong:
            answer = await program.client.put(path, **request)
            assert answer.status_code == 400, (path, answer.text)


async def test_what_is_sent_again_has_no_preview(program: Program) -> None:
    sent = await program.put(papers.letter(), dry_run=False, status=202)
    await program.house.fax(Status.COMPLETED)
    again = f"/faxes/outbox/{sent['id']}"
    async with nothing_left(program.house):
        for path, beside, data in (
            (f"{again}?dry_run=1", {}, {}),
            (again, {"dry_run": 1}, {}),
            (again, {}, {"dry_run": 1}),
        ):
            answer = await program.client.put(path, json={"action": "resubmit", "data": data, **beside})
            assert (answer.status_code, "attachment" in answer.text) == (400, True)


async def test_a_document_at_a_url_is_fetched_for_the_preview(program: Program) -> None:
    async with Origin(document=papers.letter(2)).served() as origin, nothing_left(program.house):
        preview = await program.put(document={"url": f"{origin.url}/fax.pdf"})
        assert (preview["pages"], len(preview["shown"])) == (2, 2)
        asked = len(origin.asked)
        refused = await program.put(document={"url": f"{origin.url}/status/503"}, retries=5, status=400)
        assert refused["message"] == "could not retrieve file, http response 503"
        assert len(origin.asked) == asked + 1  # a client waits
        inside = await program.put(document={"url": "http://10.0.0.1/"}, status=400)
        assert "message" in inside
        origin.document = b"PK\x03\x04 a word processor's"
        refused = await program.put(document={"url": f"{origin.url}/fax.pdf"}, status=400)
        assert "cannot be faxed" in refused["message"]


async def test_an_account_has_two_previews_at_a_time(program: Program) -> None:
    arrived, given = asyncio.Semaphore(0), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await given.wait()
        pdf = papers.letter()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(pdf) + pdf)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as slow:
        document = {"url": f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/a.pdf"}
        waiting = [asyncio.create_task(program.put(document=document)) for _ in range(2)]
        for _ in waiting:
            await arrived.acquire()
        assert "2 previews" in (await program.put(papers.letter(), status=429))["message"]
        given.set()
        assert [preview["pages"] for preview in await asyncio.gather(*waiting)] == [1, 1]
    assert (await program.put(papers.letter()))["pages"] == 1
