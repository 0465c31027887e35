"""Making faxes through the API: what a client sends, over a real socket, and what is stored then."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pytest
from schemathesis import GenerationMode

from admin_api.app import api
from admin_api.server import Server
from gateway.accounts import Faxbox
from gateway.alerts import NOBODY
from gateway.clock import Clock
from gateway.errors import OurTrouble
from gateway.fax import Direction, DocumentRequest, Fax, Status
from gateway.ids import new_id
from gateway.outbound.order import Orders
from gateway.outbound.submit import Submissions
from gateway.ports import Documents
from gateway.sandbox import Sandbox
from gateway.storage import FileDocuments
from gateway.store import accounts, faxes, tokens
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.api.house import AS_SUPERUSER, SUBMITTED, House, previews_of
from tests.api.test_openapi import fuzz, operations
from tests.documents import papers
from tests.reading import all_faxes
from tests.warm import WarmServers

ASKED = {"to_number": "(202) 555-0190", "from_number": "15551230001"}
AT_URL = {**ASKED, "document": {"url": "http://documents.example/fax.pdf", "method": "get"}}


@pytest.fixture
async def server(
    store: Store, documents: Documents, wake: Wake, tmp_path: Path, warm: WarmServers
) -> AsyncIterator[Server]:
    spool = tmp_path / "spool"
    spool.mkdir()
    sandbox = Sandbox(boot=warm.boot)
    await sandbox.start()
    submissions = Submissions(store, documents, wake, Clock(), operator=NOBODY)
    await submissions.start()
    orders = Orders(
        store=store,
        documents=documents,
        submissions=submissions,
        sandbox=sandbox,
        clock=Clock(),
        spool=spool,
        max_pages=5,
    )
    running = Server(api(store, documents, Clock(), wake=wake, orders=orders, previews=previews_of(orders, wake)))
    await running.start("127.0.0.1", 0)
    yield running
    await running.stop()
    await submissions.stop()
    await sandbox.stop()
    assert list(spool.iterdir()) == []  # nothing of any request is left lying about


@dataclass
class Alice:
    """A client of Alice's account."""

    client: httpx.AsyncClient
    house: House
    store: Store

    async def put(
        self, path: str = "", *, status: int = 202, headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        headers = {**self.house.alice.headers, **(headers or {})}
        answer = await self.client.put(f"{self.house.alice.faxes}{path}", headers=headers, **body)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    async def stored(self, fax_id: str) -> Fax:
        async with self.store.read() as connection:
            return await faxes.find(connection, fax_id, self.house.alice.account.id)

    async def count(self) -> int:
        async with self.store.read() as connection:
            return len(await all_faxes(connection, self.house.alice.account.id, Direction.OUTBOUND))

    async def curl(self, *arguments: str) -> Any:
        """Put with a real curl; what it was answered, with the status as `http_code`."""
        url = f"{self.client.base_url}{self.house.alice.faxes}"
        command = ["curl", "-sS", "-X", "PUT", "-H", f"X-Auth-Token: {self.house.alice.token}", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, [*command, "-w", "\n%{http_code}", url], capture_output=True, text=True, check=True
        )
        body, _, code = done.stdout.rpartition("\n")
        return {**json.loads(body), "http_code": code}


@pytest.fixture
def alice(client: httpx.AsyncClient, house: House, store: Store) -> Alice:
    return Alice(client, house, store)


async def test_a_fax_whose_document_is_at_a_url(alice: Alice) -> None:
    described = {
        "document": {"url": "http://myserver.com/fax.pdf", "method": "get"},
        "retries": 3,
        "from_name": "Test Fax",
        "from_number": "15551230001",
        "to_name": "To Name",
        "to_number": "18884732963",
    }
    answer = await alice.curl("-d", json.dumps({"data": described}))  # announced as a form
    assert answer["http_code"] == "202"
    assert (answer["status"], answer["auth_token"]) == ("success", alice.house.alice.token)
    assert answer["revision"]
    assert answer["request_id"]
    assert answer["data"].items() >= {**described, "attempts": 0, "status": "pending", "delivered": "undefined"}.items()
    nothing_yet = {
        "error_message": "",
        "fax_bad_rows": 0,
        "fax_error_correction": False,
        "fax_receiver_id": "",
        "fax_speed": 0,
        "pages_sent": 0,
        "success": False,
        "time_elapsed": 0,
    }
    assert answer["data"]["tx_result"].items() >= nothing_yet.items()
    fax = await alice.stored(answer["data"]["id"])
    assert (fax.via, fax.destination, fax.retries) == ("api", "+18884732963", 3)
    assert fax.request == DocumentRequest(url="http://myserver.com/fax.pdf")


async def test_every_field_of_the_document_is_kept(alice: Alice) -> None:
    document = {
        "url": "https://documents.example/7",
        "method": "post",
        "content": "number=7",
        "content_type": "text/x-question",
        "host": "inner.example",
        "referer": "https://portal.example/",
    }
    notifications = {"email": {"send_to": "alice@example.com"}, "sms": {"send_to": ["+12025550190"]}}
    put = await alice.put("/outgoing", json={"data": {**ASKED, "document": document, "notifications": notifications}})
    assert (put["document"], put["notifications"]) == (document, notifications)
    assert (put["retries"], put["from_name"]) == (1, "alice's box")
    assert (await alice.stored(put["id"])).request == DocumentRequest(**document)


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/form-data"])
async def test_the_documents_come_along_in_their_order(alice: Alice, tmp_path: Path, kind: str) -> None:
    papers.file(tmp_path / "fax.json", json.dumps({"data": {**ASKED, "to_name": "Bob"}}).encode())
    papers.file(tmp_path / "naïve.pdf", papers.letter(pages=2))
    papers.file(tmp_path / "photo.png", papers.image_bytes(papers.arrow(), "PNG"))
    answer = await alice.curl(
        *("-H", f"Content-Type: {kind}"),
        *("-F", f"content=@{tmp_path}/fax.json; type=application/json"),
        *("-F", f"content=@{tmp_path}/naïve.pdf; type=application/pdf"),
        *("-F", f"content=@{tmp_path}/photo.png; type=image/png"),
    )
    assert (answer["http_code"], answer["data"]["status"]) == ("202", "attaching_files")
    fax = await alice.stored(answer["data"]["id"])
    assert [(document.name, document.content_type) for document in fax.documents] == [
        ("naïve.pdf", "application/pdf"),
        ("photo.png", "image/png"),
    ]
    assert (fax.to_name, fax.to_number, fax.destination) == ("Bob", "(202) 555-0190", "+12025550190")


async def test_a_large_document_is_streamed(alice: Alice, documents: Documents, tmp_path: Path) -> None:
    """Larger than any buffer, and with what looks like boundaries in it."""
    filling = b"\r\n--not-the-boundary\r\n" * 200_000
    letter = papers.letter() + b"%" + filling
    put = await alice.put(
        files=[("data", (None, json.dumps(ASKED).encode(), "application/json")), ("f", ("a.pdf", letter, "x/y"))]
    )
    [kept] = (await alice.stored(put["id"])).documents
    assert kept.bytes == len(letter)
    assert (await documents.open(kept.key)).read_bytes() == letter


async def test_a_document_alone_with_its_fields_in_the_query(alice: Alice, tmp_path: Path) -> None:
    query = "?to_number=+12025550190&from_number=%2B15551230001&retries=4&notifications.email.send_to=a@example.com"
    headers = {"Content-Type": "application/pdf"}
    put = await alice.put(query, content=papers.letter(), headers=headers)
    assert (put["to_number"], put["retries"]) == ("+12025550190", 4)
    assert put["notifications"] == {"email": {"send_to": ["a@example.com"]}}
    tiff = papers.image_bytes(papers.arrow("1"), "TIFF")
    await alice.put(query, content=tiff, headers={"Content-Type": "image/tiff"})


async def test_a_part_may_be_encoded_as_in_a_mail(alice: Alice, documents: Documents) -> None:
    letter = papers.letter()
    body = (
        b"--B\r\nContent-Type: application/json\r\n\r\n" + json.dumps({"data": ASKED}).encode() + b"\r\n--B\r\n"
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(letter)
        + b"\r\n--B--\r\n"
    )
    put = await alice.put(content=body, headers={"Content-Type": 'multipart/related; boundary="B"'})
    [kept] = (await alice.stored(put["id"])).documents
    assert (await documents.open(kept.key)).read_bytes() == letter


@pytest.mark.parametrize(
    ("changes", "at_fault"),
    [
        ({"to_number": None}, "to_number"),
        ({"to_number": "1-800-FLOWERS"}, "to_number"),
        ({"to_number": "12"}, "to_number"),
        ({"from_number": None}, "from_number"),
        ({"from_number": "+15551230002"}, "from_number"),  # Bob's
        ({"from_number": "nobody"}, "from_number"),
        ({"retries": 21}, "retries"),
        ({"retries": -1}, "retries"),
        ({"retries": "many"}, "retries"),
        ({"faxbox_id": "0" * 32}, "faxbox_id"),
        ({"document": {}}, "document.url"),
        ({"document": {"url": "file:///etc/passwd"}}, "document.url"),
        ({"document": {"url": "http://a/", "method": "delete"}}, "document.method"),
        ({"document": {"url": "http://a/", "content": "x" * 257}}, "document.content"),
        ({"document": {"url": "http://a/", "host": "a\r\nX-Injected: 1"}}, "document.host"),
        ({"notifications": {"email": {"send_to": ["nobody"]}}}, "notifications.email.send_to"),
        ({"notifications": {"sms": {"send_to": "nobody"}}}, "notifications.sms.send_to"),
    ],
)
async def test_what_is_wrong_is_named(alice: Alice, changes: dict[str, Any], at_fault: str) -> None:
    asked = {name: value for name, value in {**AT_URL, **changes}.items() if value is not None}
    before = await alice.count()
    data = await alice.put(json={"data": asked}, status=400)
    assert list(data) == [at_fault]
    [problem] = data[at_fault].values()
    assert problem["message"]
    assert await alice.count() == before


async def test_bodies_that_cannot_be_taken(alice: Alice) -> None:
    multipart = {"Content-Type": "multipart/mixed; boundary=B"}
    described = b"--B\r\nContent-Type: application/json\r\n\r\n" + json.dumps(ASKED).encode() + b"\r\n"
    attached = b"--B\r\nContent-Type: application/pdf\r\n\r\n" + papers.letter()
    await alice.put(status=400)
    await alice.put(content=b"{", status=400)
    await alice.put(content=b"[]", status=400)
    await alice.put(json={"data": ASKED}, status=400)  # no document
    await alice.put(content=b"RIFF", headers={"Content-Type": "audio/wav"}, status=415)
    await alice.put(content=attached + b"\r\n--B--", headers=multipart, status=400)  # nothing describes the fax
    await alice.put(content=described + attached, headers=multipart, status=400)  # broken off
    await alice.put(content=described + b"--B--", headers=multipart, status=400)  # no document
    await alice.put(content=described, headers={"Content-Type": "multipart/mixed"}, status=400)
    await alice.put(content=b"x" * 200, headers=multipart, status=400)
    nested = described + b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\nx\r\n--C--\r\n--B--"
    await alice.put(content=nested, headers=multipart, status=400)


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        (b"PK\x03\x04 a word processor's", 415, "cannot be faxed"),
        (b"", 415, "cannot be faxed"),
        (b"%PDF-1.7 and nothing more", 400, "damaged"),
        (b"This is plain text.", 400, "damaged"),
        (papers.letter(pages=6), 400, "more than 5 pages"),
        (papers.saved(papers.pdf(b""), pikepdf.Encryption(user="secret", owner="secret")), 400, "password"),
    ],
)
async def test_a_document_that_cannot_be_faxed_is_refused_at_once(
    alice: Alice, document: bytes, status: int, words: str
) -> None:
    query = "?to_number=12025550190&from_number=15551230001"
    data = await alice.put(query, content=document, headers={"Content-Type": "application/pdf"}, status=status)
    assert words in data["message"]


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(alice: Alice) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(36):
            yield b"%" * (1 << 20)

    query = "?to_number=12025550190&from_number=15551230001"
    await alice.put(query, content=endless(), headers={"Content-Type": "application/pdf"}, status=413)


