"""What was told to whom, as the API shows it, and telling it again."""

from typing import Any

import httpx

from tests.api.house import House, Tenant


def path(tenant: Tenant, item: str = "") -> str:
    return f"/v2/accounts/{tenant.account.id}/notifications{item}"


async def get(client: httpx.AsyncClient, tenant: Tenant, item: str = "") -> Any:
    answer = await client.get(path(tenant, item), headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_list_and_an_item(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    [listed] = await get(client, alice)
    assert listed | {"created": 0} == {
        "id": alice.notice.id,
        "created": 0,
        "fax_id": alice.failed.id,
        "kind": "failure",
        "way": "email",
        "recipient": "clerk@alice.example",
        "state": "failed",
        "attempts": 1,
        "answer": "550 no such user",
    }
    assert await get(client, alice, f"/{alice.notice.id}") == {**listed, "due": "", "tries": []}
    assert await get(client, alice, f"?filter_fax_id={alice.failed.id}&filter_state=failed&filter_way=email") == [
        listed
    ]
    assert await get(client, alice, f"?filter_fax_id={alice.completed.id}") == []
    assert await get(client, alice, "?filter_way=sms") == []


async def test_one_is_told_again_once_it_has_ended(client: httpx.AsyncClient, house: House) -> None:
    alice, again = house.alice, {"action": "resend"}
    item = path(alice, f"/{alice.notice.id}")
    answer = await client.put(item, headers=alice.headers, json=again)
    assert (answer.status_code, answer.json()["data"]["state"]) == (202, "pending")
    assert answer.json()["data"]["due"]
    assert (await client.put(item, headers=alice.headers, json=again)).status_code == 409
    assert (await client.put(item, headers=alice.headers, json={"action": "forget"})).status_code == 400


async def test_another_accounts_are_not_there(client: httpx.AsyncClient, house: House) -> None:
    theirs = path(house.alice, f"/{house.bob.notice.id}")
    assert (await client.get(theirs, headers=house.alice.headers)).status_code == 404
    assert (await client.put(theirs, headers=house.alice.headers, json={"action": "resend"})).status_code == 404
