"""The call records: what billing reads."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from admin_api import calls
from admin_api.representation import gregorian
from gateway.fax import Attempt, Direction
from gateway.ids import new_id
from gateway.store import attempts
from gateway.store.engine import Store
from tests.api.house import BUSY, DELIVERED, House

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(house: House) -> str:
    return f"/v2/accounts/{house.alice.account.id}/calls"


@pytest.fixture
async def made(house: House, store: Store) -> list[Attempt]:
    """Busy, then sent; a call that came in; one that runs. And one of Bob's."""
    alice = house.alice
    talked = replace(
        DELIVERED, seconds=43.2, answered_at=NOON + timedelta(minutes=5), ended_at=NOON + timedelta(minutes=6)
    )
    first = Attempt(
        id=new_id(),
        fax_id=alice.completed.id,
        account_id=alice.account.id,
        faxbox_id=alice.faxbox.id,
        direction=Direction.OUTBOUND,
        number=1,
        line="trunk",
        from_number="+15551230001",
        to_number="+12025550190",
        started_at=NOON,
        result=BUSY,
        outcome="failed",
    )
    second = replace(
        first,
        id=new_id(),
        number=2,
        started_at=NOON + timedelta(minutes=5),
        v17=False,
        t38=True,
        first_page=2,
        cost_code="4711",
        result=talked,
        outcome="completed",
    )
    came = replace(
        first,
        id=new_id(),
        fax_id=alice.received.id,
        direction=Direction.INBOUND,
        started_at=NOON + timedelta(minutes=10),
        result=replace(talked, remote_station_id='=HYPERLINK("http://evil")'),
        outcome="received",
    )
    runs = replace(
        first, id=new_id(), number=3, started_at=NOON + timedelta(hours=1), result=None, outcome="", counted=False
    )
    bobs = replace(first, id=new_id(), account_id=house.bob.account.id)
    async with store.begin() as connection:
        for attempt in (first, second, came, runs, bobs):
            await attempts.begin(connection, attempt)
    return [first, second, came, runs]


async def test_the_calls_in_both_directions_newest_first(
    client: httpx.AsyncClient, house: House, path: str, made: list[Attempt]
) -> None:
    body = (await client.get(path, headers=house.alice.headers)).json()
    assert [call["id"] for call in body["data"]] == [attempt.id for attempt in reversed(made)]
    sent = body["data"][2]
    assert sent == {
        "id": made[1].id,
        "created": gregorian(made[1].started_at),
        "started_at": "2026-03-01T12:05:00Z",
        "answered_at": "2026-03-01T12:05:00Z",
        "ended_at": "2026-03-01T12:06:00Z",
        "direction": "outbound",
        "from": "+15551230001",
        "to": "+12025550190",
        "line": "trunk",
        "seconds": 43.2,
        "pages": 2,
        "total_pages": 2,
        "rate": 14400,
        "ecm": True,
        "t38": False,
        "bad_rows": 3,
        "result_code": 0,
        "result_text": "OK",
        "cause": 16,
        "hangup_cause": "NORMAL_CLEARING",
        "outcome": "completed",
        "counted": True,
        "attempt": 2,
        "remote_station_id": "FAR END",
        "faxbox_id": house.alice.faxbox.id,
        "fax_id": house.alice.completed.id,
        "v17": False,
        "t38_asked": True,
        "first_page": 2,
        "cost_code": "4711",
    }
    assert (body["data"][0]["outcome"], body["data"][0]["ended_at"], body["data"][0]["counted"]) == ("", "", False)


async def test_they_outlive_their_fax(
    client: httpx.AsyncClient, house: House, path: str, made: list[Attempt], store: Store
) -> None:
    async with store.begin() as connection:
        await connection.exec_driver_sql(f"DELETE FROM fax WHERE id = '{house.alice.completed.id}'")
    query = {"filter_fax_id": house.alice.completed.id}
    body = (await client.get(path, headers=house.alice.headers, params=query)).json()
    assert len(body["data"]) == 3


async def test_by_time_direction_outcome_and_number(
    client: httpx.AsyncClient, house: House, path: str, made: list[Attempt]
) -> None:
    for query, wanted in (
        ({"created_from": "2026-03-01T12:05:00Z", "created_to": "2026-03-01T12:10:00Z"}, [2, 1]),
        ({"filter_direction": "inbound"}, [2]),
        ({"filter_not_outcome": "completed", "filter_direction": "outbound"}, [3, 0]),
        ({"filter_counted": "false"}, [3]),
        ({"filter_not_counted": "false"}, [2, 1, 0]),
        ({"filter_to": "+12025550190", "page_size": "1", "ascending": "true"}, [0]),
        ({"filter_line": "another"}, []),
    ):
        body = (await client.get(path, headers=house.alice.headers, params=query)).json()
        assert [call["id"] for call in body["data"]] == [made[one].id for one in wanted], query


async def test_as_csv_all_of_the_range_at_once(
    client: httpx.AsyncClient, house: House, path: str, made: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "AT_ONCE", 2)
    query = {"ascending": "true", "page_size": "1"}
    answer = await client.get(path, headers={**house.alice.headers, "Accept": "text/csv"}, params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [attempt.id for attempt in made]
    assert (rows[1]["from"], rows[1]["seconds"], rows[1]["ecm"], rows[1]["result_code"]) == (
        "+15551230001",
        "43.2",
        "true",
        "0",
    )
    assert rows[0]["result_code"] == ""
    assert [(row["v17"], row["t38_asked"], row["first_page"]) for row in rows[:2]] == [
        ("true", "", "1"),
        ("false", "true", "2"),
    ]
    # No spreadsheet runs what a far machine calls itself.
    assert rows[2]["remote_station_id"] == '\'=HYPERLINK("http://evil")'


async def test_nothing_else_is_to_be_had(client: httpx.AsyncClient, house: House, path: str) -> None:
    answer = await client.get(path, headers={**house.alice.headers, "Accept": "application/pdf"})
    assert (answer.status_code, answer.json()["message"]) == (406, "not_acceptable")
