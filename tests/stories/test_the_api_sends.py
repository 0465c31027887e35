"""A program sends a fax, from its first request to the far end, and everything between is real.

The far end is another faxbox of the gateway: what arrives is looked at in its inbox.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from gateway.administration import Administration
from gateway.app import App
from gateway.fax import Direction, DocumentRequest, Fax, Status
from gateway.ids import new_id
from gateway.lines.loopback import LoopbackLine
from gateway.sandbox import Sandbox
from gateway.settings import read
from gateway.store import accounts, attempts, faxes
from tests.conftest import MovedClock
from tests.documents import papers
from tests.origin import Origin

T = TypeVar("T")

ALICE, BOB = "+12025550101", "+12025550102"
NOT_IN_SERVICE = "+12025550194"
ENDED = {"completed", "failed", "cancelled"}
PATIENCE = 60.0


@dataclass
class Office:
    """A program's view of the gateway: an address and a token."""

    app: App
    clock: MovedClock
    client: httpx.AsyncClient
    token: str
    account_id: str

    async def curl(self, *arguments: str, path: str = "") -> dict[str, Any]:
        """What a real curl gets."""
        url = f"http://{self.app.addresses.api}/v2/accounts/{self.account_id}/faxes{path}"
        command = ["curl", "-sS", "--fail-with-body", "-H", f"X-Auth-Token: {self.token}", *arguments, url]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    async def get(self, path: str) -> Any:
        return (await self.client.get(path)).json()["data"]

    async def ended(self, fax_id: str) -> Any:
        """The fax, when nothing more becomes of it."""

        async def look() -> Any:
            fax = await self.get(f"/outgoing/{fax_id}")
            return fax if fax["status"] in ENDED else None

        return await self.until(look, "the end of the fax")

    async def until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (found := await look()) is None:
            assert asyncio.get_running_loop().time() < deadline, f"never saw {what}"
            await asyncio.sleep(0.05)
        return found

    async def received(self) -> Any:
        """Wait for the one fax that has come in."""

        async def look() -> Any:
            return next(iter(await self.get("/inbox")), None)

        return await self.until(look, "the received fax")


@pytest.fixture
def fetch_allow(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "127.0.0.0/8"))


@pytest.fixture
def lines_url(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "loopback://?pace=fast"))


@pytest.fixture
async def office(
    tmp_path: Path, database_url: str, clock: MovedClock, fetch_allow: str, lines_url: str, sandbox: Sandbox
) -> AsyncIterator[Office]:
    settings = read(
        data_dir=tmp_path,
        database_url=database_url,
        smtp_listen="127.0.0.1:0",
        api_listen="127.0.0.1:0",
        smtp_hostname="fax.example.com",
        fetch_allow=fetch_allow,
    )
    app = App(settings, clock=clock, lines=[LoopbackLine.from_url(lines_url, tmp_path / "lines")], sandbox=sandbox)
    await app.start()
    administration = Administration(app.store, app.wake, clock)
    account, token = await administration.add_account("Portal", domains=["fax.example.com"])
    for name, number in (("Alice", ALICE), ("Bob", BOB)):
        await administration.add_faxbox(account.id, name, numbers=[number])
    base = f"http://{app.addresses.api}/v2/accounts/{account.id}/faxes"
    async with httpx.AsyncClient(base_url=base, headers={"X-Auth-Token": token}, verify=False) as client:
        yield Office(app, clock, client, token, account.id)
    await app.stop()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin(document=papers.letter(pages=2)).served() as origin:
        yield origin


def at_url(url: str, to: str = BOB, **more: object) -> str:
    data = {"document": {"url": url, "method": "get"}, "from_number": ALICE, "to_number": to, **more}
    return json.dumps({"data": data})


async def test_an_uploaded_document_arrives(office: Office, tmp_path: Path) -> None:
    papers.file(tmp_path / "fax.pdf", papers.letter(pages=2))
    described = {"data": {"from_number": ALICE, "to_number": "202-555-0102", "to_name": "Bob"}}
    papers.file(tmp_path / "fax.json", json.dumps(described).encode())
    put = await office.curl(
        *("-X", "PUT", "-H", "Content-Type: multipart/mixed"),
        *("-F", f"content=@{tmp_path}/fax.json; type=application/json"),
        *("-F", f"content=@{tmp_path}/fax.pdf; type=application/pdf"),
    )
    fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["to_number"]) == ("completed", "202-555-0102")
    assert (fax["tx_result"]["success"], fax["tx_result"]["pages_sent"]) == (True, 2)
    received = await office.received()
    assert received["from"].endswith(ALICE.removeprefix("+"))
    document = await office.client.get(f"/inbox/{received['id']}/attachment")
    assert document.content.startswith(b"%PDF-")
    log = f"http://{office.app.addresses.api}/v2/accounts/{office.account_id}/audit"
    noted = {
        one["action"]: one for one in (await office.client.get(log, params={"filter_object": "fax"})).json()["data"]
    }
    assert noted["sent"]["object_id"] == fax["id"]
    assert noted["sent"]["actor"] == noted["document read"]["actor"] != ""
    assert noted["sent"]["facts"] == {"destination": BOB, "via": "api"}


async def test_a_document_at_a_url_is_fetched_and_arrives(office: Office, origin: Origin) -> None:
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/redirect/1"))
    assert put["data"]["status"] == "pending"
    fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["pages"], fax["tx_result"]["pages_sent"]) == ("completed", 2, 2)
    assert fax["document"]["url"] == f"{origin.url}/redirect/1"
    assert (await office.received())["status"] == "received"


