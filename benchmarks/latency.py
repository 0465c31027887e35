"""How long a fax waits for nothing: from the mail's 250, from a commit, from a line that comes free, to the next dial.

One installation for each layout of processes and each database, on a line with one channel:

    mail         250 at the client -> claimed to be prepared -> rendered, `pending` -> the attempt's `started_at` -> the
                 call's process speaks
    commit       this process commits a `pending` fax and wakes; the gateway, another process, dials
    line free    faxes to many numbers queue for the channel: the end of a call, as its process noted it -> the next
                 attempt's `started_at` (so the end of the process and of its call lie within)
    number free  the same with faxes to one number, which also wait until the call before is concluded and committed

Beside them the same gateway that looks once a second instead (`benchmarks.polling`). What the database does is noted
by triggers in it, when the statement runs; its commit lies within the time that follows.
"""

import asyncio
import io
import random
import re
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw
from sqlalchemy import text

from benchmarks import table
from benchmarks.gateway import DOMAIN, Gateway
from benchmarks.postgres import postgres
from benchmarks.table import Row, percentile, ratio
from gateway.fax import Attempt, Fax, Status
from gateway.ids import new_id
from gateway.store import attempts, faxes
from gateway.store.engine import Store
from gateway.store.wake import DIAL, Wake

ALICE = "alice@example.com"
FAX_MACHINE = "+12025550190"
BOB = [f"+12025550{number}" for number in range(110, 120)]
GOAL = 0.1
PATIENCE = 60.0

POLLER = "one process, polling every 1 s"
LAYOUTS: dict[str, Sequence[Sequence[str]]] = {
    "one process": ((),),
    "smtp+api and worker": (("smtp", "api"), ("worker",)),
    POLLER: (),
}

_TRIGGERS = {
    "sqlite": """
CREATE TABLE bench_moved (fax_id TEXT, status TEXT, claimed INTEGER, at REAL);
CREATE TRIGGER bench_moved AFTER UPDATE OF status, claim_token ON fax
  WHEN NEW.direction = 'outbound' AND (NEW.status <> OLD.status OR NEW.claim_token IS NOT OLD.claim_token)
  BEGIN INSERT INTO bench_moved VALUES
    (NEW.id, NEW.status, NEW.claim_token IS NOT NULL, (julianday('now') - 2440587.5) * 86400.0); END;
""",
    "postgresql": """
CREATE TABLE bench_moved (fax_id TEXT, status TEXT, claimed INTEGER, at DOUBLE PRECISION);
CREATE FUNCTION bench_moved() RETURNS trigger AS $$ BEGIN
  INSERT INTO bench_moved VALUES
    (NEW.id, NEW.status, (NEW.claim_token IS NOT NULL)::int, extract(epoch FROM clock_timestamp()));
  RETURN NULL; END $$ LANGUAGE plpgsql;
CREATE TRIGGER bench_moved AFTER UPDATE ON fax FOR EACH ROW
  WHEN (NEW.direction = 'outbound' AND (NEW.status, NEW.claim_token) IS DISTINCT FROM (OLD.status, OLD.claim_token))
  EXECUTE FUNCTION bench_moved();
""",
}

Waits = dict[str, list[float]]
"""Seconds, by what was waited for."""