async def test_the_faxbox_is_the_one_that_is_named_or_whose_number_it_is(alice: Alice, store: Store) -> None:
    account = alice.house.alice.account.id
    second = Faxbox(
        id=new_id(),
        account_id=account,
        name="Second",
        created_at=SUBMITTED,
        numbers=("+15551230007",),
        caller_id="+15551230008",
    )
    async with store.begin() as connection:
        await accounts.add_faxbox(connection, second)
    for asked, box in (
        ({}, alice.house.alice.faxbox.id),
        ({"from_number": "555-123-0007"}, second.id),
        ({"from_number": "+15551230008"}, second.id),
        ({"faxbox_id": second.id}, second.id),
    ):
        put = await alice.put(json={"data": {**AT_URL, **asked}})
        assert put["faxbox_id"] == box
        assert put["from_number"] == asked.get("from_number", ASKED["from_number"])


async def test_a_token_that_may_only_read_makes_no_fax(alice: Alice, store: Store) -> None:
    async with store.begin() as connection:
        await tokens.add(connection, "reader", alice.house.alice.account.id, ["read"], SUBMITTED)
    for method, path in (("PUT", ""), ("DELETE", f"/outgoing/{alice.house.alice.pending.id}")):
        answer = await alice.client.request(
            method, f"{alice.house.alice.faxes}{path}", headers={"X-Auth-Token": "reader"}, json={"data": AT_URL}
        )
        assert answer.status_code == 403


