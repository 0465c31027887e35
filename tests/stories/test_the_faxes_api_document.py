"""The Faxes API's document, followed from its top to its end: every curl that it shows does what it says.

The headings are its own, and what stands between three quotes is copied. Whoever pastes a command changes what stands
in braces, the numbers and the address of the PDF; so does `Reader.curl`.
"""

import asyncio
import io
import json
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pypdf
import pytest

from gateway.fax import Direction, Status
from gateway.tokens import Tokens
from tests.documents import papers
from tests.stories.conftest import House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

ALICE, BOB = "+12025550101", "+12025550102"

CREATE = r"""
    curl -v -X PUT \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        -d '{"data":{"document":{"url":"http://myserver.com/fax.pdf","method":"get"},"retries":3,"from_name":"Test Fax","from_number":"18884732963","to_name":"To Name","to_number":"18884732963"}}' \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes
"""  # noqa: E501
PUT_ANSWER = """
{
    "data":{
        "document":{
            "url":"http://myserver.com/fax.pdf",
            "method":"get"
        },
        "retries":3,
        "from_name":"Test Fax",
        "from_number":"18884732963",
        "to_name":"To Name",
        "to_number":"18884732963",
        "attempts":0,
        "tx_result":{
            "error_message":"",
            "fax_bad_rows":0,
            "fax_error_correction":false,
            "fax_receiver_id":""
            ,"fax_speed":0,
            "pages_sent":0,
            "success":false,
            "time_elapsed":0
        },
        "fax_timezone":"undefined",
        "id":"{FAX_JOB_ID}"
    },
    "revision":"{REVISION}",
    "request_id":"{REQUEST_ID}",
    "status":"success",
    "auth_token":"{AUTH_TOKEN}"
}
"""
LIST_ANSWER = """
{
    "auth_token": "{AUTH_TOKEN}",
    "data": [
        {
            "created": 63626410973,
            "from": "18884732963",
            "id": "{FAX_JOB_ID}",
            "status": "pending",
            "to": "18884732963"
        }
    ],
    "page_size": 1,
    "request_id": "{REQUEST_ID}",
    "revision": "{REVISION}",
    "start_key": [
        "{START_KEY}"
    ],
    "status": "success"
}
"""
ITEM_ANSWER = """
{
    "auth_token": "{AUTH_TOKEN}",
    "data": {
        "attempts": 0,
        "created": 63626410973,
        "delivered": "undefined",
        "document": {
            "method": "get",
            "url": "http://myserver.com/fax.pdf"
        },
        "fax_timezone": "undefined",
        "from_name": "Test Fax",
        "from_number": "18884732963",
        "id": "{FAX_JOB_ID}",
        "retries": 3,
        "status": "pending",
        "to_name": "To Name",
        "to_number": "18884732963",
        "tx_result": {
            "error_message": "",
            "fax_bad_rows": 0,
            "fax_error_correction": false,
            "fax_receiver_id": "",
            "fax_speed": 0,
            "pages_sent": 0,
            "success": false,
            "time_elapsed": 0
        }
    },
    "request_id": "{REQUEST_ID}",
    "revision": "{REVISION}",
    "status": "success"
}
"""


