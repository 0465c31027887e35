"""A number that a faxbox owns: the call's far end becomes an incoming call of this gateway."""

import asyncio
from pathlib import Path

import pytest
from PIL import ImageChops

from gateway.lines.options import LoopbackOptions
from gateway.ports import CallState
from tests.lines.bench import BOX_NUMBER, OpenLine, Recording, frames, order, until


async def test_the_box_receives_what_was_sent_pixel_by_pixel(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send(BOX_NUMBER, two_pages, 2)
        assert result.success
        assert result.remote_station_id == "+15551230002"
        await bench.incoming.stored.wait()

        (event, call_id), (_, ended_id) = bench.incoming.calls
        assert (event, ended_id) == ("began", call_id)
        received = bench.incoming.results[call_id]
        assert received.success
        assert (received.pages, received.rate, received.ecm) == (2, 14400, True)
        assert (received.local_station_id, received.remote_station_id) == ("+15551230002", "+1 555 123 0001")
        assert received.seconds == result.seconds

        image = bench.incoming.images[call_id]
        assert image is not None
        for sent, got in zip(frames(two_pages), frames(image), strict=True):
            assert got.size == sent.size
            assert ImageChops.logical_xor(sent, got).getbbox() is None


async def test_the_box_is_told_page_by_page_under_an_id_of_its_own(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        placed = order(BOX_NUMBER, two_pages, 2)
        await bench.line.call(placed, bench.heard.append)
        await bench.incoming.stored.wait()
        told = [(news.stage, news.page, news.remote_station_id) for news in bench.incoming.progress]
        station = "+1 555 123 0001"
        assert told == [("answered", 0, ""), ("negotiated", 0, station), ("page", 1, station), ("page", 2, station)]
        call_ids = {news.call_id for news in bench.incoming.progress} | set(bench.incoming.results)
        assert len(call_ids) == 1
        assert placed.call_id not in call_ids


async def test_nothing_is_left_when_both_halves_are_stored(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        placed = order(BOX_NUMBER, two_pages, 2)
        result = await bench.line.call(placed, bench.heard.append)
        await bench.incoming.stored.wait()
        settled = await bench.line.settle(placed.call_id)
        assert (settled.state, settled.result) == (CallState.ENDED, result)
        await bench.line.forget(placed.call_id)
        await until(lambda: not list(bench.directory.iterdir()))
        assert (await bench.line.settle(placed.call_id)).state == CallState.UNANSWERED


async def test_the_same_call_id_is_dialled_once(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        placed = order(BOX_NUMBER, two_pages, 2)
        first = await bench.line.call(placed, bench.heard.append)
        bench.heard.clear()
        assert await bench.line.call(placed, bench.heard.append) == first
        assert bench.heard == []
        await bench.incoming.stored.wait()
        assert len(bench.incoming.results) == 1


async def test_two_calls_at_once(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        results = await asyncio.gather(*(bench.send(BOX_NUMBER, two_pages, 2) for _ in range(2)))
        assert [result.success for result in results] == [True, True]
        await until(lambda: len(bench.incoming.results) == 2)
        assert len(bench.freed) == 2


async def test_a_call_beyond_the_channels_is_congestion(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(LoopbackOptions(channels=1)) as bench:
        first = asyncio.create_task(bench.send(BOX_NUMBER, two_pages, 2))
        await until(lambda: bool(bench.heard))
        status = bench.line.status()
        assert (status.available, status.free, status.active, status.channels) == (True, 0, 1, 1)
        second = await bench.send(BOX_NUMBER, two_pages, 2)
        assert (second.success, second.cause, second.hangup_cause) == (False, 34, "NORMAL_CIRCUIT_CONGESTION")
        assert (await first).success
        assert bench.freed == [None]
        assert bench.line.status().free == 1


async def test_a_fax_that_the_gateway_could_not_store_is_told_again(
    open_line: OpenLine, two_pages: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = tmp_path / "kept"
    async with open_line(incoming=Recording(kept, refusals=2), sweep_seconds=0.1) as bench:
        assert (await bench.send(BOX_NUMBER, two_pages, 2)).success
        await bench.incoming.stored.wait()
        await asyncio.sleep(0.3)
        assert [event for event, _ in bench.incoming.calls] == ["began", "ended"]
        assert caplog.text.count("it will be told again") == 2


async def test_a_restart_tells_an_unstored_fax_exactly_once(
    open_line: OpenLine, two_pages: Path, tmp_path: Path
) -> None:
    placed = order(BOX_NUMBER, two_pages, 2)
    async with open_line(incoming=Recording(tmp_path / "kept", refusals=1)) as before:
        assert (await before.line.call(placed, before.heard.append)).success
        await before.line.forget(placed.call_id)
    (_, call_id) = before.incoming.calls[0]
    assert before.incoming.results == {}

    async with open_line() as after:
        await after.incoming.stored.wait()
    assert after.incoming.calls == [("began", call_id), ("ended", call_id)]
    assert after.incoming.results[call_id].success
    image = after.incoming.images[call_id]
    assert image is not None
    assert len(frames(image)) == 2

    async with open_line(sweep_seconds=0.05) as later:
        await asyncio.sleep(0.2)
    assert later.incoming.calls == []
    assert list(later.directory.iterdir()) == []
