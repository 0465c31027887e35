"""Credentials over HTTP: a password is shown once, where it was made here."""

import json
from typing import Any

import httpx
import pytest

from tests.api.house import House
from tests.test_credentials import GIVEN

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def test_over_http(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    path = f"/v2/accounts/{alice.account.id}/credentials"

    async def ask(method: str, at: str = "", **data: Any) -> Any:
        answer = await client.request(method, path + at, json={"data": data}, headers=alice.headers)
        assert answer.status_code < 300, answer.text
        return answer.json()["data"]

    made = await ask("PUT", name="Front Desk".replace(" ", "."), faxbox_id=alice.faxbox.id)
    secret = made.pop("password")
    assert len(secret) == 29
    assert (made["name"], made["faxbox_id"]) == ("front.desk", alice.faxbox.id)
    assert "password" not in await ask("PUT", name="b", password=GIVEN)
    names = [one["name"] for one in await ask("GET")]
    assert sorted(names) == ["b", "front.desk", "scanner@alice.example"]
    assert await ask("GET", f"/{made['id']}") == made
    assert (await ask("POST", f"/{made['id']}"))["password"] != secret
    assert await ask("POST", f"/{made['id']}", password=GIVEN) == made
    assert await ask("DELETE", f"/{made['id']}") == made
    gone = await client.get(f"{path}/{made['id']}", headers=alice.headers)
    assert gone.status_code == 404
    for wrong in ({"name": "b", "password": GIVEN}, {"name": "c", "password": "short"}, {"password": GIVEN}):
        answer = await client.put(path, json={"data": wrong}, headers=alice.headers)
        assert answer.status_code in {400, 409}


@pytest.mark.parametrize("faxbox_id", ["\ud800", "\0", "no id", "f" * 32])
async def test_a_faxbox_that_is_none_is_named(client: httpx.AsyncClient, house: House, faxbox_id: str) -> None:
    body = json.dumps({"data": {"name": "c", "faxbox_id": faxbox_id}})
    path = f"/v2/accounts/{house.alice.account.id}/credentials"
    answer = await client.put(path, content=body, headers=house.alice.headers)
    assert (answer.status_code, [*answer.json()["data"]]) == (400, ["faxbox_id"])
