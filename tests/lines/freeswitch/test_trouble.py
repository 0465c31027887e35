"""What becomes of a call when the connection, FreeSWITCH or the gateway dies during it: one call, one outcome."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.fax import CallResult
from gateway.lines.freeswitch import calls, node, records
from gateway.lines.freeswitch.calls import UnknownOutcomeError
from gateway.lines.freeswitch.line import freeswitch_lines
from gateway.ports import CallState
from tests.lines.bench import until
from tests.lines.freeswitch.bench import Bench, url
from tests.lines.freeswitch.conftest import OpenLine
from tests.lines.freeswitch.play import Moment, Play
from tests.lines.freeswitch.switch import Switch


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "WRITTEN_SECONDS", 0.3)
    monkeypatch.setattr(calls, "HANG_UP_SECONDS", 1.0)
    monkeypatch.setattr(calls, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(node, "FIRST_PAUSE", 0.02)


async def under_way(bench: Bench, hold: Moment = Moment.NEGOTIATED, **details: Any) -> "asyncio.Task[CallResult]":
    """A call that has come this far and waits there."""
    bench.switch.script = lambda _: Play("success_1page_sofia_audio", hold=hold)
    call = asyncio.create_task(bench.send(**details))
    stage = {Moment.ANSWERED: "answered", Moment.NEGOTIATED: "negotiated"}.get(hold)
    if stage:
        await until(lambda: stage in bench.stages())
    else:
        await until(lambda: bool(bench.switch.live))
    return call


# -- the connection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", [True, False])
async def test_a_call_outlives_its_connection(open_line: OpenLine, switch: Switch, notice: bool) -> None:
    """A reload of the event socket says that FreeSWITCH stops, and the call lives on."""
    async with open_line() as bench:
        call = await under_way(bench)
        await switch.drop(notice=notice)
        await until(lambda: bench.line.status().available)
        switch.release(switch.originates[0].uuid)
        result = await asyncio.wait_for(call, 10)
        assert (result.success, len(switch.originates)) == (True, 1)


async def test_a_call_that_ended_without_us_is_what_its_record_says(
    open_line: OpenLine, switch: Switch, tmp_path: Path
) -> None:
    switch.cdr_directory = tmp_path / "spool" / "cdr"
    async with open_line() as bench:
        call = await under_way(bench)
        [made] = switch.originates
        switch.rejecting = True
        await switch.drop()
        switch.release(made.uuid)
        await switch.ended(made.uuid)
        switch.rejecting = False
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.result_code, result.pages, result.rate) == (True, 0, 1, 14400)
        await bench.line.forget(made.uuid.replace("-", ""))
        assert list((bench.spool / "cdr").iterdir()) == []


async def test_a_call_that_ended_without_us_and_without_a_record_is_unknown(
    open_line: OpenLine, switch: Switch
) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        [made] = switch.originates
        switch.rejecting = True
        await switch.drop()
        switch.release(made.uuid)
        await switch.ended(made.uuid)
        switch.rejecting = False
        with pytest.raises(UnknownOutcomeError):
            await asyncio.wait_for(call, 10)
        assert (await bench.line.settle(made.uuid.replace("-", ""))).state is CallState.UNKNOWN
        assert len(switch.originates) == 1


async def test_a_silent_peer_is_found_out(open_line: OpenLine, switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "COMMAND_SECONDS", 0.3)
    monkeypatch.setattr(node, "LOOK_SECONDS", 0.2)
    async with open_line() as bench:
        call = await under_way(bench)
        switch.freeze()
        await until(lambda: not bench.line.status().available)
        assert "answer" in bench.line.status().problem
        switch.thaw()
        await until(lambda: bench.line.status().available)
        switch.release(switch.originates[0].uuid)
        assert (await asyncio.wait_for(call, 10)).success


async def test_a_command_that_got_no_reply_may_have_dialled(
    open_line: OpenLine, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "COMMAND_SECONDS", 0.3)
    async with open_line() as bench:
        switch.freeze()
        call = asyncio.create_task(bench.send())
        await until(lambda: not bench.line.status().available)
        switch.thaw()
        result = await asyncio.wait_for(call, 10)
        assert (result.success, len(switch.originates)) == (True, 1)


GARBAGE = [
    b"\xff\xfe\x00garbage\n\n",
    b"\n\n\n\n",
    b"Content-Type: text/event-plain\nContent-Length: 99999999999\n\n",
    b"Content-Type: text/event-plain\nContent-Length: -5\n\n",
    b"Content-Length: 3\n\nabc",
    b"Content-Type: command/reply\nReply-Text: +OK\n\n",
    b"Content-Type: api/response\nContent-Length: 3\n\nabc",
    b"X" * 100_000,
    b"X: y\n" * 1_000,
    b"Content-Type: text/event-plain\nContent-Length: 4\n\n\xff\xfe\xfd\xfc",
    b"Content-Type: text/event-json\nContent-Length: 2\n\n{}",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_ends_in_a_new_connection_at_worst(open_line: OpenLine, switch: Switch, garbage: bytes) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        await switch.garble(garbage)
        await asyncio.sleep(0.1)
        await until(lambda: bench.line.status().available)
        switch.release(switch.originates[0].uuid)
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.pages, len(switch.originates)) == (True, 1, 1)


# -- FreeSWITCH --------------------------------------------------------------------------------------------------------


async def test_freeswitch_is_killed_and_comes_back(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        await switch.kill()
        await until(lambda: not bench.line.status().available)
        assert bench.line.status().free == 0
        await switch.restart()
        with pytest.raises(UnknownOutcomeError):
            await asyncio.wait_for(call, 10)
        await until(lambda: bench.line.status().available)
        switch.script = lambda _: Play("success_1page_sofia_audio")
        assert (await bench.send()).success
        assert len(switch.originates) == 2


async def test_freeswitch_stops_in_order(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        await switch.shut_down()
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.hangup_cause) == (False, "SYSTEM_SHUTDOWN")
        await until(lambda: not bench.line.status().available)


async def test_freeswitch_that_stays_away_is_given_up(
    open_line: OpenLine, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 0.5)
    async with open_line() as bench:
        call = await under_way(bench)
        call_id = switch.originates[0].uuid.replace("-", "")
        await switch.kill()
        with pytest.raises(UnknownOutcomeError):
            await asyncio.wait_for(call, 10)
        assert (await bench.line.settle(call_id)).state is CallState.UNKNOWN


async def test_a_call_confirmed_to_its_last_page_was_delivered_whatever_came_then(
    open_line: OpenLine, switch: Switch
) -> None:
    switch.script = lambda _: Play("success_3pages_ecm", hold_page=3)
    async with open_line() as bench:
        call = asyncio.create_task(bench.send(3))
        await until(lambda: bool(bench.heard) and bench.heard[-1].page == 3)
        await switch.kill()
        await switch.restart()
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.pages) == (True, 3)


async def test_nothing_is_dialled_while_it_is_away(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        await switch.kill()
        await until(lambda: not bench.line.status().available)
        result = await bench.send()
        assert (result.answered, result.hangup_cause) == (False, "GATEWAY_DOWN")
        assert bench.line.status().problem
        freed = len(bench.freed)
        await switch.restart()
        await until(lambda: len(bench.freed) > freed)
        assert bench.line.status().available


async def test_a_wrong_password_is_named(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        switch.password = "another"
        await switch.drop()
        await until(lambda: "password" in bench.line.status().problem)
        switch.rejecting = True
        await until(lambda: "address" in bench.line.status().problem)
        switch.rejecting, switch.password = False, "ClueCon"
        await until(lambda: bench.line.status().available)


# -- the gateway -------------------------------------------------------------------------------------------------------


async def test_a_restarted_gateway_follows_a_live_call_on(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as first:
        call = await under_way(first)
        [made] = switch.originates
        async with open_line() as second:  # the first has died without a word
            record = await second.line.settle(made.uuid.replace("-", ""))
            assert record.state is CallState.LIVE
            followed = asyncio.create_task(second.line.follow(made.uuid.replace("-", ""), 1, second.heard.append))
            await asyncio.sleep(0.1)
            switch.release(made.uuid)
            result = await asyncio.wait_for(followed, 10)
            assert (result.success, result.pages) == (True, 1)
            assert second.stages() == ["page"]
        await call
        assert len(switch.originates) == 1


async def test_a_followed_call_can_be_hung_up(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as first:
        call = await under_way(first)
        call_id = switch.originates[0].uuid.replace("-", "")
        async with open_line() as second:
            followed = asyncio.create_task(second.line.follow(call_id, 1, second.heard.append))
            await asyncio.sleep(0.1)
            await second.line.hang_up(call_id)
            assert (await asyncio.wait_for(followed, 10)).result_code == 49
        await call


async def test_a_restarted_gateway_finds_the_record(open_line: OpenLine, switch: Switch, tmp_path: Path) -> None:
    switch.cdr_directory = tmp_path / "spool" / "cdr"
    switch.script = lambda _: Play("success_3pages_ecm")
    async with open_line() as first:
        await first.send(3)
    async with open_line() as second:
        record = await second.line.settle(switch.originates[0].uuid.replace("-", ""))
        assert record.state is CallState.ENDED
        assert record.result is not None
        assert (record.result.success, record.result.pages, record.result.total_pages) == (True, 3, 3)


async def test_a_busy_record_is_a_busy_call(open_line: OpenLine, switch: Switch, tmp_path: Path) -> None:
    switch.cdr_directory = tmp_path / "spool" / "cdr"
    switch.script = lambda _: Play("busy_sofia")
    async with open_line() as first:
        await first.send()
    async with open_line() as second:
        record = await second.line.settle(switch.originates[0].uuid.replace("-", ""))
        assert record.state is CallState.ENDED
        assert record.result is not None
        assert (record.result.answered, record.result.cause) == (False, 17)


async def test_while_freeswitch_is_away_nobody_can_say(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        await switch.kill()
        await until(lambda: not bench.line.status().available)
        assert (await bench.line.settle("0" * 32)).state is CallState.UNREACHABLE


async def test_a_freeswitch_that_does_not_see_the_spool_gets_no_call(
    open_line: OpenLine, switch: Switch, tmp_path: Path
) -> None:
    """It would answer the call, send nothing, and end it as if all was well."""
    async with open_line(f"&node_spool={tmp_path}/elsewhere") as bench:
        assert "node_spool" in bench.line.status().problem
        assert (await bench.send()).hangup_cause == "GATEWAY_DOWN"
        freed = len(bench.freed)
        (tmp_path / "elsewhere").symlink_to(bench.spool)
        await until(lambda: bench.line.status().available and len(bench.freed) > freed)
        assert (await bench.send()).success


async def test_a_freeswitch_that_cannot_fax_gets_no_call(open_line: OpenLine, switch: Switch) -> None:
    switch.modules.discard("mod_spandsp")
    async with open_line() as bench:
        assert "mod_spandsp" in bench.line.status().problem


async def test_what_is_wrong_is_found_without_starting(switch: Switch, tmp_path: Path) -> None:
    [line] = freeswitch_lines([url(switch, tmp_path / "spool")], tmp_path)
    assert (await line.examine()).problem == ""
    await switch.kill()
    assert "cannot be reached" in (await line.examine()).problem
    assert switch.originates == []


# -- hanging up --------------------------------------------------------------------------------------------------------


async def test_cancelling_kills_the_call(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        await bench.line.hang_up(switch.originates[0].uuid.replace("-", ""))
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.answered, result.result_code) == (False, True, 49)
        await until(lambda: switch.live == ())


async def test_cancelling_while_it_rings(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench, Moment.CREATED)
        await bench.line.hang_up(switch.originates[0].uuid.replace("-", ""))
        result = await asyncio.wait_for(call, 10)
        assert (result.success, result.answered) == (False, False)


async def test_a_call_that_is_cancelled_before_it_is_dialled_is_not_dialled(
    open_line: OpenLine, switch: Switch
) -> None:
    async with open_line() as bench:
        order = bench.order()
        call = asyncio.create_task(bench.line.call(order, bench.heard.append))
        await asyncio.sleep(0)  # its image is being put into the spool
        await bench.line.hang_up(order.call_id)
        result = await asyncio.wait_for(call, 10)
        assert (result.answered, result.hangup_cause, switch.originates) == (False, "ORIGINATOR_CANCEL", [])


async def test_who_stops_waiting_hangs_up(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: switch.live == ())
        await until(lambda: bench.line.status().active == 0)


async def test_stopping_the_line_hangs_up(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench)
        await bench.line.stop()
        assert (await call).result_code == 49
        await until(lambda: switch.live == ())


async def test_a_call_that_makes_no_progress_is_ended(
    open_line: OpenLine, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A T.38 call has been seen to hang for ten minutes after its last page."""
    monkeypatch.setattr("gateway.lines.freeswitch.outgoing.HANG_UP_SECONDS", 0.3)
    switch.script = lambda _: Play("t38_success_sender_reinvite_3pages", hold_page=3)
    async with open_line() as bench:
        began = time.monotonic()
        result = await asyncio.wait_for(bench.send(3), 10)
        assert time.monotonic() - began >= 0.3
        await until(lambda: switch.live == ())
        # Every page was confirmed: sent again, it would arrive twice.
        assert (result.success, result.pages) == (True, 3)


