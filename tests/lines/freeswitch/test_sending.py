"""Every recorded call of a sender, played to the line: what it brings, and what its progress was."""

from dataclasses import dataclass

import pytest

from gateway.fax import CallResult
from gateway.lines.freeswitch import calls
from tests.lines.freeswitch.conftest import OpenLine
from tests.lines.freeswitch.play import Play
from tests.lines.freeswitch.switch import Switch


@dataclass(frozen=True)
class Brings:
    success: bool
    pages: int
    code: int | None
    """T.30's; None: it was not answered."""
    cause: int
    hangup_cause: str
    rate: int = 14400
    ecm: bool = True
    t38: bool = False


OK = Brings(success=True, pages=1, code=0, cause=16, hangup_cause="NORMAL_CLEARING")
OK3 = Brings(success=True, pages=3, code=0, cause=16, hangup_cause="NORMAL_CLEARING")


def delivered(pages: int = 1, rate: int = 14400, *, ecm: bool = True, t38: bool = False) -> Brings:
    return Brings(True, pages, 0, 16, "NORMAL_CLEARING", rate, ecm, t38)


def failed(code: int | None, cause: int = 16, name: str = "NORMAL_CLEARING", *, ecm: bool = True) -> Brings:
    return Brings(False, 0, code, cause, name, 14400, ecm)


def unanswered(cause: int, name: str) -> Brings:
    return Brings(False, 0, None, cause, name, 0, ecm=False)


BUSY = unanswered(17, "USER_BUSY")
REJECTED = unanswered(21, "CALL_REJECTED")
TEMPORARY = unanswered(41, "NORMAL_TEMPORARY_FAILURE")

RECORDED: dict[str, tuple[int, Brings]] = {
    # Delivered: by audio and T.38, with and without error correction, at the rates of V.17 and V.29.
    "success_1page_loopback": (1, delivered()),
    "success_1page_sofia_audio": (1, delivered()),
    "success_1page_noecm": (1, delivered(ecm=False)),
    "success_remote_refuses_ecm": (1, delivered(ecm=False)),
    "success_3pages_ecm": (3, delivered(3)),
    "success_3pages_noecm_nov17": (3, delivered(3, 9600, ecm=False)),
    "t38_success_receiver_reinvite": (1, delivered(t38=True)),
    "t38_success_sender_reinvite_3pages": (3, delivered(3, t38=True)),
    "t38_refused_fallback_audio": (1, delivered()),
    "t38_refused_sender_reinvite_3pages": (3, delivered(3)),
    "remote_ident_hostile": (1, delivered()),
    "shutdown_elegant_waits_for_call": (1, delivered()),
    "two_concurrent_calls": (1, delivered()),
    # Answered, and not delivered.
    "remote_hangup_mid_page1": (3, failed(49)),
    "remote_rxfax_file_error": (1, failed(49)),
    "execute_on_answer_sched_hangup_limit": (3, failed(49, 602, "ALLOTTED_TIMEOUT")),
    "sigterm_mid_transfer": (1, failed(49, 501, "SYSTEM_SHUTDOWN")),
    "uuid_kill_mid_transfer": (1, failed(49)),
    "uuid_kill_mid_transfer_cause": (1, failed(49, 503, "MANAGER_REQUEST")),
    "api_queries_mid_call": (1, failed(49)),
    "silence_answer_no_fax": (1, failed(2, ecm=False)),
    "voice_answer_no_fax": (1, failed(49, ecm=False)),
    "voice_answer_then_hangup": (1, failed(49, ecm=False)),
    "path_space_quoted_app": (1, failed(49, ecm=False)),
    "tiff_empty": (1, failed(41)),
    "tiff_garbage": (1, failed(41)),
    "tiff_odd_width_1000px": (1, failed(11)),
    "tiff_rgb_24bit": (1, failed(46)),
    # FreeSWITCH tells nothing of a file that it does not find, and ends the call as if all was well.
    "tiff_nonexistent": (1, Brings(False, 0, 41, 16, "NORMAL_CLEARING", 0, ecm=False)),
    "path_space_unquoted_app": (1, Brings(False, 0, 41, 16, "NORMAL_CLEARING", 0, ecm=False)),
    "txfax_no_filename": (1, Brings(False, 0, None, 16, "NORMAL_CLEARING", 0, ecm=False)),
    # Not answered.
    "busy_loopback": (1, BUSY),
    "busy_sofia": (1, BUSY),
    "event_all_busy_call_and_heartbeat": (1, BUSY),
    "early_media_then_busy_ignored": (1, BUSY),
    "early_media_then_busy_NOT_ignored": (1, Brings(False, 0, None, 17, "USER_BUSY", 14400, ecm=False)),
    "sip_486": (1, BUSY),
    "sip_600": (1, BUSY),
    "noanswer_timeout_loopback": (1, unanswered(19, "NO_ANSWER")),
    "noanswer_timeout_sofia": (1, unanswered(19, "NO_ANSWER")),
    "sip_408": (1, unanswered(102, "RECOVERY_ON_TIMER_EXPIRE")),
    "sip_480": (1, unanswered(18, "NO_USER_RESPONSE")),
    "rejected_403_sofia": (1, REJECTED),
    "rejected_603_sofia": (1, REJECTED),
    "rejected_sofia": (1, REJECTED),
    "unallocated_sofia": (1, unanswered(1, "UNALLOCATED_NUMBER")),
    "no_dialplan_match_sofia": (1, unanswered(3, "NO_ROUTE_DESTINATION")),
    "sip_410": (1, unanswered(22, "NUMBER_CHANGED")),
    "sip_484": (1, unanswered(28, "INVALID_NUMBER_FORMAT")),
    "sip_487": (1, unanswered(487, "ORIGINATOR_CANCEL")),
    "sip_488": (1, unanswered(88, "INCOMPATIBLE_DESTINATION")),
    "sip_500": (1, TEMPORARY),
    "sip_502": (1, unanswered(38, "NETWORK_OUT_OF_ORDER")),
    "sip_503": (1, TEMPORARY),
    "trunk_dead_port": (1, TEMPORARY),
    "uuid_kill_while_ringing": (1, unanswered(16, "NORMAL_CLEARING")),
    # Never a channel of ours, or one that nobody tells the end of.
    "trunk_no_such_gateway": (1, unanswered(608, "INVALID_GATEWAY")),
    "trunk_no_such_profile": (1, unanswered(611, "INVALID_PROFILE")),
    "no_such_endpoint": (1, unanswered(66, "CHAN_NOT_IMPLEMENTED")),
    "fsctl_pause_originate": (1, unanswered(27, "DESTINATION_OUT_OF_ORDER")),
}


