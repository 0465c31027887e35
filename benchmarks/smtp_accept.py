"""Mails accepted per second, durably: our SMTP door beside a bare aiosmtpd handler and Postfix's smtpd.

    python -m benchmarks.smtp_accept [--seconds 4] [--sizes 50 500] [--sessions 1 10 50] [--only bare door]

Each contender is a process of its own and so is the load, on loopback. A mail is a text and a real PDF of so many kB;
every session sends one after the other. The bare handler writes each mail into a file and fsyncs it, and does nothing
else. The door does its whole work (recipients, MIME, a look into the PDF in a sandboxed process) and hands documents
to something that writes and fsyncs them. The gateway is all of it, `faxgate serve --role smtp` with its database, which
commits mails in groups. Contenders take turns, so that the ratios of one run can be believed; the
rates themselves say more about the machine.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from io import BytesIO
from pathlib import Path

import pikepdf
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.accounts import Account, Faxbox
from gateway.clock import Clock
from gateway.fax import Fax
from gateway.numbers import to_e164
from gateway.outbound.submission import Submission
from gateway.resolver import Resolver
from gateway.routing import FaxRoute, FaxTarget, OperatorRoute
from gateway.sandbox import Sandbox
from gateway.smtplog import SmtplogEntry
from smtp.message import Message, Options, read
from smtp.policy import Limits, Policy
from smtp.proving import Prover
from smtp.server import Server
from smtp.transaction import Gateway
from smtp.workers import SandboxedWorkers

NAMES = ["bare", "door", "gateway", "postfix"]
SENDER = "alice@example.com"
RECIPIENT = "+15551234567@fax.example.com"
ROOT = Path(__file__).parent.parent
WORK = ROOT / "bench-out"
"""On the disk that the gateway would use: /tmp may be memory, where fsync costs nothing."""


# The load


def mail(kilobytes: int) -> tuple[bytes, bytes]:
    """A mail of about that size in two halves, between which a Message-ID belongs."""
    filler = os.urandom(int(kilobytes * 1000 / 4 * 3 * 76 / 78) - 1400)
    made = BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(595, 842))
        document.pages[0].Contents = document.make_stream(b"q Q")
        document.Root.Filler = document.make_stream(filler)
        document.save(made, compress_streams=False)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, "A letter"
    message.set_content("Please see attached.\n")
    message.add_attachment(made.getvalue(), maintype="application", subtype="pdf", filename="letter.pdf")
    return b"Message-ID: <", b"@example.com>\r\n" + message.as_bytes(policy=SMTP_POLICY)


async def send_mails(port: int, kilobytes: int, sessions: int, seconds: float) -> float:
    """Mails per second that were answered 250."""
    before, after = mail(kilobytes)
    ends = time.monotonic() + seconds

    async def session(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def expect(code: bytes) -> None:
            line = await reader.readline()
            while line[3:4] == b"-":
                line = await reader.readline()
            if not line.startswith(code):
                raise RuntimeError(f"expected {code!r}, heard {line!r}")

        await expect(b"220")
        writer.write(b"EHLO load.example\r\n")
        await expect(b"250")
        sent = 0
        while time.monotonic() < ends:
            # Not pipelined: the bare server does not advertise it.
            for command, code in (
                (f"MAIL FROM:<{SENDER}>", b"250"),
                (f"RCPT TO:<{RECIPIENT}>", b"250"),
                ("DATA", b"354"),
            ):
                writer.write(command.encode() + b"\r\n")
                await expect(code)
            writer.write(b"%s%d.%d.%d" % (before, os.getpid(), number, sent))
            writer.write(after)
            writer.write(b".\r\n")
            await expect(b"250")
            sent += 1
        writer.close()
        return sent

    began = time.monotonic()
    sent = sum(await asyncio.gather(*[session(number) for number in range(sessions)]))
    return sent / (time.monotonic() - began)


# The contenders, as processes


async def serve_bare(port: int, directory: Path) -> None:
    class Handler:
        count = 0

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            assert isinstance(envelope.content, bytes)
            self.count += 1
            write_durably(directory / f"{self.count}", envelope.content)
            return "250 OK"

    handler = Handler()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="bare.example", loop=loop), "127.0.0.1", port)
    await server.serve_forever()


def write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class OneBox:
    """Routes everything to one faxbox."""

    when = datetime(2026, 1, 1, tzinfo=UTC)
    account = Account(id="a", name="Bench", created_at=when)
    box = Faxbox(id="b", account_id="a", name="Bench", created_at=when, permits=(".*",))

    async def owner(self, domain: str) -> Account | None:
        return self.account

    async def route(self, local: str, domain: str) -> FaxTarget | OperatorRoute:
        destination = to_e164(local, "US")
        return FaxTarget(account=self.account, boxes=(self.box,), number=local, destination=destination)


class WrittenAndSynced:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def submit(self, submission: Submission) -> list[Fax]:
        entry = submission.entry
        assert entry
        (document,) = submission.documents
        assert isinstance(document.content, bytes)
        await asyncio.to_thread(write_durably, self._directory / entry.id, document.content)
        return []

    async def check_room(self, route: FaxRoute, sender: str) -> None:
        pass

    async def record(self, entry: SmtplogEntry) -> None:
        raise RuntimeError(f"refused: {entry}")


async def serve_door(port: int, directory: Path) -> None:
    sandbox = Sandbox(preload=("gateway.documents.inspect", "smtp.message"))
    await sandbox.start()

    async def parse(content: bytes | Path, options: Options) -> Message:
        return await sandbox.quick(read, content, options)

    async def parse_slowly(content: bytes | Path, options: Options) -> Message:
        return await sandbox.run(read, content, options)

    prover = Prover(SandboxedWorkers(sandbox), Resolver(), Clock())
    policy = Policy(
        hostname="door.example",
        spool_directory=directory / "spool",
        trusted_networks=(ipaddress.ip_network("127.0.0.0/8"),),
        limits=Limits(),
    )
    server = Server(policy, Gateway(OneBox(), WrittenAndSynced(directory), parse, parse_slowly, prover))
    await server.start("127.0.0.1", port)
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Contender:
    name: str
    port: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(name: str) -> Iterator[Contender]:
    port = free_port()
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        if name == "postfix":
            with postfix(port, Path(directory)):
                yield Contender(name, port)
            return
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FAXGATE_DATA_DIR": directory,
            "FAXGATE_SMTP_LISTEN": f"127.0.0.1:{port}",
        }
        command = [sys.executable, "-m", "benchmarks.smtp_accept", "--serve", name, str(port), directory]
        if name == "gateway":
            faxgate = [sys.executable, "-m", "gateway.cli"]
            make_box(faxgate, environment)
            command = [*faxgate, "serve", "--role", "smtp"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            yield Contender(name, port)
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def postfix(port: int, directory: Path) -> Iterator[None]:
    """An instance of its own, as installed but for its place: mails are queued (and fsynced), then discarded."""
    directory.chmod(0o755)  # it gives its rights up
    configuration, queue, data = (directory / name for name in ("etc", "queue", "data"))
    for each in (configuration, queue, data):
        each.mkdir()
    shutil.chown(data, "postfix")
    (configuration / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n"
        "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nmyhostname = bench.example\n"
        "mydestination =\nalias_maps =\nalias_database =\ndefault_transport = discard:\nin_flow_delay = 0\n"
        "smtpd_client_connection_count_limit = 0\nmaillog_file =\nsyslog_name = postfix-bench\n"
    )
    services = [
        f"127.0.0.1:{port} inet n - n - - smtpd",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "discard unix - - n - - discard",
        "anvil unix - - n - 1 anvil",
        *(f"{name} unix - - n - 0 bounce" for name in ("bounce", "defer", "trace")),
        "error unix - - n - - error",
        "proxymap unix - - n - - proxymap",
    ]
    (configuration / "master.cf").write_text("\n".join(services) + "\n")
    command = ["postfix", "-c", str(configuration)]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        wait_for(port)
        yield
    finally:
        subprocess.run([*command, "stop"], check=True, capture_output=True)


def make_box(faxgate: list[str], environment: dict[str, str]) -> None:
    """An account and a faxbox that takes what the load sends."""
    user, domain = RECIPIENT.split("@")
    account = [*faxgate, "account", "add", "Bench", "--domain", domain]
    made = json.loads(subprocess.run(account, cwd=ROOT, env=environment, check=True, capture_output=True).stdout)
    box = [*faxgate, "faxbox", "add", made["id"], "Bench", "--number", user, "--allow", SENDER]
    subprocess.run(box, cwd=ROOT, env=environment, check=True, capture_output=True)


def wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server does not listen")


def measure(contender: Contender, kilobytes: int, sessions: int, seconds: float) -> float:
    """Run the load in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.smtp_accept",
        "--load",
        *map(str, (contender.port, kilobytes, sessions, seconds)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True, timeout=120
    )
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=4, type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        name, port, directory = arguments.serve
        asyncio.run({"bare": serve_bare, "door": serve_door}[name](int(port), Path(directory)))
        return
    if arguments.load:
        port, kilobytes, sessions, seconds = arguments.load
        print(json.dumps(asyncio.run(send_mails(int(port), int(kilobytes), int(sessions), seconds))))
        return
    names = list(arguments.only)
    if "postfix" in names and not (shutil.which("postfix") and os.geteuid() == 0):
        print("postfix is not installed here, or this is not root: its smtpd is left out")
        names.remove("postfix")
    compare(names, arguments.sizes, arguments.sessions, arguments.seconds, arguments.rounds)


def compare(names: list[str], sizes: list[int], sessions: list[int], seconds: float, rounds: int) -> None:
    """Print the rates, and their ratios to the first contender's."""
    print(f"{'mail':>8} {'sessions':>8} " + " ".join(f"{name + ' /s':>18}" for name in names))
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(started(name)) for name in names]
        for kilobytes, number in itertools.product(sizes, sessions):
            rates = dict.fromkeys(names, 0.0)
            for _ in range(rounds):
                for contender in contenders:
                    rates[contender.name] += measure(contender, kilobytes, number, seconds) / rounds
            columns = [f"{rate:>9.1f} ({rate / rates[names[0]]:>5.2f}x)" for rate in rates.values()]
            print(f"{kilobytes:>5} kB {number:>8} " + " ".join(columns), flush=True)


if __name__ == "__main__":
    main()
