"""`make prove-crash`: kill -9 the gateway at random moments while mails and faxes flow, and count what became of each.

Every mail carries its number as black and white blocks on its page, so that what was received can be told apart by
looking at it. At the end every mail that got 250 must be one fax, completed or failed; every completed fax must have
been received exactly once; nothing may be received twice. Prints the counts; exits 1 where they are not so.
"""

import argparse
import asyncio
import io
import random
import shutil
import smtplib
import sqlite3
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from PIL import Image, ImageDraw

from benchmarks.gateway import DOMAIN, Gateway
from gateway.administration import Administration
from gateway.building import open_desk
from gateway.settings import read

BITS = 16
BOB, FAX_MACHINE, NOBODY = "+12025550102", "+12025550190", "+12025550194"
SENDERS = 4
PATIENCE = 180.0
"""Seconds for everything to end after the last kill."""


@dataclass
class Counts:
    """What was seen; see `problems` for what must not be."""

    rounds: int = 0
    mails_accepted: int = 0
    mails_unanswered: int = 0
    faxes: int = 0
    completed: int = 0
    failed: int = 0
    received: int = 0
    calls: int = 0
    accepted_but_lost: list[int] = field(default_factory=list)
    accepted_but_not_ended: list[int] = field(default_factory=list)
    made_two_faxes: list[int] = field(default_factory=list)
    completed_but_not_received: list[int] = field(default_factory=list)
    received_twice: list[int] = field(default_factory=list)
    received_unreadable: int = 0
    notices_sent_twice: int = 0
    """Allowed, and explained: a kill between the relay's answer and our commit."""
    receipts_missing: list[int] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        wrong = {name: value for name, value in asdict(self).items() if isinstance(value, list)}
        found = [f"{name.replace('_', ' ')}: {value}" for name, value in wrong.items() if value]
        return found + ([f"received unreadable: {self.received_unreadable}"] if self.received_unreadable else [])


def page(number: int) -> bytes:
    """A PDF page that shows `number` in blocks across its width."""
    image = Image.new("L", (850, 1100), 255)
    draw = ImageDraw.Draw(image)
    for bit in range(BITS):
        if number >> bit & 1:
            draw.rectangle((50 + bit * 46, 400, 50 + bit * 46 + 40, 700), fill=0)
    file = io.BytesIO()
    image.save(file, "PDF", resolution=100)
    return file.getvalue()


def number_on(image: Path) -> int:
    """The number that a received page shows."""
    with Image.open(image) as received:
        width, height = received.size
        dark = received.convert("L")
        row = round(height * 550 / 1100)
        columns = [round(width * (70 + bit * 46) / 850) for bit in range(BITS)]
        return sum(1 << bit for bit, column in enumerate(columns) if dark.getpixel((column, row)) == 0)


class Sender:
    """Sends mails one after the other, and notes which were answered 250."""

    def __init__(self, port: int, *, pause: float = 0.0) -> None:
        """`pause` seconds after each mail."""
        self._port = port
        self._pause = pause
        self.accepted: list[int] = []
        self.unanswered: list[int] = []
        self.stopping = False

    async def run(self, numbers: "asyncio.Queue[int]") -> None:
        """Send until told to stop, or no number is left."""
        while not self.stopping and not numbers.empty():
            number = numbers.get_nowait()
            try:
                await asyncio.to_thread(self._send, number)
                self.accepted.append(number)
                await asyncio.sleep(self._pause)
            except (OSError, smtplib.SMTPException):
                self.unanswered.append(number)
                await asyncio.sleep(0.1)

    def _send(self, number: int) -> None:
        mail = EmailMessage()
        mail["Subject"] = f"mail {number}"
        mail["Message-ID"] = f"<{number}@crash.example.com>"
        mail.add_attachment(page(number), maintype="application", subtype="pdf", filename="page.pdf")
        to = {0: FAX_MACHINE, 1: NOBODY}.get(number % 5, BOB)
        with smtplib.SMTP("127.0.0.1", self._port, timeout=20) as client:
            client.sendmail("alice@example.com", [f"{to}@{DOMAIN}"], mail.as_bytes(policy=SMTP))


async def prove(rounds: int, *, seed: int, pace: str = "fast", pause: float = 0.0, folder: Path) -> Counts:
    """Run the rounds in `folder` and count."""
    chance = random.Random(seed)
    gateway = await installed(folder, pace=pace)
    clients = [Sender(gateway.smtp_port, pause=pause) for _ in range(SENDERS)]
    await gateway.start()
    await gateway.up()
    numbers = numbered(1, 1 << BITS)
    sending = [asyncio.create_task(client.run(numbers)) for client in clients]
    for _ in range(rounds):
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        await gateway.kill()
        await gateway.start()
        # Half the kills fall into the start, the other half into the work.
        if chance.random() < 0.5:
            await gateway.up()
    for client in clients:
        client.stopping = True
    await asyncio.gather(*sending)
    await all_ended(folder)
    await gateway.stop()
    counts = count(folder, clients)
    counts.rounds = rounds
    return counts


