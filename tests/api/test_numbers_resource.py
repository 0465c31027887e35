"""Numbers over HTTP: assigned by the superuser, bound by the account's admins, answered by one faxbox."""

import asyncio
from typing import Any

import httpx

from gateway.store import accounts
from gateway.store.engine import Store
from tests.api.house import AS_SUPERUSER, House, Tenant

NEW = "+15551239000"


def path(tenant: Tenant, number: str = "") -> str:
    return f"/v2/accounts/{tenant.account.id}/numbers" + (f"/{number}" if number else "")


def data_of(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def answering(store: Store, number: str) -> str | None:
    async with store.read() as connection:
        box = await accounts.faxbox_by_number(connection, number)
    return None if box is None else box.id


async def test_a_number_is_assigned_bound_and_released(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    number = data_of(await client.put(path(alice, NEW), headers=AS_SUPERUSER, json={"data": {}}), 201)
    assert number == {"id": NEW, "number": NEW, "faxbox_id": None}
    assert await answering(store, NEW) is None
    bind = {"data": {"faxbox_id": alice.faxbox.id}}
    for method in ("POST", "PATCH"):
        bound = data_of(await client.request(method, path(alice, NEW), json=bind, headers=alice.headers))
        assert bound == {**number, "faxbox_id": alice.faxbox.id}
        assert await answering(store, NEW) == alice.faxbox.id
        faxbox = await client.get(f"/v2/accounts/{alice.account.id}/faxboxes/{alice.faxbox.id}", headers=alice.headers)
        assert data_of(faxbox)["numbers"] == ["+15551230001", NEW]
        unbound = await client.request(
            method, path(alice, NEW), json={"data": {"faxbox_id": None}}, headers=alice.headers
        )
        assert data_of(unbound) == number
        assert await answering(store, NEW) is None
    assert [one["id"] for one in data_of(await client.get(path(alice), headers=alice.headers))] == ["+15551230001", NEW]
    assert (await client.delete(path(alice, NEW), headers=alice.headers)).status_code == 403
    assert data_of(await client.delete(path(alice, NEW), headers=AS_SUPERUSER)) == number
    assert (await client.get(path(alice, NEW), headers=alice.headers)).status_code == 404


async def test_nobody_calls_under_a_number_that_was_released(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = f"/v2/accounts/{alice.account.id}/faxboxes/{alice.faxbox.id}"
    data_of(await client.put(path(alice, NEW), headers=AS_SUPERUSER, json={"data": {}}), 201)
    data_of(await client.patch(box, json={"data": {"caller_id": NEW}}, headers=alice.headers))
    data_of(await client.delete(path(alice, NEW), headers=AS_SUPERUSER))
    assert data_of(await client.get(box, headers=alice.headers))["caller_id"] == ""
    audit = await client.get(f"/v2/accounts/{alice.account.id}/audit?filter_object=faxbox", headers=alice.headers)
    assert data_of(audit)[0]["facts"] == {"fields": ["caller_id"]}
    assert (await client.patch(box, json={"data": {"caller_id": NEW}}, headers=alice.headers)).status_code == 403


async def test_binding_a_number_is_a_change_of_its_boxes(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = f"/v2/accounts/{alice.account.id}/faxboxes/{alice.faxbox.id}"
    tags = [(await client.get(box, headers=alice.headers)).headers["etag"]]
    for faxbox_id in (None, alice.faxbox.id):
        patch = {"data": {"faxbox_id": faxbox_id}}
        data_of(await client.patch(path(alice, "+15551230001"), json=patch, headers=alice.headers))
        tags.append((await client.get(box, headers=alice.headers)).headers["etag"])
    assert len(set(tags)) == 3


async def test_how_a_number_may_be_written(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for written in ("+15551230001", "%2B15551230001", "15551230001", "555-123-0001", "(555)%20123%200001"):
        assert data_of(await client.get(path(alice, written), headers=alice.headers))["id"] == "+15551230001"
    for written in ("x", "911", "+1", "%00", "+15551230001x", "+15551239999"):
        assert (await client.get(path(alice, written), headers=alice.headers)).status_code == 404, written
    made = await client.put(path(alice), json={"data": {"number": "555 123 9001"}}, headers=AS_SUPERUSER)
    assert data_of(made, 201)["id"] == "+15551239001"


async def test_a_number_has_one_owner(client: httpx.AsyncClient, house: House) -> None:
    for tenant in (house.alice, house.bob):
        answer = await client.put(path(tenant, "+15551230002"), json={"data": {}}, headers=AS_SUPERUSER)
        assert (answer.status_code, answer.json()["message"]) == (409, "conflict")
    assert (await client.get(path(house.alice, "+15551230002"), headers=house.alice.headers)).status_code == 404
    patch = {"data": {"faxbox_id": house.alice.faxbox.id}}
    answer = await client.patch(path(house.alice, "+15551230002"), json=patch, headers=house.alice.headers)
    assert answer.status_code == 404


async def test_of_two_accounts_one_gets_it(client: httpx.AsyncClient, house: House) -> None:
    answers = await asyncio.gather(
        *(client.put(path(one, NEW), json={"data": {}}, headers=AS_SUPERUSER) for one in (house.alice, house.bob) * 2)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_what_cannot_be_used_is_named(client: httpx.AsyncClient, house: House) -> None:
    alice, bob = house.alice, house.bob
    table: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("PUT", path(alice), {}, 400, "number"),
        ("PUT", path(alice), {"number": "x"}, 400, "number"),
        ("PUT", path(alice, "911"), {}, 400, "number"),
        ("PUT", path(alice, NEW), {"faxbox_id": bob.faxbox.id}, 400, "faxbox_id"),
        ("PUT", path(alice, NEW), {"faxbox_id": "x"}, 400, "faxbox_id"),
        ("PUT", path(alice, NEW), {"colour": "red"}, 400, "colour"),
        ("POST", path(alice, "+15551230001"), {"faxbox_id": bob.faxbox.id}, 400, "faxbox_id"),
        ("PATCH", path(alice, "+15551230001"), {"faxbox_id": 7}, 400, "faxbox_id"),
        ("PATCH", path(alice, "+15551230001"), {"number": NEW}, 400, "number"),
    ]
    for method, address, data, status, field in table:
        answer = await client.request(method, address, json={"data": data}, headers=AS_SUPERUSER)
        assert (answer.status_code, list(answer.json()["data"])) == (status, [field]), (address, data)
    assert (await client.get(path(alice, NEW), headers=AS_SUPERUSER)).status_code == 404


async def test_revisions(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    address = path(alice, "+15551230001")
    first = await client.get(address, headers=alice.headers)
    etag = first.headers["etag"]
    assert (await client.get(address, headers={**alice.headers, "If-None-Match": etag})).status_code == 304
    whole = first.json()["data"]
    headers = {**alice.headers, "If-Match": etag}
    unbound = {"data": {**whole, "faxbox_id": None}}
    answers = await asyncio.gather(*(client.post(address, json=unbound, headers=headers) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert (await client.delete(address, headers={**AS_SUPERUSER, "If-Match": etag})).status_code == 412


async def test_a_number_stays_when_its_box_goes(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    boxes = f"/v2/accounts/{alice.account.id}/faxboxes"
    box = data_of(await client.put(boxes, json={"data": {"name": "Short"}}, headers=alice.headers), 201)
    assign = {"data": {"number": NEW, "faxbox_id": box["id"]}}
    assert data_of(await client.put(path(alice), json=assign, headers=AS_SUPERUSER), 201)["faxbox_id"] == box["id"]
    assert await answering(store, NEW) == box["id"]
    assert (await client.delete(f"{boxes}/{box['id']}", headers=alice.headers)).status_code == 200
    assert data_of(await client.get(path(alice, NEW), headers=alice.headers))["faxbox_id"] is None
