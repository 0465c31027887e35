"""Every scripted number of the embedded line, called for real."""

from pathlib import Path

import pytest

from gateway.lines.options import LoopbackOptions
from tests.lines.bench import BOX_NUMBER, OpenLine, draw_fax


async def test_a_fax_machine_takes_the_fax(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550190", two_pages, 2)
        assert result.success
        assert (result.pages, result.total_pages) == (2, 2)
        assert (result.result_code, result.result_text) == (0, "OK")
        assert (result.cause, result.hangup_cause) == (16, "NORMAL_CLEARING")
        assert (result.rate, result.ecm, result.t38) == (14400, True, False)
        assert (result.local_station_id, result.remote_station_id) == ("+1 555 123 0001", "FAX MACHINE")
        assert 60 < result.seconds < 240, "what the call would have lasted on a telephone line"
        assert result.answered_at is not None
        assert result.ended_at is not None
        assert result.answered_at < result.ended_at
        assert bench.freed == [None]
        assert bench.incoming.calls == []


async def test_progress_is_told_page_by_page(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        await bench.send("+12025550190", two_pages, 2)
        assert [(news.stage, news.page) for news in bench.heard] == [
            ("dialling", 0),
            ("answered", 0),
            ("negotiated", 0),
            ("page", 1),
            ("page", 2),
        ]
        assert {news.pages for news in bench.heard} == {2}
        negotiated = bench.heard[2]
        assert (negotiated.rate, negotiated.ecm, negotiated.remote_station_id) == (14400, True, "FAX MACHINE")


@pytest.mark.parametrize(
    ("number", "cause", "name"),
    [
        ("+12025550191", 17, "USER_BUSY"),
        ("+12025550192", 19, "NO_ANSWER"),
        ("+12025550193", 21, "CALL_REJECTED"),
        ("+12025550194", 1, "UNALLOCATED_NUMBER"),
        ("+12025550199", 1, "UNALLOCATED_NUMBER"),
        ("+15550000000", 1, "UNALLOCATED_NUMBER"),
    ],
)
async def test_refusals_come_before_any_sound(
    open_line: OpenLine, two_pages: Path, number: str, cause: int, name: str
) -> None:
    async with open_line() as bench:
        result = await bench.send(number, two_pages, 2, ring_seconds=10.0)
        assert not result.success
        assert not result.answered
        assert (result.cause, result.hangup_cause) == (cause, name)
        assert result.result_code is None
        assert result.seconds == 0.0
        assert result.answered_at is None
        assert [news.stage for news in bench.heard] == ["dialling"]


async def test_a_voice_is_no_fax(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550195", two_pages, 2)
        assert not result.success
        assert result.answered
        assert (result.result_code, result.pages, result.rate) == (2, 0, 0)
        assert 59 <= result.seconds <= 61


async def test_a_far_end_that_hangs_up_after_the_first_page(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550196", two_pages, 2)
        assert not result.success
        assert (result.pages, result.total_pages, result.result_code) == (1, 2, 49)
        assert result.result_text == "The call dropped prematurely"


async def test_a_noisy_line_ends_one_way_or_the_other(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550197", two_pages, 2, call_seconds=900.0)
        assert result.answered
        assert result.seconds <= 900
        assert result.success == (result.result_code == 0 and result.pages == 2)
        assert result.rate <= 9600


async def test_a_receiver_without_ecm(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550198", two_pages, 2)
        assert result.success
        assert not result.ecm


async def test_v17_and_ecm_may_be_left_out(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550190", two_pages, 2, v17=False, ecm=False)
        assert result.success
        assert (result.rate, result.ecm) == (9600, False)


async def test_a_call_has_a_limit(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550190", two_pages, 2, call_seconds=45.0)
        assert not result.success
        assert (result.pages, result.result_code, result.seconds) == (1, 49, 45.0)
        assert result.hangup_cause == "ALLOTTED_TIMEOUT"


async def test_a_document_shorter_than_told_is_no_success(open_line: OpenLine, tmp_path: Path) -> None:
    async with open_line() as bench:
        result = await bench.send("+12025550190", draw_fax(tmp_path / "one.tif", 1), 3)
        assert not result.success
        assert (result.pages, result.total_pages, result.result_code) == (1, 3, 0)


async def test_a_broken_document_fails_in_t30(open_line: OpenLine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 this is no TIFF")
    async with open_line() as bench:
        result = await bench.send(BOX_NUMBER, broken, 1)
        assert not result.success
        assert result.result_code in range(41, 47)
        await bench.incoming.stored.wait()
        assert list(bench.incoming.images.values()) == [None]


async def test_an_impossible_order_is_not_dialled(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line() as bench:
        for details in (
            {"local_station_id": "x" * 21},
            {"local_station_id": "Zoë"},
            {"image": two_pages.with_name("gone.tif")},
        ):
            result = await bench.send("+12025550190", two_pages, 2, **details)
            assert not result.answered
            assert result.hangup_cause == "FACILITY_REJECTED"
            assert bench.heard == []


async def test_the_lines_own_options_hold_for_every_call(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(LoopbackOptions(modems=("v27ter",), ecm=False)) as bench:
        result = await bench.send("+12025550190", two_pages, 2)
        assert (result.success, result.rate, result.ecm) == (True, 4800, False)
    async with open_line(LoopbackOptions(snr=30.0)) as bench:
        result = await bench.send("+12025550190", two_pages, 2)
        assert (result.success, result.rate) == (True, 9600), "V.17 is left out where there is noise"
