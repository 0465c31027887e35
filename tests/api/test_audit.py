"""The audit log: all that is done over the API is in it, and nothing takes it out again."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.store import tokens
from gateway.store.engine import Store
from tests.api.house import AS_SUPERUSER, SUPERUSER, House, Tenant


async def id_of(store: Store, token: str) -> str:
    async with store.read() as connection:
        found = await tokens.known(connection, token, datetime.now(UTC))
    assert found
    return found.id


async def entries(client: httpx.AsyncClient, tenant: Tenant, **query: str) -> list[dict[str, Any]]:
    """The oldest first."""
    asked = {"ascending": "true", **query}
    answer = await client.get(f"/v2/accounts/{tenant.account.id}/audit", params=asked, headers=tenant.headers)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def told(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["action"], one["object"], one["object_id"]) for one in found]


async def test_who_administrates_is_in_the_log(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    account = f"/v2/accounts/{alice.account.id}"
    done = []

    async def does(method: str, path: str, data: object = None, *, action: str, kind: str, who: Any = None) -> str:
        answer = await client.request(method, path, json={"data": data}, headers=alice.headers if who is None else who)
        assert answer.status_code in (200, 201), answer.text
        id_ = str(answer.json()["data"]["id"])
        done.append((action, kind, id_))
        return id_

    await does("PATCH", account, {"timezone": "Europe/Berlin"}, action="changed", kind="account")
    box = await does("PUT", f"{account}/faxboxes", {"name": "Front"}, action="added", kind="faxbox")
    await does("PATCH", f"{account}/faxboxes/{box}", {"retries": 1}, action="changed", kind="faxbox")
    await does("POST", f"{account}/faxboxes/{box}/callback_secret", action="changed", kind="faxbox")
    number = "+15551230077"
    await does("PUT", f"{account}/numbers", {"number": number}, action="added", kind="number", who=AS_SUPERUSER)
    await does("PATCH", f"{account}/numbers/{number}", {"faxbox_id": box}, action="changed", kind="number")
    await does("DELETE", f"{account}/numbers/{number}", action="deleted", kind="number", who=AS_SUPERUSER)
    token = await does("PUT", f"{account}/tokens", {"name": "billing"}, action="added", kind="token")
    await does("DELETE", f"{account}/tokens/{token}", action="deleted", kind="token")
    login = {"name": "alice@alice.example"}
    credential = await does("PUT", f"{account}/credentials", login, action="added", kind="credential")
    await does("POST", f"{account}/credentials/{credential}", {}, action="changed", kind="credential")
    await does("DELETE", f"{account}/credentials/{credential}", action="deleted", kind="credential")
    await does("DELETE", f"{account}/faxboxes/{box}", action="deleted", kind="faxbox")
    found = await entries(client, alice)
    assert told(found) == done
    by = {one["actor"] for one in found if one["object"] == "number" and one["action"] != "changed"}
    assert by == {await id_of(store, SUPERUSER)}
    assert {one["actor"] for one in found if one["object"] != "number"} == {await id_of(store, alice.token)}
    assert {one["peer"] for one in found} == {"127.0.0.1"}
    assert found[0]["facts"] == {"fields": ["timezone"]}
    assert "callback_secret" in found[3]["facts"]["fields"]
    assert "whsec_" not in str(found)


async def test_who_reads_a_document_is_in_the_log(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    received = f"{alice.faxes}/inbox/{alice.received.id}/attachment"
    answer = await client.get(received, headers={**alice.headers, "Accept": "application/pdf"})
    assert answer.status_code == 200
    known = {**alice.headers, "Accept": "application/pdf", "If-None-Match": answer.headers["etag"]}
    assert (await client.get(received, headers=known)).status_code == 304
    assert (await client.head(received, headers=alice.headers)).status_code == 200
    assert (await client.get(f"{alice.faxes}/inbox/{'0' * 32}/attachment", headers=alice.headers)).status_code == 404
    [read] = await entries(client, alice)
    assert told([read]) == [("document read", "fax", alice.received.id)]
    assert read["actor"] == await id_of(store, alice.token)
    assert read["facts"] == {"direction": "inbound", "type": "application/pdf"}
    assert await entries(client, house.bob) == []


async def test_whose_key_was_exchanged_is_in_the_log(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    account = f"/v2/accounts/{alice.account.id}"
    made = {"name": "Kazoo", "kind": "key", "scopes": ["admin"]}
    key = (await client.put(f"{account}/tokens", json={"data": made}, headers=alice.headers)).json()["data"]
    token = (await client.put("/v2/api_auth", json={"data": {"api_key": key["api_key"]}})).json()["auth_token"]
    change = {"data": {"timezone": "Europe/Berlin"}}
    assert (await client.patch(account, json=change, headers={"X-Auth-Token": token})).status_code == 200
    [entry] = await entries(client, alice, filter_action="changed")
    assert entry["actor"] == key["id"]  # the token is forgotten when it has expired, the key is not


async def test_what_goes_with_a_faxbox_is_in_the_log(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    account = f"/v2/accounts/{alice.account.id}"
    box = (await client.put(f"{account}/faxboxes", json={"data": {"name": "Lab"}}, headers=alice.headers)).json()[
        "data"
    ]
    login = {"data": {"name": "lab@alice.example", "faxbox_id": box["id"]}}
    made = (await client.put(f"{account}/credentials", json=login, headers=alice.headers)).json()["data"]
    assert (await client.delete(f"{account}/faxboxes/{box['id']}", headers=alice.headers)).status_code == 200
    gone = told(await entries(client, alice, filter_action="deleted"))
    assert sorted(gone) == [("deleted", "credential", made["id"]), ("deleted", "faxbox", box["id"])]


async def test_who_cancels_and_removes_is_in_the_log(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for path in (f"outgoing/{alice.pending.id}", f"outbox/{alice.failed.id}"):
        assert (await client.delete(f"{alice.faxes}/{path}", headers=alice.headers)).status_code == 200
    assert told(await entries(client, alice)) == [
        ("cancelled", "fax", alice.pending.id),
        ("removed", "fax", alice.failed.id),
    ]
    assert told(await entries(client, alice, filter_action="removed")) == [("removed", "fax", alice.failed.id)]


async def test_the_log_of_a_deleted_account_stays(client: httpx.AsyncClient, house: House) -> None:
    made = await client.put("/v2/accounts", json={"data": {"name": "Short"}}, headers=AS_SUPERUSER)
    short = made.json()["data"]["id"]
    assert (await client.delete(f"/v2/accounts/{short}", headers=AS_SUPERUSER)).status_code == 200
    asked = {"filter_account_id": short, "ascending": "true"}
    answer = await client.get("/v2/audit", params=asked, headers=AS_SUPERUSER)
    assert [one["action"] for one in answer.json()["data"]] == ["added", "added", "deleted"]
    assert (await client.get("/v2/audit", headers=house.alice.headers)).status_code == 403


async def test_who_has_a_fax_told_again_is_in_the_log(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    path = f"/v2/accounts/{alice.account.id}/notifications/{alice.notice.id}"
    assert (await client.put(path, json={"action": "resend"}, headers=alice.headers)).status_code == 202
    [entry] = await entries(client, alice)
    assert told([entry]) == [("told again", "fax", alice.failed.id)]
    assert entry["actor"] == await id_of(store, alice.token)
    assert entry["facts"]["recipient"] == alice.notice.recipient


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
async def test_the_api_cannot_change_it(client: httpx.AsyncClient, house: House, method: str) -> None:
    for path in (f"/v2/accounts/{house.alice.account.id}/audit", "/v2/audit"):
        assert (await client.request(method, path, headers=AS_SUPERUSER)).status_code == 405


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_nor_can_the_database(client: httpx.AsyncClient, house: House, store: Store, statement: str) -> None:
    if store.sqlite and statement.startswith("TRUNCATE"):
        return  # SQLite has none
    alice = house.alice
    await client.delete(f"{alice.faxes}/outbox/{alice.failed.id}", headers=alice.headers)
    async with store.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="only added to"):
            await connection.execute(text(statement))
    assert len(await entries(client, alice)) == 1
