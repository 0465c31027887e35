"""Ending a call from our side: both ends see it, and the results stay true."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.fax import Progress
from gateway.lines.call import Control, Plan, place
from gateway.lines.farends import FarEnd
from gateway.lines.options import LoopbackOptions
from gateway.lines.spandsp import SONAME
from tests.lines.bench import BOX_NUMBER, MANY, OpenLine, order, until


async def test_both_ends_see_the_hang_up(open_line: OpenLine, many_pages: Path) -> None:
    async with open_line() as bench:
        placed = order(BOX_NUMBER, many_pages, MANY)
        asked: list[asyncio.Task[None]] = []

        def progress(news: Progress) -> None:
            if news.stage == "page" and news.page == 1:
                asked.append(asyncio.create_task(bench.line.hang_up(placed.call_id)))

        result = await bench.line.call(placed, progress)
        assert len(asked) == 1
        assert not result.success
        assert result.result_code == 49
        assert 1 <= result.pages < MANY
        await bench.incoming.stored.wait()
        (received,) = bench.incoming.results.values()
        (image,) = bench.incoming.images.values()
        assert (received.success, received.result_code) == (False, 49)
        assert result.pages <= received.pages <= result.pages + 1
        assert image is not None


async def test_hanging_up_while_it_rings(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(LoopbackOptions(realtime=True)) as bench:
        placed = order("+12025550192", two_pages, 2, ring_seconds=60.0)
        call = asyncio.create_task(bench.line.call(placed, bench.heard.append))
        await until(lambda: bool(bench.heard))
        await bench.line.hang_up(placed.call_id)
        result = await asyncio.wait_for(call, 5)
        assert not result.answered
        assert result.hangup_cause == "ORIGINATOR_CANCEL"


async def test_hanging_up_before_the_call_has_a_process(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(LoopbackOptions(realtime=True)) as bench:
        placed = order("+12025550190", two_pages, 2)
        call = asyncio.create_task(bench.line.call(placed, bench.heard.append))
        await asyncio.sleep(0)
        await bench.line.hang_up(placed.call_id)
        result = await asyncio.wait_for(call, 5)
        assert not result.success
        assert result.pages == 0


async def test_an_unknown_call_is_ignored(open_line: OpenLine) -> None:
    async with open_line() as bench:
        await bench.line.hang_up("0" * 32)


async def test_stopping_the_line_hangs_up(open_line: OpenLine, many_pages: Path) -> None:
    async with open_line(LoopbackOptions(realtime=True)) as bench:
        call = asyncio.create_task(bench.send(BOX_NUMBER, many_pages, MANY))
        await until(lambda: len(bench.heard) == 2)
        await bench.line.stop()
        result = await call
        assert (result.answered, result.result_code) == (True, 49)
        assert [event for event, _ in bench.incoming.calls] == ["began", "ended"]


async def test_a_cancelled_caller_leaves_no_call_behind(open_line: OpenLine, many_pages: Path) -> None:
    async with open_line(LoopbackOptions(realtime=True)) as bench:
        call = asyncio.create_task(bench.send(BOX_NUMBER, many_pages, MANY))
        await until(lambda: len(bench.heard) == 2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(bench.incoming.stored.wait(), 10)
        await until(lambda: bench.line.status().active == 0)


async def test_real_time_takes_its_time(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(LoopbackOptions(realtime=True)) as bench:
        began = time.monotonic()
        result = await bench.send("+12025550190", two_pages, 2, call_seconds=1.0)
        assert result.seconds == 1.0
        assert time.monotonic() - began >= 0.9


def test_a_hang_up_never_leaves_the_two_ends_disagreeing(two_pages: Path, tmp_path: Path) -> None:
    """Hung up between the receiver's last confirmation and its arrival, a fax would count as failed and received."""
    ours, theirs = os.pipe()
    plan = Plan(
        call_id="1",
        directory=str(tmp_path),
        soname=SONAME,
        realtime=False,
        image=str(two_pages),
        pages=2,
        station_id="",
        modems=("v17",),
        ecm=True,
        snr=None,
        ring_seconds=1,
        call_seconds=600,
        far=FarEnd(),
        keep_image=True,
    )

    def report(news: dict[str, Any]) -> None:
        if news["side"] == "incoming" and news.get("page") == 2:
            os.write(theirs, b"hangup\n")

    record = place(plan, Control(ours), report, tmp_path / "received.tif")
    assert record.incoming is not None
    assert (record.outgoing.result_code, record.outgoing.pages) == (0, 2)
    assert (record.incoming.result_code, record.incoming.pages) == (0, 2)
    os.close(ours)
    os.close(theirs)
