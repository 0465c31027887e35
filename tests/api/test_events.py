"""Live events over a real connection: in order, once each, and to an end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

import admin_api.events
from admin_api.server import Server
from gateway.clock import Clock
from gateway.fax import CallResult, Fax, Progress, Status
from gateway.ids import new_id
from gateway.store import events, faxes, tokens
from gateway.store.engine import Store
from gateway.store.wake import EVENTS, Wake
from tests.api.house import House, Tenant, outbound


@dataclass(frozen=True)
class Told:
    id: int
    event: str
    data: dict[str, Any]


class Stream:
    """What a client hears: comments, ids and events, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def block(self) -> dict[str, str]:
        """The next block of lines."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                self.last_id = fields.get("id", self.last_id)
        raise EOFError

    async def next(self) -> Told:
        """The next event."""
        while "data" not in (block := await self.block()):
            pass
        return Told(int(block["id"]), block["event"], json.loads(block["data"]))

    async def events(self, number: int) -> list[Told]:
        return [await self.next() for _ in range(number)]

    async def ended(self) -> None:
        """Wait for the server to end it."""
        async with asyncio.timeout(10):
            with suppress(EOFError):
                while True:
                    await self.block()


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, tenant: Tenant, last: str | None = None, **query: str
) -> AsyncIterator[Stream]:
    """A stream whose beginning has been heard."""
    headers = tenant.headers if last is None else {**tenant.headers, "Last-Event-ID": last}
    async with client.stream(
        "GET", f"/v2/accounts/{tenant.account.id}/faxes/events", params=query, headers=headers, timeout=20
    ) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        stream = Stream(response)
        if last is None:
            assert "data" not in await stream.block()
        yield stream


async def pending(store: Store, tenant: Tenant) -> Fax:
    """Something happens to the tenant."""
    fax = outbound(tenant.account.id, tenant.faxbox.id)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
    return fax


async def test_a_call_is_followed_live(client: httpx.AsyncClient, house: House, store: Store) -> None:
    fax, now = house.alice.processing, Clock().now()
    async with listening(client, house.alice) as stream:
        for page in (1, 2):
            live = Progress(call_id="1", stage="page", rate=14400, ecm=True, page=page, pages=2)
            async with store.begin() as connection:
                await faxes.change(connection, fax, now, progress=live)
        async with store.begin() as connection:
            result = CallResult(success=True, answered=True, pages=2)
            await faxes.move(connection, fax, Status.COMPLETED, now, result=result, error="")
        first, second, last = await stream.events(3)
    assert first.event == "progress"
    assert first.data | {"timestamp": 0} == {
        "fax_id": fax.id,
        "timestamp": 0,
        "status": "processing",
        "stage": "page",
        "page": 1,
        "pages": 2,
        "rate": 14400,
        "ecm": True,
        "error": "The line was busy.",  # the last call's
    }
    assert second.data["page"] == 2
    assert (last.event, last.data["status"], last.data["error"]) == ("status", "completed", "")
    assert first.id < second.id < last.id


async def test_an_event_comes_at_once(client: httpx.AsyncClient, house: House, store: Store) -> None:
    async with listening(client, house.alice) as stream:
        for _ in range(3):
            began = asyncio.get_running_loop().time()
            await pending(store, house.alice)
            await stream.next()
            assert asyncio.get_running_loop().time() - began < 2  # far below the heartbeat
            await asyncio.sleep(0.1)


async def test_what_another_process_does_comes_at_once(
    client: httpx.AsyncClient, house: House, database_url: str
) -> None:
    neighbour, its_wake = await Store.open(database_url), Wake(database_url)
    await its_wake.start()
    neighbour.events_written = partial(its_wake.soon, EVENTS)
    async with listening(client, house.alice) as stream:
        began = asyncio.get_running_loop().time()
        fax = await pending(neighbour, house.alice)
        assert (await stream.next()).data["fax_id"] == fax.id
        assert asyncio.get_running_loop().time() - began < 2
    await its_wake.stop()
    await neighbour.close()


async def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    made: list[str] = []

    async def write() -> None:
        for _ in range(40):
            await pending(store, house.bob)  # not for these ears
            made.append((await pending(store, house.alice)).id)
            await asyncio.sleep(0.005)

    async with listening(client, house.alice) as stream:
        last = stream.last_id
    writing = asyncio.create_task(write())
    heard: list[Told] = []
    for number in (3, 1, 7, 5, 24):
        async with listening(client, house.alice, last) as stream:
            heard += await stream.events(number)
        last = str(heard[-1].id)
    await writing
    assert [told.data["fax_id"] for told in heard] == made


async def test_more_than_a_batch_is_told_in_order(
    client: httpx.AsyncClient, house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api.events, "BATCH", 7)
    fax = outbound(house.alice.account.id, house.alice.faxbox.id)
    group = [replace(fax, id=new_id()) for _ in range(50)]
    async with listening(client, house.alice) as stream:
        await store.commit(lambda connection: faxes.add(connection, group))
        assert [told.data["fax_id"] for told in await stream.events(50)] == [one.id for one in group]


async def test_one_fax_alone(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    async with listening(client, alice, fax_id=alice.pending.id) as stream:
        await pending(store, alice)
        async with store.begin() as connection:
            await faxes.request_cancel(connection, alice.pending.id, alice.account.id, Clock().now())
        told = await stream.next()
    assert (told.data["fax_id"], told.data["status"]) == (alice.pending.id, "cancelled")


@pytest.mark.parametrize(
    ("query", "status"),
    [("fax_id=nonsense", 400), (f"fax_id={'0' * 32}", 404), ("last_event_id=x", 400), ("last_event_id=-1", 400)],
)
async def test_what_cannot_be_told_is_refused(client: httpx.AsyncClient, house: House, query: str, status: int) -> None:
    path = f"/v2/accounts/{house.alice.account.id}/faxes/events?{query}"
    answer = await client.get(path, headers=house.alice.headers)
    assert answer.status_code == status
    assert answer.json()["status"] == "error"


async def test_anothers_fax_and_anothers_events_stay_unknown(client: httpx.AsyncClient, house: House) -> None:
    alice, bob = house.alice, house.bob
    answer = await client.get(f"/v2/accounts/{alice.account.id}/faxes/events", headers=bob.headers)
    assert answer.status_code == 403
    path = f"/v2/accounts/{bob.account.id}/faxes/events?fax_id={alice.pending.id}"
    assert (await client.get(path, headers=bob.headers)).status_code == 404


async def test_a_client_that_is_too_far_behind_is_told(client: httpx.AsyncClient, house: House, store: Store) -> None:
    await pending(store, house.alice)
    async with store.begin() as connection:
        await events.prune(connection, Clock().now() + timedelta(days=2))
    async with listening(client, house.alice, last="1") as stream:
        told = await stream.next()
        assert told.event == "reset"
        fax = await pending(store, house.alice)
        following = await stream.next()
        assert following.data["fax_id"] == fax.id
    async with listening(client, house.alice, last=str(told.id)) as stream:
        assert (await stream.next()).id == following.id


async def test_all_that_is_kept_can_be_asked_for(client: httpx.AsyncClient, house: House) -> None:
    async with listening(client, house.alice, last_event_id="0") as stream:
        assert {told.data["status"] for told in await stream.events(6)} >= {"pending", "received", "receiving"}


async def test_a_quiet_stream_beats_and_moves_on(
    client: httpx.AsyncClient, house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api.events, "HEARTBEAT_SECONDS", 0.2)
    async with listening(client, house.alice) as stream:
        first = int(stream.last_id)
        await pending(store, house.bob)  # alice's events stay where they are, the numbers do not
        while int(stream.last_id) == first:
            assert "" in await stream.block()  # a comment
        fax = await pending(store, house.alice)
        assert (await stream.next()).data["fax_id"] == fax.id


async def test_a_stream_ends_with_its_token(
    client: httpx.AsyncClient, house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api.events, "HEARTBEAT_SECONDS", 0.2)
    token, now = "for-a-while", Clock().now()
    async with store.begin() as connection:
        await tokens.add(connection, token, house.alice.account.id, ["read"], now)
    async with listening(client, replace(house.alice, token=token)) as stream:
        await stream.block()
        async with store.begin() as connection:
            known = await tokens.known(connection, token, now)
            assert known is not None
            await tokens.remove(connection, known.id)
        await stream.ended()


async def test_the_server_stops_without_waiting_for_streams(
    client: httpx.AsyncClient, server: Server, house: House
) -> None:
    async with listening(client, house.alice) as stream:
        async with asyncio.timeout(5):
            await server.stop()
        await stream.ended()


async def test_an_account_cannot_keep_all_streams_to_itself(
    client: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api.events, "MOST_STREAMS", 1)
    path = f"/v2/accounts/{house.alice.account.id}/faxes/events"

    async def free() -> bool:
        async with client.stream("GET", path, headers=house.alice.headers) as response:
            assert response.status_code in {200, 429}
            return response.status_code == 200

    async with listening(client, house.alice):
        assert not await free()
        assert (await client.head(path, headers=house.alice.headers)).status_code == 200
        async with listening(client, house.bob):
            pass
    async with asyncio.timeout(5):
        while not await free():
            pass
