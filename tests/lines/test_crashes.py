"""kill -9 in the middle of things: what the line then knows of a call, and what the incoming side is told."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.fax import Progress
from gateway.ids import new_id
from gateway.lines.callfiles import REFUSED, CallFiles, Identity
from gateway.lines.options import LoopbackOptions
from gateway.ports import CallState
from tests.lines.bench import BOX_NUMBER, MANY, OpenLine, order, until

NOW = datetime.now(UTC)


def only_refusals(folder: Path) -> bool:
    """False where a file goes away while it is looked at: another look will tell."""
    try:
        return all(file.read_text() == REFUSED for file in folder.iterdir())
    except FileNotFoundError:
        return False


async def test_a_call_whose_process_dies_has_delivered_nothing(
    open_line: OpenLine, many_pages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_line(sweep_seconds=0.1) as bench:
        placed = order(BOX_NUMBER, many_pages, MANY)

        def progress(news: Progress) -> None:
            if news.page == 1:
                process = bench.line._running[placed.call_id].process
                assert process is not None
                process.kill()

        result = await bench.line.call(placed, progress)
        assert (result.success, result.answered, result.result_code) == (False, False, None)
        assert (result.cause, result.hangup_cause) == (41, "NORMAL_TEMPORARY_FAILURE")
        assert "died" in caplog.text
        assert (await bench.line.settle(placed.call_id)).state == CallState.UNANSWERED

        await bench.incoming.stored.wait()
        (received,) = bench.incoming.results.values()
        assert (received.success, received.pages, received.hangup_cause) == (False, 0, "NORMAL_TEMPORARY_FAILURE")
        assert list(bench.incoming.images.values()) == [None]
        await bench.line.forget(placed.call_id)
        # The sweep may have tidied up before we asked: then a refusal is left, and nothing else.
        await until(lambda: only_refusals(bench.directory))
        assert [event for event, _ in bench.incoming.calls] == ["began", "ended"]


async def test_a_call_that_was_asked_about_before_it_began_is_never_made(open_line: OpenLine, two_pages: Path) -> None:
    """A gateway slept between writing its attempt down and dialling; another has dialled in its place."""
    async with open_line() as bench:
        placed = order(BOX_NUMBER, two_pages, 2)
        assert (await bench.line.settle(placed.call_id)).state == CallState.UNANSWERED
        await bench.line.forget(placed.call_id)
        assert [file.read_text() for file in bench.directory.iterdir()] == [REFUSED]
        result = await bench.line.call(placed, lambda _: None)
        assert (result.success, result.answered) == (False, False)
        assert bench.incoming.calls == []
        assert (await bench.line.settle(placed.call_id)).state == CallState.UNANSWERED


async def test_signals_for_the_whole_service_end_no_call(open_line: OpenLine, many_pages: Path) -> None:
    async with open_line() as bench:
        placed = order("+12025550190", many_pages, MANY)

        def progress(news: Progress) -> None:
            process = bench.line._running[placed.call_id].process
            if news.page == 1 and process is not None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)

        assert (await bench.line.call(placed, progress)).success


async def start_doomed(
    directory: Path, call_id: str, image: Path, pages: int, pace: str, until_line: bytes
) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.lines.doomed_gateway",
        *(str(directory), call_id, str(image), str(pages), pace),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(until_line):
            return process
    raise AssertionError("the gateway ended before it could be killed")


async def test_a_killed_gateway_leaves_no_call_behind(open_line: OpenLine, many_pages: Path, tmp_path: Path) -> None:
    call_id = new_id()
    doomed = await start_doomed(tmp_path / "spool", call_id, many_pages, MANY, "fast", b"page 1")
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()

    async with open_line(sweep_seconds=0.1) as bench:
        states: set[CallState] = set()

        async def ended() -> bool:
            states.add((await bench.line.settle(call_id)).state)
            return CallState.ENDED in states

        await until(ended)
        assert CallState.UNANSWERED not in states
        result = (await bench.line.settle(call_id)).result
        assert result is not None
        assert (result.success, result.result_code) == (False, 49)
        await bench.incoming.stored.wait()
        (received,) = bench.incoming.results.values()
        assert received.result_code == 49
        assert result.pages <= received.pages <= result.pages + 1
        await bench.line.forget(call_id)
        await until(lambda: not list(bench.directory.iterdir()))
        assert [event for event, _ in bench.incoming.calls] == ["began", "ended"]


async def test_another_gateways_live_call_is_left_alone(open_line: OpenLine, many_pages: Path, tmp_path: Path) -> None:
    call_id = new_id()
    other = await start_doomed(tmp_path / "spool", call_id, many_pages, MANY, "realtime", b"answered")
    async with open_line(sweep_seconds=0.05) as bench:
        await asyncio.sleep(0.3)
        assert (await bench.line.settle(call_id)).state == CallState.LIVE
        with pytest.raises(RuntimeError, match="another process"):
            await bench.send(BOX_NUMBER, many_pages, MANY, call_id=call_id)
        assert bench.incoming.calls == []
        other.kill()
        await other.wait()
        await asyncio.wait_for(bench.incoming.stored.wait(), 10)
        assert (await bench.line.settle(call_id)).state == CallState.ENDED


async def test_another_gateways_call_is_followed_to_its_end(
    open_line: OpenLine, many_pages: Path, tmp_path: Path
) -> None:
    call_id = new_id()
    other = await start_doomed(tmp_path / "spool", call_id, many_pages, MANY, "realtime", b"answered")
    async with open_line() as bench:
        followed = asyncio.create_task(bench.line.follow(call_id, MANY, bench.heard.append))
        done, _ = await asyncio.wait([followed], timeout=0.3)
        assert not done
        other.kill()
        await other.wait()
        result = await asyncio.wait_for(followed, 10)
        assert (result.success, result.answered, result.result_code) == (False, True, 49)


async def test_a_followed_call_that_died_has_delivered_nothing(open_line: OpenLine, tmp_path: Path) -> None:
    call_id = new_id()
    files = CallFiles(tmp_path / "spool" / "calls", call_id)
    lock = files.begin(None)
    async with open_line() as bench:
        followed = asyncio.create_task(bench.line.follow(call_id, 3, bench.heard.append))
        done, _ = await asyncio.wait([followed], timeout=0.1)
        assert not done
        os.close(lock)
        result = await asyncio.wait_for(followed, 10)
        assert (result.answered, result.total_pages, result.cause) == (False, 3, 41)


async def test_another_gateways_call_is_not_ours_to_hang_up(open_line: OpenLine, tmp_path: Path) -> None:
    call_id = new_id()
    lock = CallFiles(tmp_path / "spool" / "calls", call_id).begin(None)
    async with open_line() as bench:
        followed = asyncio.create_task(bench.line.follow(call_id, 3, bench.heard.append))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="followed already"):
            await bench.line.follow(call_id, 3, bench.heard.append)
        await bench.line.hang_up(call_id)
        with pytest.raises(RuntimeError, match="another process's"):
            await asyncio.wait_for(followed, 5)
        assert (await bench.line.settle(call_id)).state == CallState.LIVE
    os.close(lock)


async def test_an_incoming_call_that_died_with_everything_is_told_at_the_next_start(
    open_line: OpenLine, tmp_path: Path
) -> None:
    files = CallFiles(tmp_path / "spool" / "calls", new_id())
    started = order(BOX_NUMBER, tmp_path, 1)
    identity = Identity(call_id=new_id(), from_number=started.caller_id_number, to_number=BOX_NUMBER, started_at=NOW)
    os.close(files.begin(identity))
    files.image.write_bytes(b"II*\0 half a page")
    async with open_line(sweep_seconds=0.05) as bench:
        await bench.incoming.stored.wait()
        await until(lambda: not list(bench.directory.iterdir()))
    assert bench.incoming.calls == [("began", identity.call_id), ("ended", identity.call_id)]
    assert bench.incoming.images == {identity.call_id: None}


async def test_pages_that_belong_to_no_call_are_removed(open_line: OpenLine, tmp_path: Path) -> None:
    directory = tmp_path / "spool" / "calls"
    directory.mkdir(parents=True)
    for name in ("0a.tif", "0b.json", "0c.forgotten", "0d.tmp", "0e.telling"):
        (directory / name).write_text("{}")
    async with open_line() as bench:
        await until(lambda: not list(directory.iterdir()))
        assert bench.incoming.calls == []


async def test_a_call_that_was_never_begun(open_line: OpenLine) -> None:
    async with open_line(LoopbackOptions()) as bench:
        assert (await bench.line.settle(new_id())).state == CallState.UNANSWERED
        await bench.line.forget(new_id())


async def test_where_nothing_can_be_written_nothing_is_dialled(
    open_line: OpenLine, two_pages: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "calls").write_text("a file where the directory should be")
    async with open_line() as bench:
        result = await bench.send(BOX_NUMBER, two_pages, 2)
        assert (result.answered, result.hangup_cause) == (False, "NORMAL_TEMPORARY_FAILURE")
        assert "cannot begin call" in caplog.text
        assert bench.heard == []