async def test_a_request_that_is_made_again_makes_no_second_fax(alice: Alice) -> None:
    key = {"Idempotency-Key": "order-4711"}
    first = await alice.put(json={"data": AT_URL}, headers=key)
    again = await alice.put(json={"data": AT_URL}, headers=key)
    assert again["id"] == first["id"]
    conflict = await alice.put(json={"data": {**AT_URL, "retries": 2}}, headers=key, status=409)
    assert "Idempotency-Key" in conflict["message"]
    assert (await alice.put(json={"data": AT_URL}))["id"] != first["id"]


async def test_the_same_documents_are_the_same_request_however_they_are_wrapped(alice: Alice) -> None:
    """Every client makes a new boundary for every try."""
    key = {"Idempotency-Key": "order-4712"}

    def parts(letter: bytes) -> list[tuple[str, tuple[str | None, bytes, str]]]:
        described = (None, json.dumps(ASKED).encode(), "application/json")
        return [("data", described), ("f", ("a.pdf", letter, "application/pdf"))]

    first = await alice.put(files=parts(papers.letter()), headers=key)
    assert (await alice.put(files=parts(papers.letter()), headers=key))["id"] == first["id"]
    await alice.put(files=parts(papers.letter(pages=2)), headers=key, status=409)


async def test_two_requests_at_once_make_one_fax(alice: Alice, documents: Documents, tmp_path: Path) -> None:
    before, files = await alice.count(), stored_files(tmp_path)
    headers = {"Idempotency-Key": "at once", "Content-Type": "application/pdf"}
    query = "?to_number=12025550190&from_number=15551230001"
    letter = papers.letter()
    made = await asyncio.gather(*(alice.put(query, content=letter, headers=headers) for _ in range(8)))
    assert len({fax["id"] for fax in made}) == 1
    assert await alice.count() == before + 1
    assert stored_files(tmp_path) == files + 1  # what the others brought is not kept


