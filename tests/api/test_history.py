"""The story of a fax over HTTP, and on the command line."""

from dataclasses import replace
from datetime import timedelta

import httpx

from gateway.fax import Attempt, Direction, Status
from gateway.ids import new_id
from gateway.store import attempts, faxes, notices, smtplog
from gateway.store.engine import Store
from tests.api.house import BUSY, DELIVERED, SUBMITTED, House, ended, mail, outbound


async def test_a_fax_from_its_mail_to_its_receipt(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    entry = mail(alice.account.id, alice.faxbox.id)
    sent = replace(outbound(alice.account.id, alice.faxbox.id), submission_id=entry.id)
    fax = ended(sent, Status.COMPLETED, DELIVERED)
    call = Attempt(
        id=new_id(),
        fax_id=fax.id,
        account_id=fax.account_id,
        faxbox_id=fax.faxbox_id,
        direction=Direction.OUTBOUND,
        number=1,
        line="trunk",
        from_number="+15551230001",
        to_number=fax.destination,
        started_at=SUBMITTED + timedelta(seconds=20),
        result=replace(DELIVERED, seconds=40),
        outcome="completed",
    )
    receipt = notices.new("receipt", "alice@example.com", SUBMITTED + timedelta(seconds=62), fax_id=fax.id)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
        await connection.run_sync(smtplog.add, [entry])
        await attempts.begin(connection, call)
        await connection.run_sync(notices.add, [receipt])
    answer = await client.get(f"{alice.faxes}/outbox/{fax.id}/history", headers=alice.headers)
    story = answer.json()["data"]
    kinds = [moment["kind"] for moment in story]
    assert kinds == ["mail", "submitted", "document", "left_out", "call", "end", "notice"]
    assert story[0]["facts"]["smtplog_id"] == entry.id
    assert story[0]["at"] == "2016-03-28T22:29:33Z"
    assert story[4]["words"].startswith("Call 1 to +1 888-473-2963 on line trunk: The fax was delivered.")
    assert story[-1]["words"] == "The receipt to alice@example.com waits to be sent."


async def test_every_folder_has_it_and_no_other_account(client: httpx.AsyncClient, house: House) -> None:
    alice, bob = house.alice, house.bob
    for folder, fax in (
        ("outgoing", alice.pending),
        ("outbox", alice.failed),
        ("incoming", alice.receiving),
        ("inbox", alice.received),
    ):
        path = f"{folder}/{fax.id}/history"
        assert (await client.get(f"{alice.faxes}/{path}", headers=alice.headers)).status_code == 200
        assert (await client.get(f"{bob.faxes}/{path}", headers=bob.headers)).status_code == 404
        assert (await client.get(f"{alice.faxes}/{path}", headers=bob.headers)).status_code == 403


async def test_another_accounts_mail_is_not_part_of_it(client: httpx.AsyncClient, house: House, store: Store) -> None:
    """A submission of several accounts' faxes: each is told its own mail alone."""
    alice, bob = house.alice, house.bob
    fax = replace(outbound(bob.account.id, bob.faxbox.id), submission_id=alice.entry.id, result=BUSY)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
    answer = await client.get(f"{bob.faxes}/outgoing/{fax.id}/history", headers=bob.headers)
    assert "mail" not in [moment["kind"] for moment in answer.json()["data"]]
