"""What a list shows: by time, by filter, in either order; and nothing but what was asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from admin_api.representation import gregorian
from gateway.fax import Fax, Status
from gateway.ids import new_id
from gateway.store import faxes
from gateway.store.engine import Store
from tests.api.house import SUBMITTED, House, outbound

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def hourly(house: House, store: Store) -> list[Fax]:
    """Ten faxes that were sent, an hour apart; the odd ones failed."""
    made = [
        replace(
            outbound(house.alice.account.id, house.alice.faxbox.id),
            status=Status.FAILED if hour % 2 else Status.COMPLETED,
            created_at=NOON + timedelta(hours=hour),
            ended_at=NOON + timedelta(hours=hour, minutes=1),
            destination=f"+1202555010{hour}",
            to_number=f"202-555-010{hour}",
        )
        for hour in range(10)
    ]
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, made)
    return made


class Asking:
    def __init__(self, client: httpx.AsyncClient, house: House) -> None:
        self._client = client
        self._house = house

    async def __call__(self, folder: str = "outbox", /, **query: str | int) -> list[str]:
        alice = self._house.alice
        answer = await self._client.get(f"{alice.faxes}/{folder}", headers=alice.headers, params=query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["data"]]


@pytest.fixture
def ask(client: httpx.AsyncClient, house: House) -> Asking:
    return Asking(client, house)


def ids(made: list[Fax]) -> list[str]:
    return [fax.id for fax in made]


async def test_newest_first_or_oldest_first_by_the_time_of_making(ask: Asking, hourly: list[Fax]) -> None:
    assert (await ask())[:10] == ids(hourly)[::-1]
    assert (await ask(ascending="true"))[-10:] == ids(hourly)


async def test_a_range_of_time_in_gregorian_seconds_or_iso_8601(ask: Asking, hourly: list[Fax]) -> None:
    since, until = NOON + timedelta(hours=2), NOON + timedelta(hours=5)
    wanted = ids(hourly[2:6])[::-1]
    for from_, to in (
        (gregorian(since), gregorian(until)),
        ("2026-03-01T14:00:00Z", "2026-03-01T17:00:00Z"),
        ("2026-03-01T15:00:00+01:00", "2026-03-01 17:00:00"),
    ):
        assert await ask(created_from=from_, created_to=to) == wanted, from_
    assert await ask(created_from="2026-03-02") == []
    assert len(await ask(created_to="2026-03-02", created_from="2026-03-01")) == 10


async def test_what_was_made_within_the_last_second_of_a_range_belongs_to_it(
    ask: Asking, house: House, store: Store
) -> None:
    """Clients know whole seconds: the fax that shows `created` N is there when they ask for up to N."""
    made = replace(
        outbound(house.alice.account.id, house.alice.faxbox.id), created_at=NOON + timedelta(microseconds=999_999)
    )
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [made])
    assert await ask("outgoing", created_from=gregorian(NOON), created_to=gregorian(NOON)) == [made.id]
    assert await ask("outgoing", created_from=gregorian(NOON) + 1) == []


async def test_filters(ask: Asking, house: House, hourly: list[Fax]) -> None:
    failed = ids(hourly[1::2])[::-1]
    since = {"created_from": gregorian(NOON)}
    assert await ask(filter_status="failed", **since) == failed
    assert await ask(filter_not_status="completed", **since) == failed
    assert await ask(filter_status="failed", filter_not_status="failed") == []
    assert await ask(filter_status="pending") == []
    # As it was written, and as it was dialled.
    for written in ("202-555-0103", "+12025550103", " 12025550103"):  # the last one's plus sign was not encoded
        assert await ask(filter_to=written) == [hourly[3].id]
        assert len(await ask(filter_not_to=written, **since)) == 9
    box = house.alice.faxbox.id
    assert len(await ask(filter_faxbox_id=box, **since)) == 10
    assert await ask(filter_not_faxbox_id=box) == []
    assert await ask(filter_from="' OR 1=1 --") == []
    assert await ask(filter_from="\0") == []


async def test_what_has_no_value_is_different_from_every_value(ask: Asking, house: House, store: Store) -> None:
    lost = replace(outbound(house.alice.account.id, house.alice.faxbox.id), faxbox_id=None, created_at=NOON)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [lost])
    since = {"created_from": gregorian(NOON)}
    assert await ask("outgoing", filter_not_faxbox_id=house.alice.faxbox.id, **since) == [lost.id]
    assert await ask("outgoing", key_missing="faxbox_id") == [lost.id]
    assert lost.id not in await ask("outgoing", has_key="faxbox_id")
    assert len(await ask("outgoing", has_key="faxbox_id")) == 2


async def test_a_key_that_is_there_or_not(ask: Asking, house: House, hourly: list[Fax]) -> None:
    alice = house.alice
    assert set(await ask(has_key="attachment")) == {alice.completed.id, alice.failed.id}
    assert set(await ask(key_missing="attachment")) == set(ids(hourly))
    assert set(await ask(has_key="delivered")) == {alice.completed.id, *ids(hourly[::2])}
    assert await ask(has_key="error") == [alice.failed.id]


async def test_filtered_pages_stay_right_while_faxes_are_added_and_removed(
    client: httpx.AsyncClient, house: House, hourly: list[Fax], store: Store
) -> None:
    """In both orders, with two faxes of the same time; the fax with which the next page begins is removed."""
    alice = house.alice
    twin = replace(hourly[4], id=new_id())
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [twin])
    wanted = ids(sorted([*hourly[::2], twin], key=lambda fax: (fax.created_at, fax.id)))
    for ascending in ("true", "false"):
        seen: list[str] = []
        query: dict[str, str | int] = {
            "filter_status": "completed",
            "created_from": gregorian(NOON),
            "page_size": 2,
            "ascending": ascending,
        }
        for _ in range(20):
            body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params=query)).json()
            seen += [item["id"] for item in body["data"]]
            if "next_start_key" not in body:
                break
            query["start_key"] = body["next_start_key"][0]
            late = replace(twin, id=new_id(), created_at=NOON + timedelta(days=1))
            early = replace(twin, id=new_id(), created_at=NOON)
            async with store.begin() as connection:
                await connection.run_sync(faxes.add, [early if ascending == "true" else late])
        expected = wanted if ascending == "true" else wanted[::-1]
        assert [one for one in seen if one in wanted] == expected
        assert len(seen) == len(set(seen))


async def test_a_page_begins_where_its_first_fax_was(
    client: httpx.AsyncClient, house: House, hourly: list[Fax], store: Store
) -> None:
    alice = house.alice
    query = {"page_size": 3}
    body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params=query)).json()
    async with store.begin() as connection:
        await connection.exec_driver_sql(f"DELETE FROM fax WHERE id = '{hourly[6].id}'")
    following = {**query, "start_key": body["next_start_key"][0]}
    body = (await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params=following)).json()
    assert [item["id"] for item in body["data"]] == ids(hourly[3:6])[::-1]


async def test_a_parameter_that_is_not_known_is_refused_by_its_name(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for path in (f"{alice.faxes}/outbox", f"{alice.faxes}/smtplog", f"/v2/accounts/{alice.account.id}/calls"):
        query = {"filter_staus": "failed", "limit": "3", "created_from": "yesterday", "ascending": "1"}
        answer = await client.get(path, headers=alice.headers, params=query)
        assert (answer.status_code, answer.json()["data"].keys()) == (400, query.keys()), path
        harmless = {"_": "1700000000", "auth_token": alice.token, "pretty": "true"}
        assert (await client.get(path, headers=alice.headers, params=harmless)).status_code == 200


async def test_no_time_breaks_it(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    for value, status in (
        ("0", 200),
        ("315569433600", 200),
        ("315569433601", 400),
        ("999999999999999999", 400),
        ("-1", 400),
        ("0001-01-01T00:00:00+23:59", 200),
        ("9999-12-31T23:59:59-23:59", 200),
        ("9999-12-31T23:59:59Z", 200),
        ("9999-12-31", 200),
        ("2016-12-31T23:59:60Z", 200),
        ("2026-02-30", 400),
        ("2026-W01-1", 400),
        ("٢٠٢٦-01-01", 400),
        ("", 400),
    ):
        for name in ("created_from", "created_to"):
            answer = await client.get(f"{alice.faxes}/outbox", headers=alice.headers, params={name: value})
            assert answer.status_code == status, (name, value, answer.text)


async def test_who_has_the_revision_is_told_so(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    item = f"{alice.faxes}/outgoing/{alice.pending.id}"
    for path in (f"{alice.faxes}/outgoing", item):
        first = await client.get(path, headers=alice.headers)
        tag = first.headers["etag"]
        assert tag.strip('"') == first.json()["revision"]
        for condition in (tag, f"W/{tag}", tag.strip('"'), f'"other", {tag}', "*"):
            again = await client.get(path, headers={**alice.headers, "If-None-Match": condition})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = await client.get(path, headers={**alice.headers, "If-None-Match": '"0000"'})
        assert other.status_code == 200
        async with store.begin() as connection:
            fax = await faxes.find(connection, alice.pending.id)
            await faxes.change(connection, fax, SUBMITTED, pages=fax.pages + 1)
        changed = await client.get(path, headers={**alice.headers, "If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


async def test_the_smtplog_by_time_and_filter(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice

    async def found(**query: str) -> int:
        answer = await client.get(f"{alice.faxes}/smtplog", headers=alice.headers, params=query)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["data"])

    assert await found(filter_status="accepted", filter_from="alice@example.com") == 1
    assert await found(filter_status="refused") == 0
    assert await found(filter_not_status="accepted") == 0
    assert await found(created_from="2016-03-28T22:29:33Z", created_to="2016-03-28T22:29:33Z") == 1
    assert await found(created_from="2016-03-28T22:29:34Z") == 0
