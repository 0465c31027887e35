"""Lists page by page: everything once, in order, also while faxes are added."""

import json
from dataclasses import replace

import httpx

from admin_api.paging import DEFAULT, MOST
from gateway.fax import Fax
from gateway.ids import new_id
from gateway.smtplog import SmtplogEntry
from gateway.store import faxes, smtplog
from gateway.store.engine import Store
from tests.api.house import AS_SUPERUSER, SUBMITTED, House, Tenant, outbound


async def queue(store: Store, tenant: Tenant, count: int) -> list[Fax]:
    made = [outbound(tenant.account.id, tenant.faxbox.id) for _ in range(count)]
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, made)
    return made


async def test_every_fax_is_listed_once_newest_first_while_faxes_are_added(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    alice = house.alice
    there = [alice.pending, alice.processing, *await queue(store, alice, 5)]
    expected = sorted((fax.id for fax in there), reverse=True)
    seen: list[str] = []
    query: dict[str, str | int] = {"page_size": 3}
    while True:
        body = (await client.get(f"{alice.faxes}/outgoing", headers=alice.headers, params=query)).json()
        seen += [fax["id"] for fax in body["data"]]
        assert body["page_size"] == len(body["data"]) <= 3
        assert body["start_key"][0].endswith(body["data"][0]["id"])
        if "next_start_key" not in body:
            break
        query["start_key"] = body["next_start_key"][0]
        await queue(store, alice, 2)
    assert seen == expected


async def test_a_page_can_be_asked_for_again_by_its_start_key(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    first = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params={"page_size": 1})).json()
    for key in (first["start_key"][0], json.dumps(first["start_key"])):
        query = {"page_size": 1, "start_key": key}
        again = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params=query)).json()
        assert again["data"] == first["data"]
        assert again["next_start_key"] == first["next_start_key"]


async def test_a_page_is_full_and_the_last(client: httpx.AsyncClient, house: House) -> None:
    """Exactly as many as fit: no next page is promised."""
    alice = house.alice
    body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params={"page_size": 2})).json()
    assert body["page_size"] == 2
    assert "next_start_key" not in body


async def test_an_empty_list(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    query = {"start_key": "0-" + "0" * 32}
    body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params=query)).json()
    assert (body["data"], body["page_size"], body["start_key"]) == ([], 0, ["0-" + "0" * 32])


async def test_pages_have_a_default_size_and_a_largest(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    await queue(store, alice, MOST + 5)
    for query, size in (({}, DEFAULT), ({"page_size": MOST}, MOST)):
        body = (await client.get(f"{alice.faxes}/outgoing", headers=alice.headers, params=query)).json()
        assert body["page_size"] == size


async def test_the_smtplog_pages_alike(client: httpx.AsyncClient, house: House, store: Store) -> None:
    made = [SmtplogEntry(id=new_id(), received_at=SUBMITTED, account_id=house.alice.account.id) for _ in range(4)]
    unowned = [replace(entry, id=new_id(), account_id=None) for entry in made]
    async with store.begin() as connection:
        await connection.run_sync(smtplog.add, [*made, *unowned])
    for path, headers, entries in (
        (f"{house.alice.faxes}/smtplog", house.alice.headers, [house.alice.entry, *made]),
        ("/v2/smtplog", AS_SUPERUSER, [house.unowned, *unowned]),
    ):
        seen: list[str] = []
        query: dict[str, str | int] = {"page_size": 2}
        while len(seen) < 10:
            body = (await client.get(path, headers=headers, params=query)).json()
            seen += [entry["id"] for entry in body["data"]]
            if "next_start_key" not in body:
                break
            query["start_key"] = body["next_start_key"][0]
        assert seen == sorted((entry.id for entry in entries), reverse=True)


async def test_what_is_no_page_is_refused_by_its_name(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    sizes = [("page_size", value) for value in ("0", "201", "-1", "many", "", "1.5", "٣", "9" * 5000)]
    keys = [
        ("start_key", value)
        for value in ("x", "0" * 32, "1-" + "F" * 32, "9" * 18 + "-" + "0" * 32, "\0", "' OR 1=1", "[]", "")
    ]
    for field, value in sizes + keys:
        answer = await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params={field: value})
        assert answer.status_code == 400, (field, value)
        body = answer.json()
        assert (body["status"], body["error"], body["message"]) == ("error", "400", "invalid")
        assert body["data"].keys() == {field}
        [problem] = body["data"][field].values()
        assert problem["message"]
