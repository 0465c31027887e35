"""`faxgate demo`: the whole way of a fax on this machine, for a first look.

Starts a gateway of its own on the embedded defaults, makes an account with two faxboxes, mails a PDF to the second
one's number and shows what becomes of it. It succeeds only if every step was seen to happen: what it prints it has read
from the gateway's log, its API and the mailbox.
"""

import asyncio
import email
import io
import json
import os
import re
import shutil
import smtplib
import socket
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ALICE, BOB = "alice@example.com", "bob@example.com"
ALICE_NUMBER, BOB_NUMBER = "+12025550101", "+12025550102"
DOMAIN = "fax.example.com"
FOLDER = Path("var/demo").absolute()
PATIENCE = 120.0
"""Seconds for any one step."""


class DemoFailed(Exception):
    """A step that did not happen; the text says which, and what was seen instead."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the demo's gateway lives."""

    folder: Path
    smtp: str
    api: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "FAXGATE_DATA_DIR": str(self.folder),
            "FAXGATE_SMTP_LISTEN": self.smtp,
            "FAXGATE_API_LISTEN": self.api,
        }


async def run() -> int:
    """Run the demo; 0 only if all of it really happened."""
    place = _Place(FOLDER, _free_port(2525), _free_port(8000))
    shutil.rmtree(place.folder, ignore_errors=True)
    gateway = _Gateway(place)
    try:
        await gateway.start()
        await _tell_the_story(place, gateway)
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}\n\nThe gateway's log:\n{gateway.log_text}", file=sys.stderr)
        return 1
    finally:
        await gateway.stop()
    return 0


class _Gateway:
    """`faxgate serve` as a process; its log is read line by line."""

    def __init__(self, place: _Place) -> None:
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self._lines: list[str] = []
        self._grown = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    @property
    def log_text(self) -> str:
        return "\n".join(self._lines)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *_faxgate("serve"), env=self._place.environment, stderr=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read())
        await self.log_line(lambda line: "gateway: ready" in line, "the gateway to start")

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def log_line(self, wanted: Callable[[str], bool], what: str, show: re.Pattern[str] | None = None) -> str:
        """Wait for a line of the log; print what `show` finds in the lines before it."""
        seen = 0
        try:
            async with asyncio.timeout(PATIENCE), self._grown:
                while True:
                    for line in self._lines[seen:]:
                        seen += 1
                        if show is not None and (found := show.search(line)):
                            print(f"    {found.group(1)}", flush=True)
                        if wanted(line):
                            return line
                    if self._reader is not None and self._reader.done():
                        raise DemoFailed(f"the gateway ended while the demo waited for {what}")
                    await self._grown.wait()
        except TimeoutError:
            raise DemoFailed(f"waited {PATIENCE:g} s for {what}") from None

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._grown:
                self._lines.append(line.decode(errors="replace").rstrip())
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()


async def _tell_the_story(place: _Place, gateway: _Gateway) -> None:
    print(f"A gateway is running: SMTP on {place.smtp}, API on http://{place.api}")
    account = await _command(place, "account", "add", "Demo", "--domain", DOMAIN)
    alice = await _faxbox(place, account["id"], "Alice", ALICE_NUMBER, ALICE)
    bob = await _faxbox(place, account["id"], "Bob", BOB_NUMBER, BOB)
    print(f"An account with two faxboxes: Alice {ALICE_NUMBER} ({ALICE}), Bob {BOB_NUMBER} ({BOB})\n")

    print(f"Mailing a PDF of 2 pages from {ALICE} to {BOB_NUMBER}@{DOMAIN}")
    reply = await asyncio.to_thread(_mail, place)
    print(f"    {reply}\n")
    print("The call:")
    await gateway.log_line(
        lambda line: "outbound" in line and ": completed" in line,
        "the call to end",
        show=re.compile(r"outbound\.\S+ fax \w+: (calling .*|negotiated .*|page .*|answered|completed.*)"),
    )
    print()
    api = _Api(place, account)
    mailbox = place.folder / "mail" / "new"
    received = await _mail_for(mailbox, BOB, "Fax from")
    receipt = await _mail_for(mailbox, ALICE, "Faxed to")
    [outbox] = await api.get("outbox", lambda entries: len(entries) == 1)
    [inbox] = await api.get("inbox", lambda entries: len(entries) == 1)
    [entry] = await api.get("smtplog", lambda entries: len(entries) == 1)
    item = (await api.get(f"outbox/{outbox['id']}", bool))["tx_result"]
    if outbox["status"] != "completed" or item["pages_sent"] != 2 or not item["success"]:
        raise DemoFailed(f"the outbox says {outbox} {item}")
    [pdf] = [part for part in received.iter_attachments() if part.get_content_type() == "application/pdf"]
    saved = place.folder / "received.pdf"
    saved.write_bytes(pdf.get_content())

    print(f"Received: a mail to {received['To']}: {received['Subject']}")
    print(f"    {pdf.get_filename()}, kept as {saved}")
    print(f"Receipt: a mail to {receipt['To']}: {receipt['Subject']}")
    print(
        f"The outbox: {outbox['status']}, {item['pages_sent']} pages at {item['fax_speed']} bit/s, "
        f"error correction {'on' if item['fax_error_correction'] else 'off'}, faxbox {alice['id']}"
    )
    print(f"The inbox: {inbox['status']}, faxbox {bob['id']}")
    print(f"The smtplog: {entry['id']}\n")
    print("To look at it yourself:")
    print(f"    FAXGATE_DATA_DIR={place.folder} make run")
    for name in (f"outbox/{outbox['id']}", f"inbox/{inbox['id']}/attachment", f"smtplog/{entry['id']}"):
        print(f"    curl -H 'X-Auth-Token: {account['auth_token']}' {api.url(name)}")
    print(f"    the mails: {mailbox}")


