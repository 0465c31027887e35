"""The whole gateway with a FreeSWITCH as its line, as a process of its own where that dies: faxes out and in, and
whatever happens meanwhile. Each fax is dialled once, and has one outcome that its sender hears of."""

import asyncio
import email
import smtplib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gateway import DOMAIN, Gateway
from gateway import settings
from gateway.administration import Administration
from gateway.app import App
from gateway.building import open_desk
from gateway.sandbox import Sandbox
from tests.documents import papers
from tests.lines.bench import draw_fax, until
from tests.lines.freeswitch.play import Moment, Play
from tests.lines.freeswitch.switch import Switch

ALICE, FAR = "alice@example.com", "+12025550190"
OUR_NUMBER, CALLER = "12025550101", "33611223344"


@dataclass
class Place:
    """A gateway, its FreeSWITCH, and what both have on disk."""

    folder: Path
    smtp_port: int
    switch: Switch
    spool: Path

    async def send(self, pages: int = 1) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = ALICE, "fax", "The minutes"
        mail.set_content("Please find the minutes attached.")
        mail.add_attachment(papers.letter(pages=pages), maintype="application", subtype="pdf", filename="minutes.pdf")

        def with_client() -> None:
            with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20) as client:
                client.sendmail(ALICE, [f"{FAR}@fax.example.com"], mail.as_bytes(policy=SMTP))

        await asyncio.to_thread(with_client)

    def faxes(self, direction: str = "outbound") -> list[dict[str, Any]]:
        with sqlite3.connect(self.folder / "faxgate.db") as database:
            database.row_factory = sqlite3.Row
            query = "SELECT id, status, error, pages FROM fax WHERE direction = ? ORDER BY id"
            return [dict(row) for row in database.execute(query, [direction])]

    def mails(self) -> list[EmailMessage]:
        folder = self.folder / "mail" / "new"
        return [email.message_from_bytes(file.read_bytes(), policy=default) for file in folder.glob("*")]

    async def ended(self, status: str, direction: str = "outbound") -> dict[str, Any]:
        await until(lambda: [fax["status"] for fax in self.faxes(direction)] == [status], seconds=30)
        return self.faxes(direction)[0]

    async def told(self, begins: str) -> EmailMessage:
        """The one mail that was sent, whose subject begins so."""
        await until(lambda: bool(self.mails()), seconds=30)
        await asyncio.sleep(0.5)
        [mail] = self.mails()
        assert mail["Subject"].startswith(begins), mail["Subject"]
        return mail

    async def ring(self, image: bytes, play: str | Play = "inbound_rxfax_success") -> str:
        path = self.spool / "rx" / f"{OUR_NUMBER}.{CALLER}.{{uuid}}.tif"
        return await self.switch.ring(play, to=OUR_NUMBER, from_=CALLER, path=path, image=image)


@dataclass
class Apart(Place):
    """The gateway is a process of its own, which can die."""

    gateway: Gateway

    async def up(self) -> None:
        await self.gateway.start()
        await self.gateway.up()


async def _install(folder: Path) -> None:
    """One account with one faxbox."""
    desk = await open_desk(settings.read(data_dir=folder))
    administration = Administration(desk.store, desk.wake, desk.clock)
    practice, _ = await administration.add_account("Practice", domains=["fax.example.com"])
    await administration.add_faxbox(
        practice.id, "Front", numbers=[f"+{OUR_NUMBER}"], permits=[ALICE], inbound_email=[ALICE]
    )
    await desk.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "faxes"


@pytest.fixture
async def switch(spool: Path) -> AsyncIterator[Switch]:
    async with Switch(pace=0.01, cdr_directory=spool / "cdr") as switch:
        yield switch


@pytest.fixture
def line(switch: Switch, spool: Path) -> str:
    return f"freeswitch://:{switch.password}@127.0.0.1:{switch.port}?dial=sofia/gateway/trunk/{{number}}&spool={spool}"


@pytest.fixture
async def place(tmp_path: Path, switch: Switch, spool: Path, line: str) -> AsyncIterator[Apart]:
    gateway = Gateway(tmp_path, lines=line, lease_seconds="1")
    await _install(tmp_path)
    place = Apart(tmp_path, gateway.smtp_port, switch, spool, gateway)
    try:
        await place.up()
        yield place
    finally:
        await gateway.kill()


@pytest.fixture
async def within(tmp_path: Path, switch: Switch, spool: Path, line: str, sandbox: Sandbox) -> AsyncIterator[Place]:
    await _install(tmp_path)
    read = settings.read(
        data_dir=tmp_path,
        lines=line,
        lease_seconds=1,
        smtp_listen="127.0.0.1:0",
        api_listen="127.0.0.1:0",
        smtp_hostname=DOMAIN,
    )
    app = App(read, sandbox=sandbox)
    await app.start()
    try:
        yield Place(tmp_path, int(app.addresses.smtp.rpartition(":")[2]), switch, spool)
    finally:
        await app.hang_up()
        await app.stop()


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return draw_fax(tmp_path / "received.tif", 1).read_bytes()


