"""Mails accepted per second by the whole gateway, durably and with everything recorded: `faxgate serve --role smtp`.

It runs as a process, on SQLite and on PostgreSQL; the load comes from another one. Beside it, in turns: a bare aiosmtpd
handler that writes each mail into a file, fsyncs it and does nothing else, our door with the same behind it instead of
documents store and database, and Postfix where it is installed. Nobody faxes meanwhile, so the ratios speak of the way
in alone.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks import table
from benchmarks.gateway import DOMAIN, Gateway
from benchmarks.postgres import postgres
from benchmarks.smtp_accept import SENDER, Contender, measure, started
from benchmarks.table import Row, ratio

BARE, DOOR, SQLITE, POSTGRESQL, POSTFIX = (
    "bare aiosmtpd",
    "our door alone",
    "faxgate, SQLite",
    "faxgate, PostgreSQL",
    "Postfix",
)


async def run(*, quick: bool) -> list[Row]:
    return await compare(
        sizes=(50, 500),
        sessions=(1, 10) if quick else (1, 10, 50),
        seconds=1.0 if quick else 3.0,
        rounds=1 if quick else 2,
    )


async def compare(sizes: Sequence[int], sessions: Sequence[int], seconds: float, rounds: int) -> list[Row]:
    table.OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=table.OUT, prefix="accept-")).absolute()
    rows: list[Row] = []
    try:
        async with AsyncExitStack() as stack:
            contenders = await _all_started(stack, folder)
            for kilobytes in sizes:
                for number in sessions:
                    rates = dict.fromkeys((contender.name for contender in contenders), 0.0)
                    for _ in range(rounds):
                        for contender in contenders:
                            rate = await asyncio.to_thread(measure, contender, kilobytes, number, seconds)
                            rates[contender.name] += rate / rounds
                    rows += _rows(kilobytes, number, rates)
                    print(f"  {kilobytes} kB, {number} sessions: done", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    table.show("Mails accepted per second, durably and recorded", rows)
    return rows


async def _all_started(stack: AsyncExitStack, folder: Path) -> list[Contender]:
    contenders = [
        Contender(name, stack.enter_context(started(of)).port) for name, of in ((BARE, "bare"), (DOOR, "door"))
    ]
    new_database = stack.enter_context(postgres())
    for name, database_url in ((SQLITE, ""), (POSTGRESQL, new_database())):
        contenders.append(await stack.enter_async_context(_gateway(name, folder, database_url)))
    if shutil.which("postfix") and os.geteuid() == 0:
        contenders.append(Contender(POSTFIX, stack.enter_context(started("postfix")).port))
    else:
        print("  Postfix is not installed here, or this is not root: it is left out")
    return contenders


@asynccontextmanager
async def _gateway(name: str, folder: Path, database_url: str) -> AsyncIterator[Contender]:
    place = folder / name.rpartition(" ")[2].lower()
    place.mkdir()
    gateway = Gateway(place, **({"database_url": database_url} if database_url else {}))
    account = await gateway.command("account", "add", "Bench", "--domain", DOMAIN)
    await gateway.command("faxbox", "add", account["id"], "Bench", "--allow", SENDER)
    await gateway.start("smtp")
    try:
        await gateway.up()
        yield Contender(name, gateway.smtp_port)
    finally:
        await gateway.stop()


def _rows(kilobytes: int, sessions: int, rates: dict[str, float]) -> list[Row]:
    return [
        {
            "mail": f"{kilobytes} kB",
            "sessions": sessions,
            "contender": name,
            "mails/s": round(rate, 1),
            "x bare": ratio(rate, rates[BARE]),
            "x Postfix": ratio(rate, rates.get(POSTFIX)),
        }
        for name, rate in rates.items()
    ]