async def _faxbox(place: _Place, account_id: str, name: str, number: str, address: str) -> Any:
    options = ("--number", number, "--allow", address, "--deliver-to", address)
    return await _command(place, "faxbox", "add", account_id, name, *options)


def _faxgate(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway.cli", *arguments]


async def _command(place: _Place, *arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *_faxgate(*arguments), "--json", env=place.environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"faxgate {' '.join(arguments)} failed")
    return json.loads(output)


def _mail(place: _Place) -> str:
    """Send the mail with a real SMTP client; the server's last reply."""
    message = EmailMessage()
    message["From"], message["To"] = ALICE, f"{BOB_NUMBER}@{DOMAIN}"
    message["Subject"] = "The minutes of Monday"
    message["Message-ID"] = f"<demo.{os.getpid()}@example.com>"
    message.set_content("Please find the minutes attached.\n\n-- \nAlice")
    message.add_attachment(_two_pages(), maintype="application", subtype="pdf", filename="Minutes of Monday.pdf")
    host, _, port = place.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        for command in (f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{BOB_NUMBER}@{DOMAIN}>"):
            code, reply = client.docmd(command)
            if code != 250:
                raise DemoFailed(f"{command} was answered {code} {reply.decode()}")
        code, reply = client.data(message.as_bytes(policy=SMTP))
        if code != 250:
            raise DemoFailed(f"the mail was answered {code} {reply.decode()}")
        return f"{code} {reply.decode()}"


def _two_pages() -> bytes:
    """A letter of two pages, drawn here so that the demo needs no file."""
    font, large = ImageFont.load_default(34), ImageFont.load_default(90)
    pages = []
    for number in (1, 2):
        page = Image.new("L", (1700, 2200), 255)
        draw = ImageDraw.Draw(page)
        draw.text((150, 150), f"Page {number} of 2", font=large, fill=0)
        for line in range(24):
            words = "The quick brown fox jumps over the lazy dog. " * 2
            draw.text((150, 400 + line * 60), f"{line + 1:2}. {words}", font=font, fill=0)
        pages.append(page)
    file = io.BytesIO()
    pages[0].save(file, "PDF", resolution=200, save_all=True, append_images=pages[1:])
    return file.getvalue()


class _Api:
    def __init__(self, place: _Place, account: dict[str, str]) -> None:
        self._base = f"http://{place.api}/v2/accounts/{account['id']}/faxes"
        self._token = account["auth_token"]

    def url(self, name: str) -> str:
        return f"{self._base}/{name}"

    async def get(self, name: str, enough: Callable[[Any], bool]) -> Any:
        """The data of a resource, once they are enough."""
        request = urllib.request.Request(self.url(name), headers={"X-Auth-Token": self._token})  # noqa: S310
        data: Any = None
        for _ in range(100):
            with await asyncio.to_thread(urllib.request.urlopen, request) as response:
                data = json.load(response)["data"]
            if enough(data):
                return data
            await asyncio.sleep(0.1)
        raise DemoFailed(f"{self.url(name)} says {data}")


async def _mail_for(mailbox: Path, recipient: str, subject: str) -> EmailMessage:
    """The first mail to `recipient` whose subject begins like that."""
    for _ in range(300):
        for message in _mails(mailbox):
            if recipient in str(message["To"]) and str(message["Subject"]).startswith(subject):
                return message
        await asyncio.sleep(0.1)
    raise DemoFailed(f"no mail to {recipient} with the subject {subject!r} in {mailbox}")


def _mails(mailbox: Path) -> list[EmailMessage]:
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in mailbox.glob("*")]


def _free_port(preferred: int) -> str:
    """The preferred port of this machine, another one where it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{probe.getsockname()[1]}"
    raise DemoFailed("no port of this machine is free")