@dataclass
class MyServer:
    """The document's myserver.com, on loopback: it gives its PDF when it is let."""

    url: str = ""
    given: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"GET /fax.pdf ")
        await self.given.wait()
        pdf = papers.letter(pages=2)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: {len(pdf)}\r\n\r\n"
        writer.write(head.encode() + pdf)
        await writer.drain()
        writer.close()


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reader:
    """Somebody who has the document, a token, and a terminal in a folder with a fax.json and a fax.pdf."""

    house: House
    token: str
    my_server: MyServer
    folder: Path

    async def curl(self, command: str, **ids: str) -> Answer:
        """Run a command of the document. `ids` are what its other placeholders stand for."""
        assert shutil.which("curl"), "These tests run curl: install it (deploy/setup.sh does)."
        words = [self.filled(word, ids) for word in shlex.split(command.replace("\\\n", " "))]
        running = await asyncio.create_subprocess_exec(
            *words, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        body, said = await running.communicate()
        assert running.returncode == 0, said.decode()
        # Not at the beginning of a line: an answer that takes a second comes behind a line of progress.
        *_, status = re.findall(rb"< HTTP/1\.1 ([0-9]{3})", said)
        return Answer(int(status), body)

    def filled(self, text: str, ids: Mapping[str, str] | None = None) -> str:
        known = {"AUTH_TOKEN": self.token, "ACCOUNT_ID": self.house.account.id, **(ids or {})}
        text = text.replace("http://{SERVER}:8000", f"http://{self.house.app.addresses.api}")
        text = text.replace("http://myserver.com", self.my_server.url)
        # The one number of the document is the sender's and the recipient's.
        text = re.sub(r'("from(?:_number)?": ?)"18884732963"', rf'\1"{ALICE}"', text)
        text = re.sub(r'("to(?:_number)?": ?)"18884732963"', rf'\1"{BOB}"', text)
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def alike(self, answer: Any, example: str) -> None:
        """Assert that an answer has all that the document's example has: each key, with its type, and its value where
        that is not for the moment."""
        alike(answer, json.loads(self.filled(example)), "answer")

    async def completed(self, fax_id: str) -> None:
        """Wait until a fax has been sent."""

        async def found() -> bool | None:
            return any(fax.id == fax_id and fax.status is Status.COMPLETED for fax in await self.house.faxes()) or None

        await self.house.until(found, "the fax completed")

    async def received(self, many: int = 1) -> None:
        """Wait until so many faxes have come in."""

        async def found() -> bool | None:
            faxes = await self.house.faxes(Direction.INBOUND)
            return True if [fax.status for fax in faxes].count(Status.RECEIVED) == many else None

        await self.house.until(found, f"{many} received faxes")


def alike(answer: Any, example: Any, where: str) -> None:
    assert type(answer) is type(example), where
    match example:
        case dict():
            assert not example.keys() - answer.keys(), where
            for key, value in example.items():
                alike(answer[key], value, f"{where}.{key}")
        case list():
            assert len(answer) == len(example), where
            for index, value in enumerate(example):
                alike(answer[index], value, f"{where}.{index}")
        case str() if example.startswith("{"):
            assert answer, where
        case _ if where.endswith((".created", ".data.status", ".data.0.status")):
            pass  # when it was, and how far it is
        case _:
            assert answer == example, where


@pytest.fixture(autouse=True)
def fetch_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `house` reads its settings: myserver.com is inside."""
    monkeypatch.setenv("FAXGATE_FETCH_ALLOW", "127.0.0.0/8")


@pytest.fixture
async def my_server() -> AsyncIterator[MyServer]:
    it = MyServer()
    async with await asyncio.start_server(it.answer, "127.0.0.1", 0) as listening:
        it.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield it


@pytest.fixture
async def reader(house: House, my_server: MyServer, tmp_path: Path) -> Reader:
    _, token = await Tokens(house.app.store, house.clock).add(house.account.id, "Reader")
    folder = tmp_path / "terminal"
    folder.mkdir()
    papers.file(folder / "fax.pdf", papers.letter(pages=2))
    asked = {"from_name": "Test Fax", "from_number": ALICE, "to_name": "To Name", "to_number": BOB, "retries": 3}
    (folder / "fax.json").write_text(json.dumps({"data": asked}))
    return Reader(house, token, my_server, folder)


# Sending Outbound Faxes


async def test_sending_outbound_faxes(reader: Reader) -> None:
    # Create an outgoing fax
    put = await reader.curl(CREATE)
    assert put.status == 202
    reader.alike(put.json, PUT_ANSWER)
    job = put.json["data"]["id"]

    # Fetch outgoing faxes and their statuses
    listed = await reader.curl(r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outgoing
    """)
    assert listed.status == 200
    reader.alike(listed.json, LIST_ANSWER)
    assert [fax["id"] for fax in listed.json["data"]] == [job]

    # Fetch details of a queued outgoing fax job
    details = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outgoing/{FAX_JOB_ID}
    """
    item = await reader.curl(details, FAX_JOB_ID=job)
    assert item.status == 200
    reader.alike(item.json, ITEM_ANSWER)
    assert item.json["data"]["status"] in {"pending", "processing"}

    # "You can fetch the status of the created job": to its end.
    reader.my_server.given.set()
    await reader.completed(job)
    sent = (await reader.curl(details, FAX_JOB_ID=job)).json["data"]
    assert (sent["status"], sent["attempts"], sent["tx_result"]["pages_sent"]) == ("completed", 1, 2)
    assert sent["tx_result"]["success"] is True
    assert isinstance(sent["delivered"], int)
    await reader.received()


async def test_sending_outbound_faxes_in_the_second_method_and_by_the_alias(reader: Reader) -> None:
    # In the second method, you can use a single PUT request and send a multipart content-type
    put = await reader.curl(r"""
    curl -v -X PUT \
         -H "Content-Type: multipart/mixed" \
         -F "content=@fax.json; type=application/json" \
         -F "content=@fax.pdf; type=application/pdf" \
         -H 'X-Auth-Token: {AUTH_TOKEN}' \
         http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes
    """)
    assert put.status == 202
    [file] = put.json["data"]["document"]["files"]
    assert (file["name"], file["content_type"]) == ("fax.pdf", "application/pdf")
    await reader.completed(put.json["data"]["id"])
    await reader.received(1)

    # Create an outgoing fax (Alias): the document shows it without a body, of which there is nothing to fax.
    alias = r"""
    curl -v -X PUT \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outgoing
    """
    refused = await reader.curl(alias)
    assert (refused.status, refused.json["status"]) == (400, "error")
    # "This is identical to the PUT /faxes above."
    reader.my_server.given.set()
    put = await reader.curl(CREATE.replace("/faxes", "/faxes/outgoing"))
    assert put.status == 202
    reader.alike(put.json, PUT_ANSWER)
    await reader.completed(put.json["data"]["id"])
    await reader.received(2)


# Managing Past Outbound Faxes


async def test_managing_past_outbound_faxes(reader: Reader, letter: EmailMessage) -> None:
    await reader.house.send(letter, BOB)  # "both API- and SMTP (email) - initiated outbound faxes"
    mailed = (await reader.house.fax(Status.COMPLETED)).id

    # Fetch all previously sent faxes in the outbox folder
    outbox = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox
    """
    listed = await reader.curl(outbox)
    assert listed.status == 200
    reader.alike(listed.json, LIST_ANSWER)
    assert [(fax["id"], fax["status"]) for fax in listed.json["data"]] == [(mailed, "completed")]

    # Fetch a fax from the outbox folder
    fetch = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox/{FAX_ID}
    """
    item = await reader.curl(fetch, FAX_ID=mailed)
    assert (item.status, item.json["data"]["id"], item.json["data"]["to_number"]) == (200, mailed, BOB)
    assert item.json["data"]["tx_result"]["pages_sent"] == 2

    # Resubmit a fax from the outbox folder (the document lacks the backslash of its third line)
    again = await reader.curl(
        r"""
    curl -v -X PUT \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        -d '{"action": "resubmit", "data": {}}'
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox/{FAX_ID}
    """,
        FAX_ID=mailed,
    )
    assert again.status == 202
    resubmitted = again.json["data"]["id"]
    assert resubmitted != mailed
    await reader.completed(resubmitted)
    assert [fax["id"] for fax in (await reader.curl(outbox)).json["data"]] == [resubmitted, mailed]

    # Fetch the fax payload
    fetch_payload = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox/{FAX_ID}/attachment
    """
    for fax_id in (mailed, resubmitted):
        payload = await reader.curl(fetch_payload, FAX_ID=fax_id)
        assert payload.status == 200
        assert payload.body.startswith(b"%PDF-")

    # Fetch logs related to outbound faxes submitted via email
    logs = await reader.curl(r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/smtplog
    """)
    assert logs.status == 200
    [attempt] = logs.json["data"]
    assert (attempt["from"], attempt["to"]) == ("alice@example.com", [f"{BOB}@fax.example.com"])

    # Fetch a specific log related to email
    log = await reader.curl(
        r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/smtplog/{ATTEMPT_ID}
    """,
        ATTEMPT_ID=attempt["id"],
    )
    assert (log.status, log.json["data"]["fax_ids"]) == (200, [mailed])

    # Remove a fax from the outbox folder
    removed = await reader.curl(
        r"""
    curl -v -X DELETE \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox/{FAX_ID}
    """,
        FAX_ID=mailed,
    )
    assert (removed.status, removed.json["status"]) == (200, "success")
    assert (await reader.curl(fetch, FAX_ID=mailed)).status == 404
    assert (await reader.curl(fetch_payload, FAX_ID=mailed)).status == 404

    # Remove the fax payload
    removed = await reader.curl(
        r"""
    curl -v -X DELETE \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/outbox/{FAX_ID}/attachment
    """,
        FAX_ID=resubmitted,
    )
    assert (removed.status, removed.json["status"]) == (200, "success")
    assert (await reader.curl(fetch_payload, FAX_ID=resubmitted)).status == 404
    kept = await reader.curl(fetch, FAX_ID=resubmitted)  # "keep evidence that the fax transmission occurred"
    assert (kept.status, kept.json["data"]["status"]) == (200, "completed")