async def installed(folder: Path, *, pace: str = "fast") -> Gateway:
    """A gateway with the account and the boxes that the mails need; not started."""
    gateway = Gateway(folder, lines=f"loopback://?pace={pace}", lease_seconds="2")
    desk = await open_desk(read(data_dir=folder, database_url="", documents_url=""))
    administration = Administration(desk.store, desk.wake, desk.clock)
    account, _ = await administration.add_account("Crash", domains=[DOMAIN], max_calls=50)
    await administration.add_faxbox(account.id, "Bob", numbers=[BOB], inbound_email=["bob@example.com"])
    await administration.add_faxbox(account.id, "Alice", permits=["alice@example.com"])
    await desk.close()
    return gateway


def numbered(first: int, end: int) -> "asyncio.Queue[int]":
    """The numbers of mails to be sent."""
    numbers: asyncio.Queue[int] = asyncio.Queue()
    for number in range(first, end):
        numbers.put_nowait(number)
    return numbers


async def all_ended(folder: Path) -> None:
    """Wait, but not for ever, until every fax has ended and every notice is sent."""
    ended = "('completed', 'failed', 'cancelled', 'received', 'partial')"
    for _ in range(int(PATIENCE * 4)):
        with sqlite3.connect(folder / "faxgate.db", timeout=20) as database:
            [(open_faxes,)] = database.execute(f"SELECT count(*) FROM fax WHERE status NOT IN {ended}")
            [(open_notices,)] = database.execute("SELECT count(*) FROM notice WHERE state = 'pending'")
        database.close()
        if not open_faxes and not open_notices:
            return
        await asyncio.sleep(0.25)


def count(folder: Path, senders: list[Sender]) -> Counts:
    """What became of the mails that `senders` sent, by the database, the documents and the mailbox of `folder`."""
    accepted = {number for sender in senders for number in sender.accepted}
    counts = Counts(mails_accepted=len(accepted), mails_unanswered=sum(len(sender.unanswered) for sender in senders))
    database = sqlite3.connect(folder / "faxgate.db")
    outbound = database.execute(
        "SELECT id, message_id, status, destination FROM fax WHERE direction = 'outbound'"
    ).fetchall()
    by_number: dict[int, list[tuple[str, str, str]]] = {}
    for fax_id, message_id, status, destination in outbound:
        by_number.setdefault(int(message_id.strip("<").partition("@")[0]), []).append((fax_id, status, destination))
    inbound = database.execute(
        "SELECT image_key FROM fax WHERE direction = 'inbound' AND status IN ('received', 'partial')"
    ).fetchall()
    received: Counter[int] = Counter()
    for (image_key,) in inbound:
        number = number_on(folder / "documents" / image_key)
        received[number] += 1
        counts.received_unreadable += number not in by_number
    told = Counter(fax_id for (fax_id,) in database.execute("SELECT fax_id FROM notice WHERE state = 'sent'"))
    [(counts.calls,)] = database.execute("SELECT count(*) FROM attempt WHERE direction = 'outbound'")
    database.close()

    counts.faxes = len(outbound)
    counts.received = sum(received.values())
    for number in sorted(accepted | by_number.keys()):
        faxes = by_number.get(number, [])
        statuses = [status for _, status, _ in faxes]
        counts.completed += statuses.count("completed")
        counts.failed += statuses.count("failed")
        if number in accepted and not faxes:
            counts.accepted_but_lost.append(number)
        if len(faxes) > 1:
            counts.made_two_faxes.append(number)
        if set(statuses) - {"completed", "failed"}:
            counts.accepted_but_not_ended.append(number)
        if any(status == "completed" and to == BOB for _, status, to in faxes) and not received[number]:
            counts.completed_but_not_received.append(number)
        if received[number] > 1:
            counts.received_twice.append(number)
        if any(not told[fax_id] for fax_id, _, _ in faxes):
            counts.receipts_missing.append(number)
    mails = Counter(
        line.split()[1]
        for file in (folder / "mail" / "new").iterdir()
        for line in file.read_bytes().decode("ascii", "replace").splitlines()
        if line.lower().startswith("message-id:")
    )
    counts.notices_sent_twice = sum(count - 1 for count in mails.values())
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--pace", choices=("fast", "realtime"), default="fast")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the database and the log")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="faxgate-crash-"))
    print(f"{options.rounds} rounds, seed {options.seed}, in {folder}", flush=True)
    counts = asyncio.run(prove(options.rounds, seed=options.seed, pace=options.pace, folder=folder))
    for name, value in asdict(counts).items():
        print(f"  {name.replace('_', ' '):32} {value}")
    if counts.problems:
        print(f"NOT PROVED, see {folder}: {'; '.join(counts.problems)}")
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    print("Nothing lost, nothing sent twice.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
