"""The Faxes API as its document tells it: each GET, and what comes back."""

import httpx

from gateway.store import faxes
from gateway.store.engine import Store
from tests.api.house import House, outbound

ENVELOPE = {"data", "status", "request_id", "revision", "auth_token"}
LIST = {*ENVELOPE, "page_size", "start_key"}

PENDING_TX_RESULT = {
    "error_message": "",
    "fax_bad_rows": 0,
    "fax_error_correction": False,
    "fax_receiver_id": "",
    "fax_speed": 0,
    "pages_sent": 0,
    "success": False,
    "time_elapsed": 0,
}
"""As the document shows it."""


async def test_outgoing_lists_what_is_in_progress(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    answer = await client.get(f"{alice.faxes}/outgoing", headers=alice.headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == LIST
    assert (body["status"], body["auth_token"], body["page_size"]) == ("success", alice.token, 2)
    newest_first = sorted((alice.pending.id, alice.processing.id), reverse=True)
    assert [fax["id"] for fax in body["data"]] == newest_first
    assert [key.partition("-")[2] for key in body["start_key"]] == newest_first[:1]
    pending = next(fax for fax in body["data"] if fax["status"] == "pending")
    assert pending == {
        "created": 63626423373,
        "from": "18884732963",
        "id": alice.pending.id,
        "status": "pending",
        "to": "(888) 473-2963",
    }


async def test_a_job_that_waits(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    body = (await client.get(f"{alice.faxes}/outgoing/{alice.pending.id}", headers=alice.headers)).json()
    assert body.keys() == ENVELOPE
    assert body["revision"] == "1"
    data = body["data"]
    tx_result = data.pop("tx_result")
    assert {key: tx_result[key] for key in PENDING_TX_RESULT} == PENDING_TX_RESULT
    assert {key: tx_result[key] for key in tx_result.keys() - PENDING_TX_RESULT.keys()} == {
        "result_code": None,
        "result_text": "",
        "hangup_cause": "",
        "total_pages": 0,
        "fax_t38": False,
        "result_cause": None,
    }
    assert data == {
        "id": alice.pending.id,
        "status": "pending",
        "created": 63626423373,
        "delivered": "undefined",
        "fax_timezone": "Europe/Paris",
        "attempts": 0,
        "retries": 3,
        "from_name": "Test Fax",
        "from_number": "18884732963",
        "to_name": "To Name",
        "to_number": "(888) 473-2963",
        "destination": "+18884732963",
        "faxbox_id": alice.faxbox.id,
        "pages": 0,
        "document": {
            "files": [{"name": "offer.pdf", "content_type": "application/pdf", "bytes": 100}],
            "left_out": [
                {"name": "logo.png", "content_type": "image/png", "bytes": 900, "reason": "a signature image"}
            ],
        },
    }


async def test_a_live_call_shows_how_far_it_is(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    data = (await client.get(f"{alice.faxes}/outgoing/{alice.processing.id}", headers=alice.headers)).json()["data"]
    assert data["status"] == "processing"
    assert data["progress"] == {
        "stage": "page",
        "page": 1,
        "pages": 2,
        "rate": 14400,
        "ecm": True,
        "remote_station_id": "FAR END",
    }
    assert data["tx_result"]["error_message"] == "The line was busy."


async def test_a_fax_that_was_sent_moves_to_the_outbox(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers)).json()
    assert {(fax["id"], fax["status"]) for fax in body["data"]} == {
        (alice.completed.id, "completed"),
        (alice.failed.id, "failed"),
    }
    data = (await client.get(f"{alice.faxes}/outbox/{alice.completed.id}", headers=alice.headers)).json()["data"]
    assert data["delivered"] == 63626423373 + 61
    assert data["tx_result"] == {
        "success": True,
        "error_message": "",
        "pages_sent": 2,
        "fax_speed": 14400,
        "fax_error_correction": True,
        "fax_bad_rows": 3,
        "fax_receiver_id": "FAR END",
        "time_elapsed": 61,
        "result_code": 0,
        "result_text": "OK",
        "hangup_cause": "NORMAL_CLEARING",
        "total_pages": 2,
        "fax_t38": False,
        "result_cause": 16,
    }


async def test_a_fax_that_failed_says_why(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    data = (await client.get(f"{alice.faxes}/outbox/{alice.failed.id}", headers=alice.headers)).json()["data"]
    result = data["tx_result"]
    assert (data["status"], data["delivered"], result["success"]) == ("failed", "undefined", False)
    assert (result["error_message"], result["hangup_cause"]) == ("The line was busy.", "USER_BUSY")
    assert (result["result_code"], result["result_cause"]) == (None, 17)


async def test_outgoing_answers_for_a_job_after_its_end(client: httpx.AsyncClient, house: House) -> None:
    """The document tells clients to ask there for the status of the job that they made."""
    alice = house.alice
    answer = await client.get(f"{alice.faxes}/outgoing/{alice.completed.id}", headers=alice.headers)
    assert answer.json()["data"]["status"] == "completed"


async def test_incoming_while_the_call_runs_then_inbox(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    listed = (await client.get(f"{alice.faxes}/incoming", headers=alice.headers)).json()["data"]
    assert [(fax["id"], fax["status"], fax["from"]) for fax in listed] == [
        (alice.receiving.id, "receiving", "+12025550190")
    ]
    live = (await client.get(f"{alice.faxes}/incoming/{alice.receiving.id}", headers=alice.headers)).json()["data"]
    assert (live["pages"], live["progress"]["remote_station_id"]) == (1, "CALLER")

    listed = (await client.get(f"{alice.faxes}/inbox", headers=alice.headers)).json()["data"]
    assert [fax["id"] for fax in listed] == [alice.received.id]
    stored = (await client.get(f"{alice.faxes}/inbox/{alice.received.id}", headers=alice.headers)).json()["data"]
    assert stored["tx_result"]["success"] is True
    assert stored["tx_result"]["fax_sender_id"] == "FAR END"
    assert "progress" not in stored


async def test_what_is_not_wanted_lies_in_junk_until_it_is_taken_out(client: httpx.AsyncClient, house: House) -> None:
    alice, item = house.alice, f"{house.alice.faxes}/junk/{house.alice.junk.id}"

    async def listed(folder: str) -> list[str]:
        answer = await client.get(f"{alice.faxes}/{folder}", headers=alice.headers)
        return [fax["id"] for fax in answer.json()["data"]]

    assert (await listed("inbox"), await listed("junk")) == ([alice.received.id], [alice.junk.id])
    shown = (await client.get(item, headers=alice.headers)).json()["data"]
    assert (shown["status"], shown["junk"]) == ("received", "The faxbox blocks +12025550190.")
    assert (await client.get(f"{item}/attachment", headers=alice.headers)).status_code == 200
    forward = {"action": "forward", "data": {"to_number": "+12025550190"}}
    for body, status in (({}, 400), ({"action": "junk"}, 400), (forward, 400)):
        assert (await client.put(item, json=body, headers=alice.headers)).status_code == status
    stale = {**alice.headers, "If-Match": '"4711"'}
    assert (await client.put(item, json={"action": "not_junk"}, headers=stale)).status_code == 412
    answer = await client.put(item, json={"action": "not_junk"}, headers=alice.headers)
    assert (answer.status_code, "junk" in answer.json()["data"]) == (200, False)
    assert (set(await listed("inbox")), await listed("junk")) == ({alice.received.id, alice.junk.id}, [])


async def test_a_fax_is_not_found_in_the_wrong_folder(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for folder, fax in (
        ("outbox", alice.pending),
        ("outbox", alice.received),
        ("inbox", alice.completed),
        ("inbox", alice.receiving),
        ("inbox", alice.junk),
        ("junk", alice.received),
        ("junk", alice.receiving),
        ("junk", alice.completed),
        ("incoming", alice.pending),
        ("outgoing", alice.receiving),
    ):
        answer = await client.get(f"{alice.faxes}/{folder}/{fax.id}", headers=alice.headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "not_found"), (folder, fax.status)


async def test_a_list_has_another_revision_when_something_changed(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    alice = house.alice

    async def revision() -> str:
        return str((await client.get(f"{alice.faxes}/outgoing", headers=alice.headers)).json()["revision"])

    before = await revision()
    assert await revision() == before
    async with store.begin() as connection:
        await faxes.change(connection, alice.pending, alice.pending.created_at, pages=7)
    changed = await revision()
    assert changed != before
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [outbound(alice.account.id, alice.faxbox.id)])
    assert await revision() not in {before, changed}


async def test_the_smtplog_of_an_account(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    body = (await client.get(f"{alice.faxes}/smtplog", headers=alice.headers)).json()
    assert body.keys() == LIST
    assert body["data"] == [
        {
            "id": alice.entry.id,
            "status": "accepted",
            "from": "alice@example.com",
            "to": ["8884732963@fax.example.com"],
            "created": 63626423373,
            "reply": "250 2.0.0 queued",
            "errors": [],
        }
    ]
    data = (await client.get(f"{alice.faxes}/smtplog/{alice.entry.id}", headers=alice.headers)).json()["data"]
    assert (data["account_id"], data["faxbox_id"]) == (alice.account.id, alice.faxbox.id)
    assert (data["peer"], data["helo"], data["subject"]) == ("127.0.0.1:51000", "client.example", "An offer")
    assert data["recipients"][0]["number"] == "8884732963"
    assert data["attachments"][0]["name"] == "offer.pdf"
