"""Tokens and keys over HTTP: shown once, listed without themselves, exchanged, expiring, revoked; guesses slowed."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from admin_api.app import api
from admin_api.representation import gregorian
from admin_api.server import Server
from admin_api.throttle import FREE, MOST_GUESSES, MOST_PEERS, MOST_SECONDS, Throttle, TooManyTries
from gateway.ports import Documents
from gateway.store import tables
from gateway.store.engine import Store
from gateway.store.wake import Wake
from gateway.tokens import Tokens
from tests.api.house import AS_SUPERUSER, House, Tenant
from tests.conftest import MovedClock

API_AUTH = "/v2/api_auth"


@pytest.fixture
async def client(store: Store, documents: Documents, wake: Wake, clock: MovedClock) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose clock the test moves."""
    server = Server(api(store, documents, clock, wake=wake))
    await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", verify=False) as connected:
        yield connected
    await server.stop()


def path(tenant: Tenant, token_id: str = "") -> str:
    return f"/v2/accounts/{tenant.account.id}/tokens" + (f"/{token_id}" if token_id else "")


def data_of(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def make(client: httpx.AsyncClient, tenant: Tenant, **fields: object) -> Any:
    return data_of(await client.put(path(tenant), json={"data": fields}, headers=tenant.headers), 201)


async def reads(client: httpx.AsyncClient, tenant: Tenant, token: str) -> int:
    return (await client.get(f"{tenant.faxes}/outbox", headers={"X-Auth-Token": token})).status_code


async def exchange(client: httpx.AsyncClient, key: object) -> httpx.Response:
    return await client.put(API_AUTH, json={"data": {"api_key": key}})


async def test_a_token_is_shown_once_and_revoked(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    made = await make(client, alice, name="billing", scopes=["read"])
    token = made.pop("auth_token")
    assert (made["name"], made["kind"], made["scopes"], made["expires"]) == ("billing", "token", ["read"], None)
    assert await reads(client, alice, token) == 200
    listed = await client.get(path(alice), headers=alice.headers)
    assert data_of(listed)[0] == made
    assert data_of(await client.get(path(alice, made["id"]), headers=alice.headers)) == made
    assert token not in listed.text
    async with store.read() as connection:
        stored = (await connection.execute(select(tables.token))).all()
    assert token not in repr(stored)
    assert data_of(await client.delete(path(alice, made["id"]), headers=alice.headers)) == made
    assert await reads(client, alice, token) == 401
    assert (await client.delete(path(alice, made["id"]), headers=alice.headers)).status_code == 404


async def test_only_admins_see_and_make_tokens(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    made = await make(client, alice)
    assert made["scopes"] == ["read", "send"]
    headers = {"X-Auth-Token": made["auth_token"]}
    for method, address in (("GET", path(alice)), ("PUT", path(alice)), ("DELETE", path(alice, made["id"]))):
        assert (await client.request(method, address, json={"data": {}}, headers=headers)).status_code == 403
    for address in (path(house.bob, made["id"]), path(alice, made["id"])):
        assert (await client.delete(address, headers=house.bob.headers)).status_code in (403, 404)
    assert await reads(client, alice, made["auth_token"]) == 200


async def test_a_token_expires_if_so_set(client: httpx.AsyncClient, house: House, clock: MovedClock) -> None:
    alice = house.alice
    ends = clock.now() + timedelta(hours=2)
    for expires in (gregorian(ends), ends.isoformat()):
        made = await make(client, alice, expires=expires)
        assert made["expires"] == gregorian(ends)
        assert await reads(client, alice, made["auth_token"]) == 200
    clock.advance(timedelta(hours=2))
    assert await reads(client, alice, made["auth_token"]) == 401


BAD: list[tuple[dict[str, Any], str]] = [
    ({"scopes": []}, "scopes"),
    ({"scopes": ["all"]}, "scopes.0"),
    ({"scopes": "read"}, "scopes"),
    ({"kind": "cookie"}, "kind"),
    ({"name": "a\nb"}, "name"),
    ({"expires": 1}, "expires"),
    ({"expires": "tomorrow"}, "expires"),
    ({"expires": -1}, "expires"),
    ({"expires": 10**30}, "expires"),
    ({"expires": True}, "expires"),
    ({"auth_token": "mine"}, "auth_token"),
]


async def test_what_cannot_be_used_is_named(client: httpx.AsyncClient, house: House) -> None:
    for data, field in BAD:
        answer = await client.put(path(house.alice), json={"data": data}, headers=house.alice.headers)
        assert (answer.status_code, list(answer.json()["data"])) == (400, [field]), data


async def test_a_key_is_good_for_being_exchanged_alone(
    client: httpx.AsyncClient, house: House, store: Store, clock: MovedClock
) -> None:
    alice = house.alice
    key = (made := await make(client, alice, kind="key", name="Kazoo client", scopes=["read"]))["api_key"]
    assert "auth_token" not in made
    assert await reads(client, alice, key) == 401
    answer = await exchange(client, key)
    assert data_of(answer, 201) == {
        "account_id": alice.account.id,
        "account_name": "alice",
        "scopes": ["read"],
        "expires": data_of(answer, 201)["expires"],
    }
    token = answer.json()["auth_token"]
    assert await reads(client, alice, token) == 200
    # A token is no key.
    for no_key in (token, alice.token, "guessed"):
        assert (await exchange(client, no_key)).status_code == 401
    # What was exchanged is not listed, ends after an hour, and is forgotten then.
    assert len(data_of(await client.get(path(alice), headers=alice.headers))) == 2
    clock.advance(timedelta(hours=1))
    assert await reads(client, alice, token) == 401
    second = (await exchange(client, key)).json()["auth_token"]
    async with store.read() as connection:
        exchanged = (await connection.execute(select(tables.token).where(tables.token.c.key_id.is_not(None)))).all()
    assert len(exchanged) == 1
    # It ends with its key.
    assert await reads(client, alice, second) == 200
    assert (await client.delete(path(alice, made["id"]), headers=alice.headers)).status_code == 200
    assert await reads(client, alice, second) == 401
    assert (await exchange(client, key)).status_code == 401


async def test_what_a_key_gives_does_not_outlive_it(client: httpx.AsyncClient, house: House, clock: MovedClock) -> None:
    ends = gregorian(clock.now() + timedelta(minutes=5))
    key = (await make(client, house.alice, kind="key", expires=ends))["api_key"]
    assert data_of(await exchange(client, key), 201)["expires"] == ends
    clock.advance(timedelta(minutes=5))
    assert (await exchange(client, key)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"data":7}', b'{"data":{}}', b'{"data":{"api_key":7}}'])
async def test_a_bad_exchange_is_a_bad_request(client: httpx.AsyncClient, house: House, body: bytes) -> None:
    assert (await client.put(API_AUTH, content=body)).status_code == 400


@pytest.mark.parametrize("way", ["token", "key"])
async def test_guesses_are_slowed_down(
    client: httpx.AsyncClient, house: House, clock: MovedClock, wake: Wake, store: Store, way: str
) -> None:
    alice = house.alice

    async def guess(number: int) -> httpx.Response:
        if way == "key":
            return await exchange(client, f"guess {number}")
        return await client.get("/v2/accounts", headers={"X-Auth-Token": f"guess {number}"})

    assert await reads(client, alice, alice.token) == 200
    assert [(await guess(number)).status_code for number in range(FREE + 2)] == [401] * (FREE + 1) + [429]
    answer = await guess(99)
    assert (answer.headers["retry-after"], answer.json()["message"]) == ("1", "too_many_requests")
    # A token that is known to be good works on, from the same address; and its success ends the slowing down.
    _, unseen = await Tokens(store, clock).add(alice.account.id, "made meanwhile")
    assert await reads(client, alice, unseen) == 429
    assert await reads(client, alice, alice.token) == 200
    assert await reads(client, alice, unseen) == 200
    assert (await guess(100)).status_code == 401


async def test_missing_and_superuser_tokens_are_not_affected(client: httpx.AsyncClient, house: House) -> None:
    for _ in range(FREE * 3):
        assert (await client.get("/v2/accounts")).status_code == 401
    assert (await client.get("/v2/accounts", headers=AS_SUPERUSER)).status_code == 200


def test_each_wait_is_twice_as_long_up_to_a_minute(clock: MovedClock) -> None:
    throttle = Throttle(clock)
    waits = []
    for number in range(FREE + 10):
        throttle.check("peer", "x")
        throttle.failed("peer", f"{number}")
        try:
            throttle.check("peer", "x")
        except TooManyTries as error:
            waits.append(error.seconds)
            clock.advance(timedelta(seconds=error.seconds))
        throttle.check("another peer", "x")
    assert waits == [1, 2, 4, 8, 16, 32, MOST_SECONDS, MOST_SECONDS, MOST_SECONDS, MOST_SECONDS]
    clock.advance(timedelta(minutes=16))
    throttle.failed("peer", "y")
    throttle.check("peer", "y")


def test_a_revoked_token_is_slowed_down_like_any_other(clock: MovedClock) -> None:
    throttle = Throttle(clock)
    throttle.succeeded("peer", "was good")
    for _ in range(FREE + 1):
        throttle.failed("peer", "was good")
    with pytest.raises(TooManyTries):
        throttle.check("peer", "was good")


def test_a_token_of_ones_own_wins_no_guesses(clock: MovedClock) -> None:
    throttle = Throttle(clock)
    for number in range(MOST_GUESSES + 1):
        throttle.check("peer", f"{number}")
        throttle.failed("peer", f"{number}")
        throttle.succeeded("peer", "mine")
    with pytest.raises(TooManyTries):
        throttle.check("peer", "another guess")
    throttle.check("peer", "mine")


def test_what_is_remembered_is_bounded(clock: MovedClock) -> None:
    throttle = Throttle(clock)
    for number in range(MOST_PEERS + 50):
        throttle.failed(f"peer {number}", "x")
        throttle.succeeded("a good one", f"token {number}")
    assert len(throttle._peers) == MOST_PEERS
    assert len(throttle._proven) == MOST_PEERS
