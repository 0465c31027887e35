"""The small parts of the embedded line: its URL, its tables, the header's clock, the binding."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.lines import spandsp
from gateway.lines.causes import CAUSE_NAMES, CAUSES, T30_TEXTS
from gateway.lines.farends import NOBODY, TEST_NUMBERS, far_end
from gateway.lines.freeswitch.clock import header_zone
from gateway.lines.loopback import LoopbackLine
from gateway.lines.options import LoopbackOptions, read_options
from tests.lines.bench import OpenLine, draw_fax, frames

SUMMER = datetime(2025, 7, 1, 12, tzinfo=UTC)
WINTER = datetime(2025, 1, 1, 12, tzinfo=UTC)


def test_the_url_without_options_is_a_fast_clean_line() -> None:
    assert read_options("loopback://") == LoopbackOptions(
        realtime=False, modems=("v27ter", "v29", "v17"), ecm=True, snr=None, channels=30
    )


def test_every_option_of_the_url() -> None:
    url = "loopback://?pace=realtime&modems=v29,v27ter&ecm=off&snr=22.5&channels=4"
    assert read_options(url) == LoopbackOptions(
        realtime=True, modems=("v29", "v27ter"), ecm=False, snr=22.5, channels=4
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("speed=9600", "speed"),
        ("pace=slow", "pace"),
        ("ecm=yes", "ecm"),
        ("modems=v34", "modems"),
        ("modems=", "modems"),
        ("snr=loud", "snr"),
        ("channels=0", "channels"),
        ("channels=-1", "channels"),
        ("channels=many", "channels"),
        ("pace=fast&pace=realtime", "pace"),
    ],
)
def test_a_wrong_option_is_named(query: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LoopbackLine.from_url(f"loopback://?{query}", Path())


@pytest.mark.parametrize("url", ["loopback://host", "loopback:///path", "freeswitch://", "loopback://?pace"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        LoopbackLine.from_url(url, Path())


def test_a_box_answers_before_any_script() -> None:
    assert far_end("+12025550191", "BOX").refuses == 0
    assert far_end("+12025550191", None).refuses == CAUSES["USER_BUSY"]
    assert far_end("+12025550199", None) == NOBODY
    assert len(TEST_NUMBERS) == 9


def test_causes_go_both_ways() -> None:
    assert all(CAUSES[name] == cause for cause, name in CAUSE_NAMES.items())


def test_result_texts_are_the_librarys() -> None:
    library = spandsp.load()
    assert len(T30_TEXTS) == 62
    for code, text in T30_TEXTS.items():
        assert library.t30_completion_code_to_str(code) == text.encode()


@pytest.mark.parametrize(
    ("zone", "now", "posix"),
    [
        ("UTC", WINTER, "FAX-00:00"),
        ("Europe/Paris", WINTER, "FAX-01:00"),
        ("Europe/Paris", SUMMER, "FAX-02:00"),
        ("America/New_York", SUMMER, "FAX+04:00"),
        ("Asia/Kolkata", WINTER, "FAX-05:30"),
        ("America/St_Johns", WINTER, "FAX+03:30"),
    ],
)
def test_a_zone_is_told_as_its_offset_now(zone: str, now: datetime, posix: str) -> None:
    assert header_zone(zone, now) == posix


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd"])
def test_no_zone(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        header_zone(zone, WINTER)


async def test_without_the_library_the_line_says_what_to_install(open_line: OpenLine, two_pages: Path) -> None:
    async with open_line(library="libspandsp-that-is-not-there.so.2") as bench:
        status = bench.line.status()
        assert (status.available, status.free, status.active, status.channels) == (False, 0, 0, 30)
        for package in ("libspandsp2;", "libspandsp2t64", "Alpine", "Homebrew"):
            assert package in status.problem
        result = await bench.send("+12025550190", two_pages, 2)
        assert not result.success
        assert (result.cause, result.hangup_cause) == (38, "NETWORK_OUT_OF_ORDER")
        assert result.result_text == status.problem
        assert bench.heard == []


def test_a_name_too_long_for_the_library_is_refused_and_not_cut(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="255"):
        spandsp.FaxMachine(
            spandsp.load(),
            spandsp.Terminal(calling=True, file="x" * 256, station_id="", modems=7),
            lambda machine: None,
            lambda machine: None,
        )


def test_what_the_tests_send_is_what_the_renderer_makes(tmp_path: Path) -> None:
    pages = frames(draw_fax(tmp_path / "two.tif", 2))
    assert [page.size for page in pages] == [(1728, 2200)] * 2
    assert pages[0].tobytes() != pages[1].tobytes()