async def test_a_call_over_its_limit_is_ended(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        call = await under_way(bench, ring_seconds=0.2, call_seconds=0.3)
        result = await asyncio.wait_for(call, 10)
        assert not result.success
        await until(lambda: switch.live == ())


# -- the trunk ---------------------------------------------------------------------------------------------------------


async def test_a_trunk_that_is_down_holds_the_line(
    open_line: OpenLine, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.lines.freeswitch.line.HOLDS", (0.5, 1.0))
    switch.script = lambda _: Play("trunk_no_such_gateway")
    async with open_line() as bench:
        assert (await bench.send()).hangup_cause == "INVALID_GATEWAY"
        freed, status = len(bench.freed), bench.line.status()
        assert (status.available, status.free) == (False, 0)
        assert "INVALID_GATEWAY" in status.problem
        assert (await bench.send()).hangup_cause == "GATEWAY_DOWN"
        assert len(switch.originates) == 1
        await until(lambda: bench.line.status().available and len(bench.freed) > freed)
        assert bench.line.status().free == 1  # one call tries it
        switch.script = lambda _: Play("busy_sofia")
        assert (await bench.send()).cause == 17
        assert bench.line.status().free == 10


async def test_a_paused_freeswitch_gets_no_calls(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        await bench.line._node.command("api fsctl pause")
        result = await bench.send()
        assert (result.answered, result.hangup_cause) == (False, "DESTINATION_OUT_OF_ORDER")
        await until(lambda: not bench.line.status().available)
        assert "no new calls" in bench.line.status().problem


async def test_a_freeswitch_that_was_paused_before_we_came_gets_no_calls(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        await bench.line._node.command("api fsctl pause")
    async with open_line() as after:
        assert "no new calls" in after.line.status().problem


async def test_a_double_is_hung_up(open_line: OpenLine, switch: Switch) -> None:
    """A live uuid is silently replaced by a new one: that call is nobody's."""
    async with open_line() as first, open_line() as second:
        call = await under_way(first)
        again = asyncio.create_task(second.line.call(first.order(call_id=first_id(switch)), second.heard.append))
        await until(lambda: len(switch.originates) == 2)
        await until(lambda: switch.originates[1].uuid not in switch.live)
        switch.release(switch.originates[0].uuid)
        assert (await asyncio.wait_for(call, 10)).success
        assert (await asyncio.wait_for(again, 10)).success


def first_id(switch: Switch) -> str:
    return switch.originates[0].uuid.replace("-", "")


# -- events that never come --------------------------------------------------------------------------------------------


async def test_a_hang_up_that_was_never_heard_ends_a_call_all_the_same(
    open_line: OpenLine, switch: Switch, tmp_path: Path
) -> None:
    switch.cdr_directory = tmp_path / "spool" / "cdr"
    lost = ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")
    switch.script = lambda _: Play("success_1page_sofia_audio", lost=lost)
    async with open_line() as bench:
        result = await asyncio.wait_for(bench.send(ring_seconds=0.3, call_seconds=0.3), 20)
        assert (result.success, result.pages, len(switch.originates)) == (True, 1, 1)


async def test_the_end_of_a_channel_alone_does_not_say_that_it_was_not_dialled(
    open_line: OpenLine, switch: Switch
) -> None:
    """Everything else was lost with a connection: the fax may have arrived."""
    lost = ("CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB", "CHANNEL_EXECUTE_COMPLETE")
    faxes = tuple(f"spandsp::txfax{what}result" for what in ("negociate", "page", ""))
    switch.script = lambda _: Play("success_1page_sofia_audio", lost=lost + faxes)
    async with open_line() as bench:
        with pytest.raises(UnknownOutcomeError):
            await asyncio.wait_for(bench.send(), 20)