async def test_a_document_that_the_server_does_not_give_ends_the_fax(office: Office, origin: Origin) -> None:
    told = {"email": {"send_to": "clerk@example.com"}}
    asked = at_url(f"{origin.url}/status/404", notifications=told)
    put = await office.curl("-X", "PUT", "-d", asked, path="/outgoing")
    fax = await office.ended(put["data"]["id"])
    assert fax["status"] == "failed"
    assert fax["tx_result"]["error_message"] == "could not retrieve file, http response 404"
    assert fax["attempts"] == 0
    async with office.app.store.read() as connection:
        assert list(await attempts.of_fax(connection, fax["id"])) == []
    assert [listed["id"] for listed in await office.get("/outbox")] == [fax["id"]]

    async def mailed() -> str | None:
        mails = [file.read_text() for file in (office.app.settings.data_dir / "mail" / "new").glob("*")]
        return next((mail for mail in mails if "clerk@example.com" in mail), None)

    assert "NOT faxed" in await office.until(mailed, "the notice to who was named")


@pytest.mark.parametrize("fetch_allow", [""], indirect=True)
async def test_what_is_inside_is_not_fetched(office: Office, origin: Origin) -> None:
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/fax.pdf"))
    fax = await office.ended(put["data"]["id"])
    assert fax["status"] == "failed"
    assert "internal address" in fax["tx_result"]["error_message"]
    assert origin.asked == []


async def test_an_overloaded_server_is_asked_again_as_often_as_the_fax_has_retries(
    office: Office, origin: Origin
) -> None:
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/status/503", retries=1))
    fax = await office.ended(put["data"]["id"])
    assert fax["tx_result"]["error_message"] == "could not retrieve file, http response 503"
    assert len(origin.asked) == 2


async def test_what_was_fetched_is_no_document(office: Office, origin: Origin) -> None:
    origin.document = b"<html>Please log in</html>"
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/fax.pdf"))
    fax = await office.ended(put["data"]["id"])
    assert fax["status"] == "failed"
    assert "cannot be faxed" in fax["tx_result"]["error_message"]


async def test_a_fetch_is_cancelled(office: Office) -> None:
    """A server that never answers."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        put = await office.curl("-X", "PUT", "-d", at_url(f"http://127.0.0.1:{port}/"))
        path = f"/outgoing/{put['data']['id']}"

        async def fetching() -> bool | None:
            return True if (await office.get(path))["status"] == "processing" else None

        await office.until(fetching, "the fetching to begin")
        await office.curl("-X", "DELETE", path=path)
        fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["attempts"]) == ("cancelled", 0)


async def test_a_failed_fax_is_sent_again_to_another_number_and_a_received_one_on(
    office: Office, origin: Origin
) -> None:
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/fax.pdf", to=NOT_IN_SERVICE))
    failed = await office.ended(put["data"]["id"])
    assert failed["status"] == "failed"
    again = json.dumps({"action": "resubmit", "data": {"to_number": BOB}})
    put = await office.curl("-X", "PUT", "-d", again, path=f"/outbox/{failed['id']}")
    fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["resubmitted_from"]) == ("completed", failed["id"])
    assert len(origin.asked) == 1  # the pages were kept

    received = await office.received()
    on = json.dumps({"action": "forward", "data": {"to_number": ALICE}})
    put = await office.curl("-X", "PUT", "-d", on, path=f"/inbox/{received['id']}")
    fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["from_number"], fax["tx_result"]["pages_sent"]) == ("completed", BOB, 2)

    async def both() -> list[Any] | None:
        inbox: list[Any] = await office.get("/inbox")
        return inbox if len(inbox) == 2 else None

    for listed in await office.until(both, "the fax that was sent on"):
        await office.curl("-X", "DELETE", path=f"/inbox/{listed['id']}")
    for listed in await office.get("/outbox"):
        await office.curl("-X", "DELETE", path=f"/outbox/{listed['id']}")
    documents = Path(office.app.settings.data_dir / "documents")
    assert [file for file in documents.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_a_live_call_is_hung_up(office: Office, origin: Origin) -> None:
    put = await office.curl("-X", "PUT", "-d", at_url(f"{origin.url}/fax.pdf"))
    path = f"/outgoing/{put['data']['id']}"

    async def answered() -> bool | None:
        return True if (await office.get(path)).get("progress", {}).get("stage") == "answered" else None

    await office.until(answered, "the call to be answered")
    await office.curl("-X", "DELETE", path=path)
    fax = await office.ended(put["data"]["id"])
    assert (fax["status"], fax["attempts"]) == ("cancelled", 1)


async def test_a_fetch_that_a_crash_ended_is_begun_again(office: Office, origin: Origin) -> None:
    """A worker has died while it fetched, and has left its claim behind: no call had begun, so nothing is in doubt."""
    now = office.clock.now()
    async with office.app.store.begin() as connection:
        [box, *_] = await accounts.faxboxes(connection, office.account_id)
        left_behind = Fax(
            id=new_id(),
            account_id=office.account_id,
            faxbox_id=box.id,
            direction=Direction.OUTBOUND,
            status=Status.PROCESSING,
            created_at=now,
            updated_at=now,
            due_at=now,
            via="api",
            from_number=ALICE,
            to_number=BOB,
            destination=BOB,
            request=DocumentRequest(url=f"{origin.url}/fax.pdf"),
            claim_token=new_id(),
            lease_until=now,
        )
        await connection.run_sync(faxes.add, [left_behind])
    office.clock.advance(timedelta(seconds=60))
    fax = await office.ended(left_behind.id)
    assert (fax["status"], fax["attempts"], len(origin.asked)) == ("completed", 1, 1)