class Keeping(FileDocuments):
    """Removes nothing."""

    async def delete(self, keys: Sequence[str]) -> None:
        raise OurTrouble("The documents cannot be removed right now.", detail="Permission denied")


@pytest.mark.parametrize("documents", [Keeping], indirect=True)
async def test_a_repeat_is_answered_though_what_it_brought_cannot_be_removed(alice: Alice, tmp_path: Path) -> None:
    files = stored_files(tmp_path)
    headers = {"Idempotency-Key": "again", "Content-Type": "application/pdf"}
    query = "?to_number=12025550190&from_number=15551230001"
    letter = papers.letter()
    made = await asyncio.gather(*(alice.put(query, content=letter, headers=headers) for _ in range(8)))
    assert len({fax["id"] for fax in made}) == 1
    assert stored_files(tmp_path) > files + 1  # those are nobody's, and go with the orphans


async def test_the_number_of_somebody_else_is_no_sender_of_a_fax_that_is_sent_again(alice: Alice) -> None:
    """The number that a fax went to is not ours, although the fax is."""
    old = alice.house.alice.failed
    changed = {"action": "resubmit", "data": {"from_number": old.destination}}
    await alice.put(f"/outbox/{old.id}", json=changed, status=400)


async def test_a_number_that_is_somebody_elses_now_is_no_sender_either(alice: Alice) -> None:
    own, bob = alice.house.alice, alice.house.bob
    failed, received = own.failed, own.received
    again = {"action": "resubmit", "data": {}}
    onwards = {"action": "forward", "data": {"to_number": "+12025550190"}}
    await alice.put(f"/outbox/{failed.id}", json=again)  # the number that it came from is nobody's
    lost = f"/v2/accounts/{own.account.id}/numbers/{received.destination}"
    assert (await alice.client.delete(lost, headers=AS_SUPERUSER)).status_code == 200
    for number in (f"+{failed.from_number}", received.destination):
        taken = f"/v2/accounts/{bob.account.id}/numbers/{number}"
        assert (await alice.client.put(taken, headers=AS_SUPERUSER, json={"data": {}})).status_code == 201
    for path, wanted in ((f"/outbox/{failed.id}", again), (f"/inbox/{received.id}", onwards)):
        assert [*await alice.put(path, json=wanted, status=400)] == ["from_number"]