def held(moment: Moment = Moment.NEGOTIATED) -> Callable[[object], Play]:
    return lambda _: Play("success_1page_sofia_audio", hold=moment)


async def test_a_mailed_pdf_is_faxed(place: Apart) -> None:
    await place.send()
    await place.ended("completed")
    mail = await place.told("Faxed to")
    text = mail.get_body(("plain",))
    assert text is not None
    assert "+33 1 00 00 10 00" in text.get_content()  # what the far end calls itself
    [made] = place.switch.originates
    assert made.endpoint == f"sofia/gateway/trunk/{FAR}"
    assert made.variables["origination_caller_id_number"] == f"+{OUR_NUMBER}"
    assert made.decoded("fax_ident") == f"+{OUR_NUMBER}"
    await until(lambda: list((place.spool / "tx").iterdir()) == [])


async def test_a_fax_that_comes_in_is_mailed(within: Place, image: bytes) -> None:
    await within.ring(image)
    fax = await within.ended("received", "inbound")
    assert fax["pages"] == 1
    mail = await within.told("Fax from")
    [pdf] = mail.iter_attachments()
    assert pdf.get_content().startswith(b"%PDF")
    await until(lambda: list((within.spool / "rx").iterdir()) == [])


async def test_the_gateway_is_killed_during_a_call(place: Apart) -> None:
    place.switch.script = held()
    await place.send()
    await place.switch.heard("bgapi originate")
    await place.gateway.kill()
    await place.up()
    await place.switch.subscribed()
    await asyncio.sleep(2)
    [made] = place.switch.originates
    assert [fax["status"] for fax in place.faxes()] == ["processing"]
    place.switch.release(made.uuid)
    await place.ended("completed")
    await place.told("Faxed to")
    assert len(place.switch.originates) == 1


async def test_the_call_ends_while_the_gateway_is_dead(place: Apart) -> None:
    place.switch.script = held()
    await place.send()
    await place.switch.heard("bgapi originate")
    await place.gateway.kill()
    [made] = place.switch.originates
    place.switch.release(made.uuid)
    await place.switch.ended(made.uuid)
    await place.up()
    await place.ended("completed")
    await place.told("Faxed to")
    assert len(place.switch.originates) == 1
    await until(lambda: list((place.spool / "cdr").iterdir()) == [])


async def test_freeswitch_is_killed_during_a_call(within: Place) -> None:
    """Nobody can say how far it got: it is not dialled again, and its sender hears so at once."""
    within.switch.script = held()
    await within.send()
    [made] = (await within.switch.heard("bgapi originate"), within.switch.originates)[1]
    await until(lambda: made.uuid in within.switch.live)
    await within.switch.kill()
    await within.switch.restart()
    fax = await within.ended("failed")
    assert "may have arrived" in fax["error"]
    await within.told("Fax to")
    assert len(within.switch.originates) == 1


async def test_the_event_socket_breaks_during_a_call(within: Place) -> None:
    within.switch.script = held()
    await within.send()
    await within.switch.heard("bgapi originate")
    await within.switch.drop(notice=True)
    await within.switch.subscribed()
    within.switch.release(within.switch.originates[0].uuid)
    await within.ended("completed")
    await within.told("Faxed to")
    assert len(within.switch.originates) == 1


async def test_a_fax_arrives_while_the_gateway_is_dead(place: Apart, image: bytes) -> None:
    await place.gateway.kill()
    uuid = await place.ring(image)
    await place.switch.ended(uuid)
    await place.up()
    await place.ended("received", "inbound")
    mail = await place.told("Fax from")
    assert mail["Subject"] == "Fax from +33 6 11 22 33 44, 1 page"
    await place.gateway.kill()
    await place.up()
    await asyncio.sleep(1)
    assert len(place.mails()) == 1


async def test_the_gateway_is_killed_while_a_fax_comes_in(place: Apart, image: bytes) -> None:
    uuid = await place.ring(image, Play("inbound_rxfax_success", hold=Moment.NEGOTIATED))
    await until(lambda: [fax["status"] for fax in place.faxes("inbound")] == ["receiving"], seconds=30)
    await place.gateway.kill()
    await place.up()
    await place.switch.subscribed()
    place.switch.release(uuid)
    await place.ended("received", "inbound")
    await place.told("Fax from")


async def test_stopping_in_order_waits_for_the_call(place: Apart) -> None:
    place.switch.script = held()
    await place.send()
    await place.switch.heard("bgapi originate")
    stopping = asyncio.create_task(place.gateway.stop())
    await asyncio.sleep(1)
    assert not stopping.done()
    place.switch.release(place.switch.originates[0].uuid)
    await asyncio.wait_for(stopping, 30)
    assert [fax["status"] for fax in place.faxes()] == ["completed"]


async def test_a_fax_waits_for_a_freeswitch_that_is_away(within: Place) -> None:
    await within.switch.kill()
    await within.send()
    await until(lambda: [fax["status"] for fax in within.faxes()] == ["pending"], seconds=30)
    await asyncio.sleep(1)
    assert within.switch.originates == []
    await within.switch.restart()
    await within.ended("completed")