# Managing Past Inbound Faxes


async def test_managing_past_inbound_faxes(reader: Reader, letter: EmailMessage) -> None:
    for arrived in (1, 2):
        del letter["Message-ID"]
        letter["Message-ID"] = f"<minutes{arrived}@example.com>"
        await reader.house.send(letter, BOB)
        await reader.received(arrived)

    # Fetch all faxes in the inbox folder
    inbox = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/inbox
    """
    listed = await reader.curl(inbox)
    assert (listed.status, listed.json["page_size"]) == (200, 2)
    assert {(fax["from"], fax["to"], fax["status"]) for fax in listed.json["data"]} == {(ALICE, BOB, "received")}
    second, first = (fax["id"] for fax in listed.json["data"])

    # Fetch a fax from the inbox folder
    fetch = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/inbox/{FAX_ID}
    """
    item = await reader.curl(fetch, FAX_ID=first)
    assert (item.status, item.json["data"]["id"], item.json["data"]["pages"]) == (200, first, 2)
    assert item.json["data"]["faxbox_id"] == reader.house.bob.id

    # Fetch the fax payload
    fetch_payload = r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/inbox/{FAX_ID}/attachment
    """
    for fax_id in (first, second):
        payload = await reader.curl(fetch_payload, FAX_ID=fax_id)
        assert payload.status == 200
        assert len(pypdf.PdfReader(io.BytesIO(payload.body)).pages) == 2

    # Remove a fax from the inbox folder
    removed = await reader.curl(
        r"""
    curl -v -X DELETE \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/inbox/{FAX_ID}
    """,
        FAX_ID=first,
    )
    assert (removed.status, removed.json["status"]) == (200, "success")
    assert (await reader.curl(fetch, FAX_ID=first)).status == 404
    assert [fax["id"] for fax in (await reader.curl(inbox)).json["data"]] == [second]

    # Remove the fax payload
    removed = await reader.curl(
        r"""
    curl -v -X DELETE \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/inbox/{FAX_ID}/attachment
    """,
        FAX_ID=second,
    )
    assert (removed.status, removed.json["status"]) == (200, "success")
    assert (await reader.curl(fetch_payload, FAX_ID=second)).status == 404
    kept = await reader.curl(fetch, FAX_ID=second)  # "keep evidence that the fax receipt occurred"
    assert (kept.status, kept.json["data"]["status"]) == (200, "received")


# Receiving Inbound Faxes (which the document says does not work yet)


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_receiving_inbound_faxes(reader: Reader, letter: EmailMessage) -> None:
    await reader.house.send(letter, BOB)

    # Fetch
    async def fetched() -> Answer | None:
        listed = await reader.curl(r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/incoming
    """)
        return listed if listed.json["data"] else None

    listed = await reader.house.until(fetched, "a fax that is being received")
    reader.alike(listed.json, LIST_ANSWER)
    [fax] = listed.json["data"]
    assert fax["status"] == "receiving"

    # Fetch an incoming fax job
    item = await reader.curl(
        r"""
    curl -v -X GET \
        -H "X-Auth-Token: {AUTH_TOKEN}" \
        http://{SERVER}:8000/v2/accounts/{ACCOUNT_ID}/faxes/incoming/{FAX_ID}
    """,
        FAX_ID=fax["id"],
    )
    assert (item.status, item.json["data"]["id"], item.json["data"]["status"]) == (200, fax["id"], "receiving")
    await reader.house.app.hang_up()
