"""Accounts over HTTP: who sees, makes, changes and deletes which."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.ids import new_id
from gateway.ports import Documents
from gateway.store import faxes, tokens
from gateway.store.engine import Store
from tests.api.house import AS_SUPERUSER, SUBMITTED, House, tenant

ACCOUNTS = "/v2/accounts"


def made(answer: httpx.Response, status: int = 201) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "success"
    return answer.json()["data"]


async def make(client: httpx.AsyncClient, headers: dict[str, str] = AS_SUPERUSER, **fields: object) -> Any:
    return made(await client.put(ACCOUNTS, json={"data": fields}, headers=headers))


async def test_the_superuser_makes_an_account_that_works_at_once(client: httpx.AsyncClient, house: House) -> None:
    account = await make(client, name="Carol", domains=["Fax.Carol.Example"], country="de", timezone="Europe/Berlin")
    assert account["domains"] == ["fax.carol.example"]
    assert (account["country"], account["max_calls"], account["parent_id"]) == ("DE", 4, None)
    own = {"X-Auth-Token": account.pop("auth_token")}
    answer = await client.get(f"{ACCOUNTS}/{account['id']}", headers=own)
    assert made(answer, 200) == account
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'


async def test_who_sees_which_accounts(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    child = await tenant(store, documents, "child", "+15551230003", parent=house.alice.account.id)
    async with store.begin() as connection:
        await tokens.add(connection, "reads-only", house.alice.account.id, ["read"], SUBMITTED)
    alice, bob, below = house.alice.account.id, house.bob.account.id, child.account.id
    table: list[tuple[dict[str, str], set[str]]] = [
        (AS_SUPERUSER, {alice, bob, below}),
        (house.alice.headers, {alice, below}),
        ({"X-Auth-Token": "reads-only"}, {alice}),
        (house.bob.headers, {bob}),
        (child.headers, {below}),
    ]
    for headers, seen in table:
        listed = made(await client.get(ACCOUNTS, headers=headers), 200)
        assert {account["id"] for account in listed} == seen
        for account_id in (alice, bob, below):
            answer = await client.get(f"{ACCOUNTS}/{account_id}", headers=headers)
            assert answer.status_code == (200 if account_id in seen else 403)


async def test_accounts_come_in_pages(client: httpx.AsyncClient, house: House) -> None:
    for number in range(3):
        await make(client, name=f"one of them {number}")
    ids: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(5):
        body = (await client.get(ACCOUNTS, params={"page_size": 1, **start}, headers=AS_SUPERUSER)).json()
        ids += [account["id"] for account in body["data"]]
        start = {"start_key": body.get("next_start_key", [""])[0]}
    assert len(set(ids)) == 5
    assert not start["start_key"]


async def test_a_put_on_a_parent_makes_a_child_that_its_admins_act_for(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    by_address = made(
        await client.put(f"{ACCOUNTS}/{alice.account.id}", json={"data": {"name": "branch"}}, headers=alice.headers)
    )
    by_token = await make(client, alice.headers, name="shop")
    for child in (by_address, by_token):
        assert child["parent_id"] == alice.account.id
        assert child["max_calls"] == alice.account.max_calls
        item = f"{ACCOUNTS}/{child['id']}"
        assert (await client.patch(item, json={"data": {"name": "n"}}, headers=alice.headers)).status_code == 200
        assert (await client.get(item, headers=house.bob.headers)).status_code == 403
        assert (await client.delete(item, headers={"X-Auth-Token": child["auth_token"]})).status_code == 403
        assert (await client.delete(item, headers=alice.headers)).status_code == 200
        assert (await client.get(item, headers=AS_SUPERUSER)).status_code == 404


async def test_domains_calls_and_parents_are_the_superusers(client: httpx.AsyncClient, house: House) -> None:
    alice, bob = house.alice, house.bob
    item = f"{ACCOUNTS}/{alice.account.id}"
    fields: list[dict[str, Any]] = [
        {"domains": ["new.example"]},
        {"domains": None},
        {"max_calls": 100},
        {"parent_id": bob.account.id},
    ]
    for data in fields:
        answer = await client.patch(item, json={"data": data}, headers=alice.headers)
        assert (answer.status_code, answer.json()["message"]) == (403, "not_permitted"), data
    for name, value in (("domains", ["x.example"]), ("max_calls", 9)):
        answer = await client.put(item, json={"data": {"name": "c", name: value}}, headers=alice.headers)
        assert answer.status_code == 403
    # A whole POST of what was read, or without these, changes nothing of them.
    whole = made(await client.get(item, headers=alice.headers), 200)
    for data in (whole, {"name": whole["name"]}):
        assert made(await client.post(item, json={"data": data}, headers=alice.headers), 200) == whole
    for data in fields[:1] + fields[2:]:
        answer = await client.patch(item, json={"data": data}, headers=AS_SUPERUSER)
        assert made(answer, 200).items() >= data.items()


async def test_whose_faxes_are_junk_is_an_accounts_own_to_say(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    item = f"{ACCOUNTS}/{alice.account.id}"
    data = {"blocked_callers": ["(202) 555-0190", "+44 20*"], "allowed_callers": ["*"]}
    changed = made(await client.patch(item, json={"data": data}, headers=alice.headers), 200)
    assert (changed["blocked_callers"], changed["allowed_callers"]) == (["+12025550190", "+4420*"], ["*"])
    child = {"name": "child", "blocked_callers": ["anonymous"]}
    assert made(await client.put(item, json={"data": child}, headers=alice.headers))["blocked_callers"] == ["anonymous"]
    answer = await client.post(item, json={"data": {"name": "alice"}}, headers=alice.headers)
    assert (made(answer, 200)["blocked_callers"], made(answer, 200)["allowed_callers"]) == ([], [])


async def test_post_replaces_and_patch_merges(client: httpx.AsyncClient, house: House) -> None:
    account = await make(client, name="Carol", domains=["c.example"], timezone="Europe/Paris", max_calls=9)
    item = f"{ACCOUNTS}/{account['id']}"
    patched = made(await client.patch(item, json={"data": {"country": "fr"}}, headers=AS_SUPERUSER), 200)
    assert (patched["country"], patched["timezone"], patched["domains"]) == ("FR", "Europe/Paris", ["c.example"])
    assert patched["language"] == "en"
    german = made(await client.patch(item, json={"data": {"language": "de"}}, headers=AS_SUPERUSER), 200)
    assert german == {**patched, "language": "de"}
    cleared = made(await client.patch(item, json={"data": {"timezone": None}}, headers=AS_SUPERUSER), 200)
    assert (cleared["timezone"], cleared["max_calls"]) == ("UTC", 9)
    replaced = made(await client.post(item, json={"data": {"name": "C", "domains": []}}, headers=AS_SUPERUSER), 200)
    assert (replaced["name"], replaced["domains"], replaced["country"], replaced["max_calls"]) == ("C", [], "US", 4)


BAD: list[tuple[object, str]] = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "\n"}, "name"),
    ({"name": "x" * 129}, "name"),
    ({"name": 7}, "name"),
    ({"name": "x", "realm": "y"}, "realm"),
    ({"name": "x", "domains": "a.example"}, "domains"),
    ({"name": "x", "domains": ["no domain"]}, "domains"),
    ({"name": "x", "country": "XX"}, "country"),
    ({"name": "x", "timezone": "Mars/Olympus"}, "timezone"),
    ({"name": "x", "language": "xx"}, "language"),
    ({"name": "x", "language": "../de"}, "language"),
    ({"name": "x", "max_calls": 0}, "max_calls"),
    ({"name": "x", "blocked_callers": ["+4420"]}, "blocked_callers"),
    ({"name": "x", "allowed_callers": "*"}, "allowed_callers"),
    ({"name": "x", "max_calls": "4"}, "max_calls"),
    ({"name": "x", "parent_id": "0" * 32}, "parent_id"),
    ({"name": "x", "id": "0" * 32}, "id"),
    ([], "data"),
    ("x", "data"),
]


@pytest.mark.parametrize(("data", "field"), BAD)
async def test_what_cannot_be_used_is_named(client: httpx.AsyncClient, house: House, data: object, field: str) -> None:
    answer = await client.put(ACCOUNTS, json={"data": data}, headers=AS_SUPERUSER)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["data"]


async def test_a_domain_has_one_owner(client: httpx.AsyncClient, house: House) -> None:
    for data in ({"name": "x", "domains": ["bob.example"]}, {"name": "y", "domains": ["new.example", "BOB.example"]}):
        answer = await client.put(ACCOUNTS, json={"data": data}, headers=AS_SUPERUSER)
        assert (answer.status_code, answer.json()["message"]) == (409, "conflict")
    item = f"{ACCOUNTS}/{house.alice.account.id}"
    data = {"domains": ["alice.example", "bob.example"]}
    assert (await client.patch(item, json={"data": data}, headers=AS_SUPERUSER)).status_code == 409
    # Nothing of a refused change is left.
    assert made(await client.get(item, headers=AS_SUPERUSER), 200)["domains"] == ["alice.example"]
    assert (await make(client, name="z", domains=["new.example"]))["domains"] == ["new.example"]


async def test_an_account_is_never_below_itself(client: httpx.AsyncClient, house: House) -> None:
    parent = await make(client, name="parent")
    child = await make(client, name="child", parent_id=parent["id"])
    for one, above in ((parent, parent), (parent, child)):
        answer = await client.patch(
            f"{ACCOUNTS}/{one['id']}", json={"data": {"parent_id": above["id"]}}, headers=AS_SUPERUSER
        )
        assert answer.status_code == 400
        assert "parent_id" in answer.json()["data"]


async def test_revisions(client: httpx.AsyncClient, house: House) -> None:
    item = f"{ACCOUNTS}/{house.alice.account.id}"
    first = (await client.get(item, headers=AS_SUPERUSER)).headers["etag"]
    seen = {**AS_SUPERUSER, "If-None-Match": first}
    answer = await client.get(item, headers=seen)
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", first)
    table = [(None, 200), (first, 412), ("*", 200), ('"nonsense"', 412)]
    for given, status in table:
        headers = AS_SUPERUSER if given is None else {**AS_SUPERUSER, "If-Match": given}
        answer = await client.patch(item, json={"data": {"name": f"after {given}"}}, headers=headers)
        assert answer.status_code == status, given
    assert (await client.get(item, headers=seen)).status_code == 200
    stale = {**AS_SUPERUSER, "If-Match": first}
    assert (await client.delete(item, headers=stale)).status_code == 412


async def test_of_two_changes_from_one_revision_one_wins(client: httpx.AsyncClient, house: House) -> None:
    item = f"{ACCOUNTS}/{house.alice.account.id}"
    for _ in range(5):
        etag = (await client.get(item, headers=AS_SUPERUSER)).headers["etag"]
        headers = {**AS_SUPERUSER, "If-Match": etag}
        answers = await asyncio.gather(
            *(client.post(item, json={"data": {"name": f"number {one}"}}, headers=headers) for one in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert made(await client.get(item, headers=AS_SUPERUSER), 200) == winner.json()["data"]


async def test_an_account_goes_when_nothing_of_it_is_in_progress(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    item = f"{ACCOUNTS}/{house.alice.account.id}"
    answer = await client.delete(item, headers=AS_SUPERUSER)
    assert (answer.status_code, answer.json()["message"]) == (409, "conflict")
    parent = await make(client, name="parent")
    child = await make(client, name="child", parent_id=parent["id"], domains=["child.example"])
    assert (await client.delete(f"{ACCOUNTS}/{parent['id']}", headers=AS_SUPERUSER)).status_code == 409
    for gone in (child, parent):
        assert (await client.delete(f"{ACCOUNTS}/{gone['id']}", headers=AS_SUPERUSER)).status_code == 200
        own = {"X-Auth-Token": gone["auth_token"]}
        assert (await client.get(f"{ACCOUNTS}/{gone['id']}", headers=own)).status_code == 401
    # Its domain is free again.
    await make(client, name="heir", domains=["child.example"])


async def test_faxes_that_have_ended_outlive_their_account(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    account = await make(client, name="short-lived")
    fax = house.alice.completed
    kept = replace(fax, id=new_id(), account_id=account["id"], faxbox_id=None)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [kept])
    assert (await client.delete(f"{ACCOUNTS}/{account['id']}", headers=AS_SUPERUSER)).status_code == 200
    async with store.read() as connection:
        assert (await faxes.find(connection, kept.id)).status == kept.status


async def test_reading_needs_read_and_changing_admin(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice.account.id
    item = f"{ACCOUNTS}/{alice}"
    async with store.begin() as connection:
        for scope in ("read", "send", "admin"):
            await tokens.add(connection, f"{scope}s", alice, [scope], SUBMITTED)
    for token, reading, changing in (("reads", 200, 403), ("sends", 403, 403), ("admins", 403, 200)):
        headers = {"X-Auth-Token": token}
        for path in (ACCOUNTS, item, f"{item}/faxboxes", f"{item}/numbers"):
            assert (await client.get(path, headers=headers)).status_code == reading, (token, path)
        answer = await client.patch(item, json={"data": {"name": "changed"}}, headers=headers)
        assert answer.status_code == changing
