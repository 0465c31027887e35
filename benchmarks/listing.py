"""What a page of a list costs with 100,000 faxes in the account, beside the same page with 1,000.

The median over rounds in which both are asked for by turns, through the API's own queries, on SQLite and on PostgreSQL:
the newest page, one from the middle of the list, one state alone that few faxes are in, a month, and the queue, which
holds ten faxes in both. What is asked for is a page of 50.
"""

import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import text

from benchmarks import table
from benchmarks.postgres import postgres
from benchmarks.table import Row, ratio
from gateway.fax import ENDED, Attempt, CallResult, Direction, Fax, Status
from gateway.ids import new_id
from gateway.smtplog import SmtplogEntry
from gateway.store import attempts, faxes, listing, smtplog, tables
from gateway.store.columns import values
from gateway.store.engine import Store
from gateway.store.listing import Place, Window

FEW, MANY = 1_000, 100_000
OPEN = 10
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
APART = timedelta(minutes=3)
DONE = CallResult(success=True, answered=True, pages=2, total_pages=2, result_code=0, rate=14400, ecm=True, seconds=40)

Ask = Callable[[str, int], Awaitable[int]]
"""Account, how many faxes it has -> how many rows came."""


async def run(*, quick: bool) -> list[Row]:
    rounds = 40 if quick else 200
    many = MANY // 10 if quick else MANY
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="faxgate-listing-") as folder, postgres() as new_database:
        for name, url in (("SQLite", f"sqlite:///{Path(folder) / 'faxgate.db'}"), ("PostgreSQL", new_database())):
            store = await Store.open(url)
            try:
                rows += await _measure(name, store, many, rounds)
            finally:
                await store.close()
    table.show(f"A page of a list with {many:,} faxes and with {FEW:,}", rows)
    return rows


async def _measure(database: str, store: Store, many: int, rounds: int) -> list[Row]:
    small, large = new_id(), new_id()
    for account_id, count in ((small, FEW), (large, many)):
        await fill(store, account_id, count)
    if not store.sqlite:
        async with store.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))
    rows: list[Row] = []
    for title, ask in _lists(store).items():
        spent: dict[str, list[float]] = {small: [], large: []}
        for round_ in range(-5, rounds):
            for account_id, count in ((small, FEW), (large, many)):
                began = time.perf_counter()
                found = await ask(account_id, count)
                if round_ >= 0:
                    spent[account_id].append(time.perf_counter() - began)
                if not found:
                    raise SystemExit(f"{title}: nothing was listed")
        few, lots = median(spent[small]), median(spent[large])
        rows.append(
            {
                "database": database,
                "list": title,
                f"ms with {FEW:,}": round(few * 1000, 3),
                f"ms with {many:,}": round(lots * 1000, 3),
                f"x with {FEW:,}": ratio(lots, few),
            }
        )
    return rows


def _lists(store: Store) -> dict[str, Ask]:
    async def of_faxes(account_id: str, statuses: frozenset[Status], window: Window) -> int:
        async with store.read() as connection:
            return len(await listing.faxes(connection, account_id, Direction.OUTBOUND, statuses, window))

    def newest(statuses: frozenset[Status]) -> Ask:
        async def ask(account_id: str, count: int) -> int:
            return await of_faxes(account_id, statuses, Window(limit=51))

        return ask

    async def middle(account_id: str, count: int) -> int:
        start = Place(BEGAN + APART * (count // 2), "f" * 32)
        return await of_faxes(account_id, ENDED, Window(limit=51, start=start))

    async def month(account_id: str, count: int) -> int:
        since = BEGAN + APART * (count // 2)
        return await of_faxes(account_id, ENDED, Window(limit=51, since=since, until=since + timedelta(days=30)))

    async def calls(account_id: str, count: int) -> int:
        async with store.read() as connection:
            return len(await attempts.page(connection, account_id, Window(limit=51)))

    async def mails(account_id: str, count: int) -> int:
        async with store.read() as connection:
            return len(await smtplog.page(connection, account_id, Window(limit=51)))

    return {
        "outbox, newest": newest(ENDED),
        "outbox, in the middle": middle,
        "outbox, a month": month,
        "outbox, failed": newest(frozenset({Status.FAILED})),
        "outgoing": newest(frozenset(Status) - ENDED),
        "calls": calls,
        "smtplog": mails,
    }


async def fill(store: Store, account_id: str, count: int) -> None:
    """Faxes three minutes apart, the last of them in the queue; one of ten has failed. Each came by mail and was
    called once."""
    for first in range(0, count, 5000):
        made = [_fax(account_id, number, count) for number in range(first, min(first + 5000, count))]
        calls = [values(_call(fax), tables.attempt) for fax in made]
        mails = [SmtplogEntry(id=new_id(), account_id=account_id, received_at=fax.created_at) for fax in made]
        async with store.begin() as connection:
            await connection.run_sync(faxes.add, made)
            await connection.execute(tables.attempt.insert(), calls)
            await connection.run_sync(smtplog.add, mails)


def _fax(account_id: str, number: int, count: int) -> Fax:
    at = BEGAN + APART * number
    fax = Fax(
        id=new_id(),
        account_id=account_id,
        faxbox_id=None,
        direction=Direction.OUTBOUND,
        status=Status.PENDING,
        created_at=at,
        updated_at=at,
        due_at=at,
        from_number="+12025550101",
        to_number="+12025550190",
        destination="+12025550190",
    )
    if number >= count - OPEN:
        return fax
    status = Status.FAILED if number % 10 == 5 else Status.COMPLETED
    return replace(fax, status=status, due_at=None, ended_at=at + timedelta(minutes=1), result=DONE, pages=2)


def _call(fax: Fax) -> Attempt:
    return Attempt(
        id=new_id(),
        fax_id=fax.id,
        account_id=fax.account_id,
        faxbox_id=None,
        direction=Direction.OUTBOUND,
        number=1,
        line="loopback",
        from_number=fax.from_number,
        to_number=fax.destination,
        started_at=fax.created_at,
        result=DONE,
        outcome="completed",
    )
