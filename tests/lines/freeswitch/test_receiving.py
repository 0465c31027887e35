"""A fax that comes in through FreeSWITCH is told once, with its numbers and its pages, whatever dies meanwhile."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.lines.freeswitch import calls, node, receiving, records
from tests.lines.bench import draw_fax, until
from tests.lines.freeswitch.bench import NUMBER, Bench, opened
from tests.lines.freeswitch.conftest import OpenLine
from tests.lines.freeswitch.play import Moment, Play
from tests.lines.freeswitch.switch import Switch

CALLER = "33611223344"
CALLED = NUMBER.removeprefix("+")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "WRITTEN_SECONDS", 0.3)
    monkeypatch.setattr(receiving, "ABANDONED_SECONDS", 0.5)
    monkeypatch.setattr(receiving, "IMAGE_SECONDS", 1.0)
    monkeypatch.setattr(node, "FIRST_PAUSE", 0.02)


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return draw_fax(tmp_path / "received.tif", 1).read_bytes()


async def ring(bench: Bench, image: bytes, play: str | Play = "inbound_rxfax_success", *, to: str = CALLED) -> str:
    """A call as our dialplan takes it; returns its channel's uuid."""
    folder = bench.spool / "rx"
    folder.mkdir(parents=True, exist_ok=True)
    return await bench.switch.ring(play, to=to, from_=CALLER, path=folder / "{uuid}.tif", image=image)


def left(bench: Bench) -> list[str]:
    return [path.name for name in ("rx", "cdr") for path in (bench.spool / name).iterdir()]


async def stored(bench: Bench) -> None:
    async with asyncio.timeout(20):
        await bench.incoming.stored.wait()


async def test_a_fax_comes_in(open_line: OpenLine, image: bytes) -> None:
    async with open_line() as bench:
        uuid = await ring(bench, image)
        await stored(bench)
        call_id = uuid.replace("-", "")
        assert bench.incoming.events == [("began", call_id), ("ended", call_id)]
        call = bench.incoming.calls[call_id]
        assert (call.from_number, call.to_number, call.line) == (f"+{CALLER}", NUMBER, bench.line.name)
        result = bench.incoming.results[call_id]
        assert (result.success, result.pages, result.result_code, result.rate, result.ecm) == (True, 1, 0, 14400, True)
        assert result.remote_station_id == "+33 6 11 22 33 44"
        assert bench.incoming.images[call_id] == image
        assert bench.incoming.told_with == [f"{uuid}.tif"]  # removed when it is stored, not before
        assert [(one.stage, one.page) for one in bench.incoming.progress] == [("negotiated", 0), ("page", 1)]
        await until(lambda: left(bench) == [])
        await until(lambda: bench.line.status().active == 0)


async def test_a_fax_comes_in_by_t38(open_line: OpenLine, image: bytes) -> None:
    async with open_line() as bench:
        await ring(bench, image, "inbound_rxfax_success_t38")
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.t38) == (True, True)


async def test_three_pages_come_in(open_line: OpenLine, tmp_path: Path) -> None:
    image = draw_fax(tmp_path / "three.tif", 3).read_bytes()
    async with open_line() as bench:
        await ring(bench, image, "inbound_rxfax_success_3pages")
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages) == (True, 3)
        assert [one.page for one in bench.incoming.progress] == [0, 1, 2, 3]


FAILED = [("inbound_rxfax_caller_hangs_up_mid_page", 49), ("inbound_rxfax_caller_silent", 3)]


@pytest.mark.parametrize(("name", "code"), FAILED)
async def test_a_call_without_a_page_is_told_too(open_line: OpenLine, image: bytes, name: str, code: int) -> None:
    async with open_line() as bench:
        await ring(bench, image, name)
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages, result.result_code) == (False, 0, code)
        assert list(bench.incoming.images.values()) == [None]
        await until(lambda: left(bench) == [])