async def test_a_fax_is_sent_again_from_its_stored_pages(alice: Alice) -> None:
    old = alice.house.alice.failed
    again = await alice.put(f"/outbox/{old.id}", json={"action": "resubmit", "data": {}})
    assert (again["resubmitted_from"], again["status"]) == (old.id, "pending")
    fax = await alice.stored(again["id"])
    assert (fax.pdf_key, fax.image_key, fax.pages, fax.attempts) == (old.pdf_key, old.image_key, old.pages, 0)
    assert (fax.to_number, fax.from_number, fax.retries) == (old.to_number, old.from_number, old.retries)

    other = await alice.put(
        f"/outbox/{old.id}", json={"action": "resubmit", "data": {"to_number": "+12025550190", "retries": 7}}
    )
    assert (other["to_number"], other["destination"], other["retries"]) == ("+12025550190", "+12025550190", 7)
    assert (await alice.stored(old.id)).status is Status.FAILED


async def test_a_received_fax_is_sent_on(alice: Alice, documents: Documents) -> None:
    received = alice.house.alice.received
    sent_on = await alice.put(
        f"/inbox/{received.id}", json={"action": "forward", "data": {"to_number": "+12025550190"}}
    )
    fax = await alice.stored(sent_on["id"])
    assert (fax.direction, fax.status) == ("outbound", Status.ATTACHING_FILES)
    assert (fax.destination, fax.from_number) == ("+12025550190", received.destination)
    assert fax.resubmitted_from == received.id
    [document] = fax.documents
    assert document.key != received.image_key
    assert (await documents.open(document.key)).read_bytes() == (await documents.open(received.image_key)).read_bytes()


async def test_what_cannot_be_sent_again(alice: Alice, store: Store) -> None:
    house = alice.house.alice
    emptied = replace(house.completed, id=new_id(), pdf_key="", image_key="", documents=())
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [emptied])
    again = {"action": "resubmit", "data": {}}
    assert "removed" in (await alice.put(f"/outbox/{emptied.id}", json=again, status=409))["message"]
    await alice.put(f"/outbox/{house.pending.id}", json=again, status=404)  # not sent yet
    await alice.put(f"/outbox/{house.received.id}", json=again, status=404)
    await alice.put(f"/outbox/{new_id()}", json=again, status=404)
    await alice.put(f"/outbox/{alice.house.bob.completed.id}", json=again, status=404)
    await alice.put(f"/inbox/{house.received.id}", json=again, status=400)
    assert list(await alice.put(f"/outbox/{house.failed.id}", json={"action": "burn"}, status=400)) == ["action"]
    forward = {"action": "forward", "data": {}}
    assert list(await alice.put(f"/inbox/{house.received.id}", json=forward, status=400)) == ["to_number"]


