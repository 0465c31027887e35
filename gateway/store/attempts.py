"""Call records: one row for every call, out or in, written before it begins."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Attempt, CallResult, Direction
from gateway.store import tables
from gateway.store.columns import values
from gateway.store.listing import ALL, NEWEST, Fields, Only, Window, conditions, within

_attempt = tables.attempt
_result = TypeAdapter(CallResult | None)

FIELDS: Fields = {
    "direction": [_attempt.c.direction],
    "outcome": [_attempt.c.outcome],
    "counted": [_attempt.c.counted],
    "fax_id": [_attempt.c.fax_id],
    "faxbox_id": [_attempt.c.faxbox_id],
    "line": [_attempt.c.line],
    "from": [_attempt.c.from_number],
    "to": [_attempt.c.to_number],
}


async def begin(connection: AsyncConnection, attempt: Attempt) -> None:
    await connection.execute(insert(_attempt).values(values(attempt, _attempt)))


async def begin_once(connection: AsyncConnection, attempt: Attempt) -> bool:
    """The same for a call that may be told of more than once, by several processes at a time; whether it was new."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(_attempt).values(values(attempt, _attempt)).on_conflict_do_nothing()
    return (await connection.execute(added.returning(_attempt.c.id))).first() is not None


async def finish(
    connection: AsyncConnection, attempt_id: str, outcome: str, result: CallResult | None, *, counted: bool = True
) -> None:
    query = update(_attempt).where(_attempt.c.id == attempt_id)
    await connection.execute(query.values(outcome=outcome, counted=counted, result=result))


async def of_fax(connection: AsyncConnection, fax_id: str) -> Sequence[Attempt]:
    """The calls of a fax, in their order."""
    query = select(_attempt).where(_attempt.c.fax_id == fax_id).order_by(_attempt.c.id)
    return [_from_row(dict(row)) for row in (await connection.execute(query)).mappings()]


async def page(
    connection: AsyncConnection, account_id: str, window: Window = NEWEST, only: Only = ALL
) -> list[Attempt]:
    """Calls of the account, of faxes that have been deleted since, too."""
    query = select(_attempt).where(_attempt.c.account_id == account_id, *conditions(only, FIELDS))
    found = await connection.execute(within(query, window, _attempt.c.started_at, _attempt.c.id))
    return [_from_row(dict(row)) for row in found.mappings()]


def _from_row(row: dict[str, Any]) -> Attempt:
    result = _result.validate_python(row["result"])
    return Attempt(**{**row, "direction": Direction(row["direction"]), "result": result})
