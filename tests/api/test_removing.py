"""Removing: what is gone is gone from the database and from the disk, and what remains tells no content."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from sqlalchemy import select

from gateway.errors import NotFound
from gateway.fax import Attempt, Direction, Document, Fax, Status
from gateway.ids import new_id
from gateway.ports import Documents, NewDocument
from gateway.storage import key_for
from gateway.store import attempts, audit, faxes, notices, smtplog, tables, tokens
from gateway.store.engine import Store
from tests.api.house import PDF_BYTES, SUBMITTED, TIFF_BYTES, House, Tenant


async def known(store: Store, fax: Fax) -> Fax | None:
    async with store.read() as connection:
        return await faxes.known(connection, fax.id)


async def on_disk(documents: Documents, *keys: str) -> list[bool]:
    found = []
    for key in keys:
        try:
            await documents.open(key)
            found.append(True)
        except NotFound:
            found.append(False)
    return found


async def sent(store: Store, documents: Documents, tenant: Tenant, /, **changes: object) -> Fax:
    """A fax that has been sent, with documents of its own."""
    kinds = ("application/pdf", "application/pdf", "image/tiff")
    source, pdf, image = (key_for(new_id(), kind, SUBMITTED) for kind in kinds)
    await documents.put([NewDocument(source, b"%PDF-"), NewDocument(pdf, PDF_BYTES), NewDocument(image, TIFF_BYTES)])
    fax = replace(
        tenant.completed,
        id=new_id(),
        submission_id=new_id(),
        documents=(Document(key=source, name="secret.pdf", content_type="application/pdf", bytes=5),),
        pdf_key=pdf,
        image_key=image,
    )
    fax = replace(fax, **changes)  # type: ignore[arg-type]
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
    return fax


def keys(fax: Fax) -> tuple[str, ...]:
    return tuple(faxes.keys_of(fax))


async def test_a_fax_is_removed_with_all_that_was_kept_of_it(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    alice = house.alice
    fax = await sent(store, documents, alice, submission_id=alice.entry.id)
    call = Attempt(
        id=new_id(),
        fax_id=fax.id,
        account_id=fax.account_id,
        faxbox_id=fax.faxbox_id,
        direction=Direction.OUTBOUND,
        number=1,
        line="loopback",
        from_number=fax.from_number,
        to_number=fax.destination,
        started_at=SUBMITTED,
    )
    notice = notices.new(notices.RECEIPT, "alice@example.com", SUBMITTED, account_id=fax.account_id, fax_id=fax.id)
    async with store.begin() as connection:
        await attempts.begin(connection, call)
        await connection.run_sync(notices.add, [notice])

    answer = await client.delete(f"{alice.faxes}/outbox/{fax.id}", headers=alice.headers)
    assert (answer.status_code, answer.json()["data"]["id"]) == (200, fax.id)
    assert await known(store, fax) is None
    assert await on_disk(documents, *keys(fax)) == [False] * 3
    async with store.read() as connection:
        assert await notices.of_fax(connection, fax.id) == []
        assert [one.id for one in await attempts.of_fax(connection, fax.id)] == [call.id]
        entry = await smtplog.find(connection, alice.entry.id, alice.account.id)
        assert (entry.subject, [attachment.name for attachment in entry.attachments]) == ("", [""])
        [remains] = await audit.page(connection, fax.account_id)
        who = await tokens.known(connection, alice.token, datetime.now(UTC))
    assert who is not None
    assert (remains.actor, remains.action, remains.object, remains.object_id) == (who.id, "removed", "fax", fax.id)
    assert remains.facts == {"direction": "outbound", "status": "completed", "pages": 2}
    for path in ("", "/attachment"):
        assert (await client.delete(f"{alice.faxes}/outbox/{fax.id}{path}", headers=alice.headers)).status_code == 404


async def test_the_document_is_removed_and_the_rest_is_kept(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    alice = house.alice
    fax = await sent(store, documents, alice)
    address = f"{alice.faxes}/outbox/{fax.id}"
    answer = await client.delete(f"{address}/attachment", headers=alice.headers)
    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["pages"]) == (200, "completed", 2)
    assert "files" not in data["document"]
    assert data["tx_result"]["pages_sent"] == 2
    assert await on_disk(documents, *keys(fax)) == [False] * 3
    assert (await client.get(f"{address}/attachment", headers=alice.headers)).status_code == 404
    assert (await client.get(address, headers=alice.headers)).status_code == 200
    assert (await client.delete(f"{address}/attachment", headers=alice.headers)).status_code == 404
    async with store.read() as connection:
        assert [entry.action for entry in await audit.page(connection, fax.account_id)] == ["document removed"]


async def test_what_another_fax_still_needs_stays_until_that_one_goes_too(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    """A fax sent again refers to the same pages; a fax of the same mail to the same documents, too."""
    alice = house.alice
    first = await sent(store, documents, alice)
    again = await sent(store, documents, alice, pdf_key=first.pdf_key, image_key=first.image_key, documents=())
    sibling = await sent(store, documents, alice, submission_id=first.submission_id, documents=first.documents)
    await client.delete(f"{alice.faxes}/outbox/{first.id}", headers=alice.headers)
    assert await on_disk(documents, *keys(first)) == [True] * 3
    await client.delete(f"{alice.faxes}/outbox/{sibling.id}", headers=alice.headers)
    assert await on_disk(documents, first.documents[0].key, *keys(again)) == [False, True, True]
    await client.delete(f"{alice.faxes}/outbox/{again.id}/attachment", headers=alice.headers)
    assert await on_disk(documents, *keys(again)) == [False, False]


async def test_faxes_that_share_pages_are_removed_at_once(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    """Neither may find that the other still needs them."""
    alice = house.alice
    first = await sent(store, documents, alice)
    shared = {"pdf_key": first.pdf_key, "image_key": first.image_key, "documents": ()}
    together = [first, *[await sent(store, documents, alice, **shared) for _ in range(5)]]
    answers = await asyncio.gather(
        *(client.delete(f"{alice.faxes}/outbox/{fax.id}", headers=alice.headers) for fax in together)
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    assert await on_disk(documents, *keys(first)) == [False] * 3


async def test_a_fax_in_progress_is_not_removed(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    for folder, fax in (("outbox", alice.pending), ("outbox", alice.processing), ("inbox", alice.receiving)):
        for path in ("", "/attachment"):
            answer = await client.delete(f"{alice.faxes}/{folder}/{fax.id}{path}", headers=alice.headers)
            assert answer.status_code == 409, (folder, path)
        assert await known(store, fax) is not None


async def test_a_document_that_another_fax_is_just_being_made_of_stays(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    alice = house.alice
    fax = await sent(store, documents, alice)
    await sent(
        store,
        documents,
        alice,
        submission_id=fax.submission_id,
        status=Status.ATTACHING_FILES,
        image_key="",
        ended_at=None,
    )
    answer = await client.delete(f"{alice.faxes}/outbox/{fax.id}", headers=alice.headers)
    assert answer.status_code == 409
    assert await on_disk(documents, *keys(fax)) == [True] * 3


async def test_a_received_fax_is_removed(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    alice = house.alice
    address = f"{alice.faxes}/inbox/{alice.received.id}"
    stale = {**alice.headers, "If-Match": '"4711"'}
    assert (await client.delete(address, headers=stale)).status_code == 412
    current = {**alice.headers, "If-Match": f'"{alice.received.revision}"'}
    assert (await client.delete(address, headers=current)).status_code == 200
    assert await known(store, alice.received) is None


async def test_an_unwanted_fax_is_removed_from_junk(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    assert (await client.delete(f"{alice.faxes}/inbox/{alice.junk.id}", headers=alice.headers)).status_code == 404
    assert (await client.delete(f"{alice.faxes}/junk/{alice.received.id}", headers=alice.headers)).status_code == 404
    assert (await client.delete(f"{alice.faxes}/junk/{alice.junk.id}", headers=alice.headers)).status_code == 200
    assert await known(store, alice.junk) is None
    assert await known(store, alice.received) is not None


@pytest.mark.parametrize("folder", ["outbox", "inbox"])
async def test_nobody_elses_faxes_are_removed(
    client: httpx.AsyncClient, house: House, store: Store, folder: str
) -> None:
    alice, bob = house.alice, house.bob
    theirs = bob.completed if folder == "outbox" else bob.received
    mine = alice.received if folder == "outbox" else alice.completed
    for fax in (theirs, mine):  # of another account; of the other folder
        for path in ("", "/attachment"):
            delete = partial(client.delete, headers=alice.headers)
            assert (await delete(f"{alice.faxes}/{folder}/{fax.id}{path}")).status_code == 404
        assert await known(store, fax) is not None
    assert (await client.delete(f"{bob.faxes}/{folder}/{theirs.id}", headers=alice.headers)).status_code == 403
    async with store.read() as connection:
        assert (await connection.execute(select(tables.audit))).all() == []