async def test_a_fax_that_waits_is_cancelled_and_one_under_way_is_asked_to_end(alice: Alice) -> None:
    house, client = alice.house.alice, alice.client
    path = f"{house.faxes}/outgoing"
    stale = {**house.headers, "If-Match": '"4711"'}
    assert (await client.delete(f"{path}/{house.pending.id}", headers=stale)).status_code == 412
    answer = await client.delete(f"{path}/{house.pending.id}", headers=house.headers)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "cancelled")
    answer = await client.delete(f"{path}/{house.processing.id}", headers=house.headers)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "processing")
    assert (await alice.stored(house.processing.id)).cancel_requested
    assert (await client.delete(f"{path}/{house.completed.id}", headers=house.headers)).status_code == 409
    assert (await client.delete(f"{path}/{alice.house.bob.pending.id}", headers=house.headers)).status_code == 404


def stored_files(tmp_path: Path) -> int:
    return sum(1 for file in (tmp_path / "documents").rglob("*") if file.is_file())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_fuzzer_that_believes_the_description_finds_it_true(
    server: Server, client: httpx.AsyncClient, house: House
) -> None:
    """What makes, cancels and removes faxes; never answered with 500."""
    description = (await client.get("/openapi.json")).json()
    address = f"http://127.0.0.1:{server.port}"
    ours = [
        one for one in operations(description) if one.method in ("put", "delete") and "{account_id}/faxes" in one.path
    ]
    assert len(ours) == 12
    for operation in ours:
        await asyncio.to_thread(fuzz, operation, GenerationMode.POSITIVE, address, house)
        if operation.body:
            await asyncio.to_thread(fuzz, operation, GenerationMode.NEGATIVE, address, house)


async def test_a_fax_with_options(alice: Alice) -> None:
    locked = papers.saved(papers.pdf(b""), pikepdf.Encryption(user="s3cr3t", owner="own", R=6))
    at = (Clock().now() + timedelta(days=2)).isoformat(timespec="seconds")
    asked = {
        **ASKED,
        "cover": True,
        "resolution": "superfine",
        "mode": "photo",
        "priority": "high",
        "cost_code": "4711",
        "at": at,
        "password": "s3cr3t",
    }
    files = {"data": (None, json.dumps(asked), "application/json"), "document": ("a.pdf", locked, "application/pdf")}
    shown = await alice.put(files=files)
    assert (shown["priority"], shown["cost_code"]) == ("high", "4711")
    assert shown["at"][:10] == at[:10]
    async with alice.store.read() as connection:
        fax = await faxes.find(connection, shown["id"])
    assert (fax.cover, fax.resolution, fax.mode, fax.priority) == (True, "superfine", "photo", -1)
    assert "s3cr3t" not in repr(fax)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "tomorrow"),
        ("at", "2020-01-01 09:00"),
        ("resolution", "ultra"),
        ("cost_code", "x" * 65),
        ("cover", "maybe"),
    ],
)
async def test_an_option_that_is_wrong_is_named(alice: Alice, field: str, value: str) -> None:
    answer = await alice.client.put(
        alice.house.alice.faxes, headers=alice.house.alice.headers, json={"data": {**AT_URL, field: value}}
    )
    assert answer.status_code == 400
    assert field in answer.json()["data"]


async def test_a_password_for_a_document_that_is_fetched_is_refused(alice: Alice) -> None:
    answer = await alice.client.put(
        alice.house.alice.faxes, headers=alice.house.alice.headers, json={"data": {**AT_URL, "password": "x"}}
    )
    assert (answer.status_code, "password" in answer.json()["data"]) == (400, True)