async def test_a_call_to_a_number_that_is_not_ours_is_left_alone(open_line: OpenLine, image: bytes) -> None:
    async with open_line() as bench:
        uuid = await ring(bench, image, to="15550000000")
        await bench.switch.ended(uuid)
        await until(lambda: bench.line.status().active == 0)
        assert bench.incoming.events == []
        assert left(bench) == [f"{uuid}.tif"]


async def test_what_cannot_be_stored_is_told_again(
    open_line: OpenLine, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line() as bench:
        bench.incoming.refusals = 2
        await ring(bench, image)
        await stored(bench)
        assert [event for event, _ in bench.incoming.events] == ["began", "ended"]
        assert list(bench.incoming.images.values()) == [image]


async def test_a_gateway_that_was_down_finds_what_arrived(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    async with open_line() as bench:
        switch.cdr_directory = bench.spool / "cdr"
    uuid = await ring(bench, image)
    await switch.ended(uuid)
    assert sorted(left(bench)) == [f"{uuid}.cdr.json", f"{uuid}.tif"]
    async with open_line() as after:
        await stored(after)
        [call] = after.incoming.calls.values()
        assert (call.call_id, call.from_number, call.to_number) == (uuid.replace("-", ""), f"+{CALLER}", NUMBER)
        [result] = after.incoming.results.values()
        assert (result.success, result.pages, result.result_code) == (True, 1, 0)
        assert list(after.incoming.images.values()) == [image]
        await until(lambda: left(after) == [])
    async with open_line() as again:
        await asyncio.sleep(0.5)
        assert again.incoming.events == []


async def test_without_a_record_the_name_of_the_image_tells(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    """FreeSWITCH was killed: there is a file, and nothing else is known."""
    async with open_line() as bench:
        uuid = "6112f4df-68e6-4cc9-a80c-31ae338b6503"
        file = bench.spool / "rx" / f"{CALLED}.{CALLER}.{uuid}.tif"
        file.write_bytes(image)
        await asyncio.sleep(0.3)
        assert bench.incoming.events == []  # it may still be written
        os.utime(file, (1_700_000_000, 1_700_000_000))
        await stored(bench)
        [call] = bench.incoming.calls.values()
        assert (call.from_number, call.to_number) == (f"+{CALLER}", NUMBER)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages) == (False, 1)  # nobody knows whether it is all
        await until(lambda: left(bench) == [])


async def test_a_stub_without_pages_is_a_failed_call(open_line: OpenLine) -> None:
    async with open_line() as bench:
        file = bench.spool / "rx" / f"{CALLED}.unknown.6112f4df-68e6-4cc9-a80c-31ae338b6503.tif"
        file.write_bytes(b"II*\0\0\0\0\0")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        await stored(bench)
        assert list(bench.incoming.images.values()) == [None]
        await until(lambda: left(bench) == [])


async def test_the_event_socket_breaks_during_a_call(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    async with open_line() as bench:
        uuid = await ring(bench, image, Play("inbound_rxfax_success", hold=Moment.NEGOTIATED))
        await until(lambda: bool(bench.incoming.progress))
        await switch.drop()
        await until(lambda: bench.line.status().available)
        switch.release(uuid)
        await stored(bench)
        assert [event for event, _ in bench.incoming.events] == ["began", "ended"]
        assert list(bench.incoming.images.values()) == [image]


async def test_a_call_ends_while_the_event_socket_is_away(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    async with open_line() as bench:
        switch.cdr_directory = bench.spool / "cdr"
        uuid = await ring(bench, image, Play("inbound_rxfax_success", hold=Moment.NEGOTIATED))
        await until(lambda: bool(bench.incoming.progress))
        switch.rejecting = True
        await switch.drop()
        switch.release(uuid)
        await switch.ended(uuid)
        switch.rejecting = False
        await stored(bench)
        await asyncio.sleep(0.5)
        assert [event for event, _ in bench.incoming.events] == ["began", "ended"]
        [result] = bench.incoming.results.values()
        assert (result.success, result.result_code) == (True, 0)


async def test_freeswitch_is_killed_during_a_call(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    async with open_line() as bench:
        uuid = await ring(bench, image, Play("inbound_rxfax_success", hold=Moment.NEGOTIATED))
        await until(lambda: bool(bench.incoming.progress))
        (bench.spool / "rx" / f"{uuid}.tif").write_bytes(image)  # one page was written by then
        await switch.kill()
        await switch.restart()
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages) == (False, 1)
        assert list(bench.incoming.images.values()) == [image]
        await asyncio.sleep(0.5)
        assert [event for event, _ in bench.incoming.events] == ["began", "ended"]


async def test_freeswitch_stays_away_during_a_call(
    open_line: OpenLine, switch: Switch, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.lines.freeswitch.line.PATIENCE_SECONDS", 0.5)
    async with open_line() as bench:
        await ring(bench, image, Play("inbound_rxfax_success", hold=Moment.NEGOTIATED))
        await until(lambda: bool(bench.incoming.progress))
        await switch.kill()
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert not result.success


async def test_two_gateways_hear_the_same_call(open_line: OpenLine, image: bytes) -> None:
    """Each tells it under the same id; what is stored is stored by that id."""
    async with open_line() as one, open_line() as other:
        uuid = await ring(one, image)
        async with asyncio.timeout(20):
            await one.switch.ended(uuid)
            await until(lambda: bool(one.incoming.results or other.incoming.results) and left(one) == [])
        told = {call_id for bench in (one, other) for call_id in bench.incoming.results}
        assert told == {uuid.replace("-", "")}


HOSTILE = ["x\nfax-success: 0", "%0Afax-result-code: 48", "\x1b[2J" + "A" * 500, "ﬀ\u202e; DROP TABLE fax", ""]


@pytest.mark.parametrize("ident", HOSTILE, ids=ascii)
async def test_what_a_caller_calls_itself_changes_nothing(open_line: OpenLine, image: bytes, ident: str) -> None:
    async with open_line() as bench:
        folder = bench.spool / "rx"
        uuid = await bench.switch.ring(
            to=CALLED, from_=CALLER, name=ident, station_id=ident, path=folder / "{uuid}.tif", image=image
        )
        await stored(bench)
        result = bench.incoming.results[uuid.replace("-", "")]
        assert (result.success, result.result_code, result.pages) == (True, 0, 1)
        assert result.remote_station_id.isprintable()
        assert len(result.remote_station_id) <= 128


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:evil@example.com", "+1 (555) 987-0002", "A" * 300])
async def test_a_caller_may_have_no_number(open_line: OpenLine, image: bytes, caller: str) -> None:
    async with open_line() as bench:
        uuid = await bench.switch.ring(to=NUMBER, from_=caller, path=bench.spool / "rx" / "{uuid}.tif", image=image)
        await stored(bench)
        call = bench.incoming.calls[uuid.replace("-", "")]
        assert call.to_number == NUMBER
        assert call.from_number == ("+15559870002" if "987" in caller else caller[:32])


async def test_the_numbers_of_a_country(switch: Switch, tmp_path: Path, page: Path, image: bytes) -> None:
    async with opened(switch, tmp_path / "spool", page, "&country=US") as bench:
        uuid = await bench.switch.ring(
            to="5551230002", from_="5559870002", path=bench.spool / "rx" / "{uuid}.tif", image=image
        )
        await stored(bench)
        call = bench.incoming.calls[uuid.replace("-", "")]
        assert (call.from_number, call.to_number) == ("+15559870002", NUMBER)


async def test_a_file_outside_the_spool_is_never_touched(open_line: OpenLine, tmp_path: Path, image: bytes) -> None:
    async with open_line() as bench:
        outside = tmp_path / "elsewhere.tif"
        uuid = await bench.switch.ring(to=CALLED, from_=CALLER, path=outside, image=image)
        await stored(bench)
        result = bench.incoming.results[uuid.replace("-", "")]
        assert (result.success, result.pages) == (False, 0)
        assert "spool" in result.result_text
        assert outside.exists()


def test_a_call_is_given_up_only_after_a_good_while() -> None:
    assert calls.PATIENCE_SECONDS >= 60


async def test_a_store_that_lacks_a_file_of_its_own_has_not_stored_the_fax(open_line: OpenLine, image: bytes) -> None:
    async with open_line() as bench:
        bench.incoming.refusals, bench.incoming.refusal = 2, FileNotFoundError("a folder of the gateway's")
        await ring(bench, image)
        await stored(bench)
        assert list(bench.incoming.images.values()) == [image]


async def test_a_hang_up_that_was_never_heard_ends_a_received_call(
    open_line: OpenLine, switch: Switch, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "SILENT_SECONDS", 0.5)
    async with open_line() as bench:
        switch.cdr_directory = bench.spool / "cdr"
        await ring(bench, image, Play("inbound_rxfax_success", lost=("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")))
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages) == (True, 1)


async def test_junk_in_the_spool_does_not_hold_up_a_fax(open_line: OpenLine, switch: Switch, image: bytes) -> None:
    async with open_line() as bench:
        switch.cdr_directory = bench.spool / "cdr"
    for place, content in enumerate(("[" * 100_000, '{"app_log": {"applications": 5}}', "{")):
        name = f"6112f4df-68e6-4cc9-a80c-31ae338b650{place}.cdr.json"
        (bench.spool / "cdr" / name).write_text(content)
    os.mkfifo(bench.spool / "cdr" / "6112f4df-68e6-4cc9-a80c-31ae338b6509.cdr.json")
    uuid = await ring(bench, image)
    await switch.ended(uuid)
    async with open_line() as after:
        await stored(after)
        assert list(after.incoming.images.values()) == [image]


async def test_an_image_may_be_seen_a_little_later_than_the_end_of_its_call(
    open_line: OpenLine, tmp_path: Path, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "IMAGE_SECONDS", 10.0)
    async with open_line() as bench:
        uuid = await bench.switch.ring(to=CALLED, from_=CALLER, path=tmp_path / "elsewhere.tif", image=image)
        await bench.switch.ended(uuid)
        await asyncio.sleep(0.5)
        (bench.spool / "rx" / f"{uuid}.tif").write_bytes(image)
        await stored(bench)
        assert list(bench.incoming.images.values()) == [image]


async def test_an_image_that_nobody_has_taken_stays(open_line: OpenLine, image: bytes) -> None:
    """Its call was told without it, so the gateway takes it no more: it must not be removed unread."""
    async with open_line() as bench:
        bench.incoming.keeps = False
        uuid = await ring(bench, image)
        await stored(bench)
        await until(lambda: left(bench) == [f"{uuid}.tif.late"])
        await asyncio.sleep(0.5)
        assert [event for event, _ in bench.incoming.events] == ["began", "ended"]


async def test_a_hang_up_behind_the_answer_that_the_call_is_gone_is_heard(open_line: OpenLine, image: bytes) -> None:
    """After a reconnect FreeSWITCH says that the channel is gone; its last events come a moment later."""
    play = Play("inbound_rxfax_success", hold=Moment.NEGOTIATED)
    async with open_line() as bench:
        uuid = await ring(bench, image, play)
        await until(lambda: bool(bench.incoming.progress))
        following = bench.line._receiving
        assert following is not None
        following._calls[uuid].lose()
        bench.switch.release(uuid)
        await stored(bench)
        [result] = bench.incoming.results.values()
        assert (result.success, result.pages) == (True, 1)


@pytest.mark.parametrize("answer", [True, None])
async def test_an_image_of_a_call_that_may_be_alive_is_left_alone(
    open_line: OpenLine, image: bytes, answer: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line() as bench:
        receiver = bench.line._receiving
        assert receiver is not None

        async def alive(uuid: str) -> bool | None:
            return answer

        monkeypatch.setattr(receiver, "_alive", alive)
        file = bench.spool / "rx" / f"{CALLED}.{CALLER}.6112f4df-68e6-4cc9-a80c-31ae338b6503.tif"
        file.write_bytes(image)
        os.utime(file, (1_700_000_000, 1_700_000_000))
        await asyncio.sleep(0.8)
        assert bench.incoming.events == []
        answer = False
        await stored(bench)