async def run(*, quick: bool) -> list[Row]:
    mails, commits, queue = (4, 6, 8) if quick else (15, 20, 30)
    layouts = list(LAYOUTS)
    found: dict[tuple[str, str], Waits] = {}
    table.OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=table.OUT, prefix="latency-")).absolute()
    try:
        with ExitStack() as stack:
            new_database = stack.enter_context(postgres())
            for database in ("SQLite", "PostgreSQL"):
                for layout in layouts:
                    place = folder / f"{database}-{layouts.index(layout)}"
                    place.mkdir()
                    url = f"sqlite:///{place}/faxgate.db" if database == "SQLite" else new_database()
                    bench = Bench(Gateway(place, lines="loopback://?channels=1", database_url=url), url)
                    found[database, layout] = await bench.measure(layout, mails=mails, commits=commits, queue=queue)
                    print(f"  {database}, {layout}: done", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    rows = [row for (database, layout), waits in found.items() for row in _rows(database, layout, waits, found)]
    table.show(f"Waiting, in ms (goal: {GOAL * 1000:g} ms from a commit or a free line to the next dial)", rows)
    return rows


def _rows(database: str, layout: str, waits: Waits, found: dict[tuple[str, str], Waits]) -> list[Row]:
    return [
        {
            "database": database,
            "gateway": layout,
            "from -> to": name,
            "n": len(seconds),
            "p50": round(percentile(seconds, 0.5) * 1000, 1),
            "p95": round(percentile(seconds, 0.95) * 1000, 1),
            "max": round(max(seconds) * 1000, 1),
            "within goal": f"{sum(one <= GOAL for one in seconds) / len(seconds):.0%}",
            "p50 x poller's": ratio(percentile(seconds, 0.5), percentile(found[database, POLLER][name], 0.5)),
        }
        for name, seconds in waits.items()
    ]


@dataclass
class Bench:
    """One installation that is measured."""

    gateway: Gateway
    database_url: str

    async def measure(self, layout: str, *, mails: int, commits: int, queue: int) -> Waits:
        gateway = self.gateway
        account = await gateway.command("account", "add", "Bench", "--domain", DOMAIN, "--max-calls", "50")
        numbers = [word for number in BOB for word in ("--number", number)]
        await gateway.command("faxbox", "add", account["id"], "Bob", *numbers, "--allow", ALICE)
        if layout == POLLER:
            await gateway.start(module=("benchmarks.polling",))
        for roles in LAYOUTS[layout]:
            await gateway.start(*roles)
        await gateway.up()
        self.chance = random.Random(1)
        self.store = await Store.open(self.database_url)
        self.wake = Wake(self.database_url)
        await self.wake.start()
        try:
            await self._lay_triggers()
            await self._mailed(0)  # the first of all warms everything up
            waits = await self._mails(mails)
            waits["commit by another process -> dial"] = await self._commits(commits)
            waits["line free -> next dial"] = await self._queue(queue, BOB)
            waits["number free -> next dial"] = await self._queue(queue, [FAX_MACHINE])
            return waits
        finally:
            await self.wake.stop()
            await self.store.close()
            await gateway.stop()

    async def _lay_triggers(self) -> None:
        async with self.store.begin() as connection:
            statements = _TRIGGERS[connection.dialect.name]
            if connection.dialect.name == "sqlite":
                table_, trigger = statements.split(";\n", 1)
                for statement in (table_, trigger.strip()):
                    await connection.exec_driver_sql(statement)
            else:
                await connection.exec_driver_sql(statements)

    # Mails

    async def _mails(self, count: int) -> Waits:
        waits: Waits = {
            "250 -> claimed to prepare": [],
            "claimed -> pending (rendering)": [],
            "pending -> dial": [],
            "250 -> dial (all of it)": [],
            "dial -> the line's first sign": [],
        }
        for number in range(1, count + 1):
            accepted, fax = await self._mailed(number)
            moved = await self._moved(fax.id)
            claimed, pending = moved["attaching_files", 1], moved["pending", 0]
            dialled, signed = await self._dialled(fax.id), self._first_sign(fax.id)
            steps = (claimed - accepted, pending - claimed, dialled - pending, dialled - accepted, signed - dialled)
            # The worker may well claim before our client has read its 250.
            for wait, seconds in zip(waits.values(), steps, strict=True):
                wait.append(max(seconds, 0.0))
        return waits

    async def _mailed(self, number: int) -> tuple[float, Fax]:
        """Mail one page to the fax machine, and wait until it is through; when the 250 came, and the fax."""
        await asyncio.sleep(self.chance.uniform(0.2, 1.2))  # a poller's ticks are met at any phase
        message_id = f"<{number}@latency.example.com>"
        accepted = await asyncio.to_thread(self._send, message_id)
        [fax] = await self._ended("message_id = :value", message_id, 1)
        self.sample = fax
        return accepted, fax

    def _send(self, message_id: str) -> float:
        mail = EmailMessage()
        mail["Subject"], mail["Message-ID"] = "Latency", message_id
        mail.add_attachment(_page(), maintype="application", subtype="pdf", filename="page.pdf")
        with smtplib.SMTP("127.0.0.1", self.gateway.smtp_port, timeout=20) as client:
            client.sendmail(ALICE, [f"{FAX_MACHINE}@{DOMAIN}"], mail.as_bytes(policy=SMTP))
            return time.time()

    async def _moved(self, fax_id: str) -> dict[tuple[str, int], float]:
        """When the fax first came into each state, by status and whether it was claimed."""
        async with self.store.read() as connection:
            query = text("SELECT status, claimed, min(at) FROM bench_moved WHERE fax_id = :id GROUP BY status, claimed")
            return {(status, claimed): at for status, claimed, at in await connection.execute(query, {"id": fax_id})}

    async def _dialled(self, fax_id: str) -> float:
        async with self.store.read() as connection:
            return (await attempts.of_fax(connection, fax_id))[0].started_at.timestamp()

    def _first_sign(self, fax_id: str) -> float:
        """When the gateway logged the first progress of the fax's call."""
        log = self.gateway.log.read_text()
        line = re.search(rf"^(\S+ \S+),(\d+) .*fax {fax_id}: dialling", log, re.MULTILINE)
        assert line
        return datetime.strptime(line[1], "%Y-%m-%d %H:%M:%S").astimezone().timestamp() + int(line[2]) / 1000

    # Faxes that this process commits

    async def _commits(self, count: int) -> list[float]:
        waits = []
        for _ in range(count):
            await asyncio.sleep(self.chance.uniform(0.2, 1.2))
            submission, committed = await self._commit([FAX_MACHINE])
            [fax] = await self._ended("submission_id = :value", submission, 1)
            waits.append(max(await self._dialled(fax.id) - committed, 0.0))
        return waits

    async def _queue(self, count: int, numbers: Sequence[str]) -> list[float]:
        """Waits between the calls of faxes that all are due at once."""
        submission, _ = await self._commit([numbers[place % len(numbers)] for place in range(count)])
        ended = await self._ended("submission_id = :value", submission, count)
        calls: list[Attempt] = []
        async with self.store.read() as connection:
            for fax in ended:
                calls += await attempts.of_fax(connection, fax.id)
        calls.sort(key=lambda call: call.started_at)
        waits = []
        for before, after in pairwise(calls):
            assert before.result is not None
            assert before.result.ended_at is not None
            waits.append(max((after.started_at - before.result.ended_at).total_seconds(), 0.0))
        return waits

    async def _commit(self, destinations: Sequence[str]) -> tuple[str, float]:
        """Commit a pending fax to each; their submission's id, and when the commit returned."""
        now, submission = datetime.now(UTC), new_id()
        due = [
            replace(
                self.sample,
                id=new_id(),
                submission_id=submission,
                repeat_key=None,
                status=Status.PENDING,
                destination=destination,
                created_at=now,
                due_at=now,
                ended_at=None,
                first_dialled_at=None,
                attempts=0,
                tries=0,
                progress=None,
                result=None,
            )
            for destination in destinations
        ]
        async with self.store.begin() as connection:
            await connection.run_sync(faxes.add, due)
        committed = time.time()
        await self.wake.notify(DIAL)
        return submission, committed

    async def _ended(self, which: str, value: str, count: int) -> list[Fax]:
        """The outbound faxes for which `which` holds, once they and their calls are all over."""
        query = text(f"SELECT id FROM fax WHERE direction = 'outbound' AND status = 'completed' AND {which}")
        until = time.monotonic() + PATIENCE + count * 3
        while time.monotonic() < until:
            async with self.store.read() as connection:
                ids = list((await connection.execute(query, {"value": value})).scalars())
                if len(ids) == count:
                    return [await faxes.find(connection, fax_id) for fax_id in ids]
            await asyncio.sleep(0.05)
        raise SystemExit(f"{len(ids)} of {count} faxes were completed: see {self.gateway.log}")


def _page() -> bytes:
    image = Image.new("L", (850, 1100), 255)
    draw = ImageDraw.Draw(image)
    for line in range(20):
        draw.text((80, 80 + line * 40), f"{line + 1:2}. The quick brown fox jumps over the lazy dog.", fill=0)
    file = io.BytesIO()
    image.save(file, "PDF", resolution=100)
    return file.getvalue()