def brought(result: CallResult) -> Brings:
    return Brings(
        success=result.success,
        pages=result.pages,
        code=result.result_code,
        cause=result.cause or 0,
        hangup_cause=result.hangup_cause,
        rate=result.rate,
        ecm=result.ecm,
        t38=result.t38,
    )


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of the recordings are scaled, and so is ours for what may still come."""
    monkeypatch.setattr(calls, "GRACE_SECONDS", 0.2)


@pytest.mark.parametrize("name", RECORDED)
async def test_what_a_recorded_call_brings(open_line: OpenLine, switch: Switch, name: str) -> None:
    pages, expected = RECORDED[name]
    switch.script = lambda _: Play(name)
    async with open_line() as bench:
        result = await bench.send(pages)
    assert brought(result) == expected
    assert result.answered == (expected.code is not None or name == "txfax_no_filename")
    assert result.total_pages == pages


@pytest.mark.parametrize("job", ["first", "last"])
@pytest.mark.parametrize("name", ["success_1page_loopback", "busy_sofia", "noanswer_timeout_sofia"])
async def test_the_jobs_answer_may_come_at_any_time(open_line: OpenLine, switch: Switch, name: str, job: str) -> None:
    switch.script = lambda _: Play(name, job=job)  # type: ignore[arg-type]
    async with open_line() as bench:
        assert brought(await bench.send()) == RECORDED[name][1]


async def test_progress_is_told_page_by_page(open_line: OpenLine, switch: Switch) -> None:
    switch.script = lambda _: Play("success_3pages_ecm")
    async with open_line() as bench:
        await bench.send(3)
        assert [(one.stage, one.page, one.pages) for one in bench.heard] == [
            ("answered", 0, 3),
            ("negotiated", 0, 3),
            ("page", 1, 3),
            ("page", 2, 3),
            ("page", 3, 3),
        ]
        assert bench.heard[-1].rate == 14400
        assert bench.heard[-1].remote_station_id == "+33 1 00 00 10 00"


async def test_bytes_may_come_in_any_pieces(open_line: OpenLine, switch: Switch) -> None:
    switch.chop, switch.pace = 7, 0.0
    async with open_line() as bench:
        assert brought(await bench.send()) == OK


async def test_the_image_is_in_the_spool_until_the_call_is_forgotten(open_line: OpenLine, switch: Switch) -> None:
    async with open_line() as bench:
        placed = bench.order()
        await bench.line.call(placed, bench.heard.append)
        [made] = switch.originates
        assert made.path == f"{bench.spool}/tx/{made.uuid}.tif"
        assert made.uuid.replace("-", "") == placed.call_id
        assert (bench.spool / "tx" / f"{made.uuid}.tif").read_bytes() == bench.image.read_bytes()
        await bench.line.forget(placed.call_id)
        assert list((bench.spool / "tx").iterdir()) == []
