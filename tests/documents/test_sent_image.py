"""What a call sends of a fax image: a header line above each page, without the pages that are through."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.documents.check import check
from gateway.documents.header import HeaderLine, drawn, sent_image
from gateway.documents.raster import Bilevel
from gateway.documents.tiff import FINE_DPI, STANDARD_DPI, SUPERFINE_DPI, WIDTH, FaxImageWriter
from tests.documents import papers
from tests.documents.test_fax_image import fax_image

PAGES = [papers.text_page(300 + 40 * number) for number in range(4)]
MOMENT = datetime(2026, 12, 1, 8, 5, tzinfo=UTC)
HEADER_ROWS = {STANDARD_DPI: 16, FINE_DPI: 32, SUPERFINE_DPI: 64}


def line(text: str = "The Practice", station_id: str = "+1 202 555 0101", moment: datetime = MOMENT) -> HeaderLine:
    return HeaderLine(text=text, station_id=station_id, moment=moment)


NO_HEADER = line("")


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return fax_image(tmp_path / "fax.tif", *PAGES).read_bytes()


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_it_has_exactly_the_rest(image: bytes, tmp_path: Path, first: int) -> None:
    rest = papers.file(tmp_path / "rest.tif", sent_image(image, first, NO_HEADER))
    check(rest, 4 - first + 1)
    for written, read in zip(PAGES[first - 1 :], papers.pages_of(rest), strict=True):
        assert np.array_equal(written, read)


@pytest.mark.parametrize("y_dpi", HEADER_ROWS)
def test_every_page_is_the_same_below_its_header_line(tmp_path: Path, y_dpi: int) -> None:
    inked = np.ones((40, WIDTH), dtype=np.bool_)  # black from its first row on
    with (tmp_path / "fax.tif").open("wb") as file:
        writer = FaxImageWriter(file, 3)
        for page in (PAGES[0], inked, ~inked):
            writer.add(page, y_dpi)
    sent = papers.file(tmp_path / "sent.tif", sent_image((tmp_path / "fax.tif").read_bytes(), 1, line()))
    check(sent, 3)
    rows = HEADER_ROWS[y_dpi]
    for page, read in zip((PAGES[0], inked, ~inked), papers.pages_of(sent), strict=True):
        assert np.array_equal(read[rows:], page)
        assert read[:rows].any()
        assert not read[rows - 1].any()


def test_a_page_says_which_of_how_many_it_is(image: bytes, tmp_path: Path) -> None:
    sent = papers.file(tmp_path / "sent.tif", sent_image(image, 3, line()))
    for number, read in enumerate(papers.pages_of(sent), 3):
        assert np.array_equal(read[:32], drawn(line(), f"{number}/4"))
    assert not np.array_equal(drawn(line(), "3/4"), drawn(line(), "4/4"))


def ink(strip: Bilevel) -> list[tuple[int, int]]:
    """From where to where there is ink, gaps of less than 40 pixels counted in."""
    columns = np.flatnonzero(strip.any(axis=0)).tolist()
    starts = [columns[0], *(b for a, b in pairwise(columns) if b - a >= 40)]
    ends = [*(a for a, b in pairwise(columns) if b - a >= 40), columns[-1]]
    return list(zip(starts, ends, strict=True))


@pytest.mark.parametrize("text", ["The Practice", "W" * 50, "Äußerst lange Firma mit Łódź und Ångström GmbH & Co.KG"])
def test_nothing_is_printed_over_anything_nor_into_the_margins(text: str) -> None:
    found = ink(drawn(line(text, "+1 202 555 0101 2345"), "9999/9999"))
    assert len(found) == 4  # when, who, from where, which page
    assert found[0][0] >= 48
    assert found[-1][1] <= WIDTH - 48


def test_it_shows_the_time_of_its_zone() -> None:
    paris, berlin = (MOMENT.astimezone(ZoneInfo(f"Europe/{city}")) for city in ("Paris", "Berlin"))
    assert np.array_equal(drawn(line(moment=paris), "1/1"), drawn(line(moment=berlin), "1/1"))
    assert not np.array_equal(drawn(line(moment=paris), "1/1"), drawn(line(), "1/1"))


def test_a_page_that_is_not_there(image: bytes) -> None:
    for first in (0, 5):
        with pytest.raises(ValueError, match=f"no page {first}"):
            sent_image(image, first, line())


@pytest.mark.parametrize("broken", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08", b"%PDF-1.7"])
def test_what_is_no_image_of_ours(broken: bytes) -> None:
    with pytest.raises(ValueError):
        sent_image(broken, 2, line())


def test_an_image_that_is_cut_short(image: bytes) -> None:
    with pytest.raises(ValueError, match="cut short"):
        sent_image(image[:-8], 1, line())


def test_a_directory_that_leads_back_to_itself(image: bytes, tmp_path: Path) -> None:
    one = bytearray(fax_image(tmp_path / "one.tif", PAGES[0]).read_bytes())
    one[8 + 2 + 15 * 12 : 8 + 2 + 15 * 12 + 4] = one[4:8]
    with pytest.raises(ValueError, match="circle"):
        sent_image(bytes(one), 1, line())


def test_a_picture_of_one_page_has_no_second(tmp_path: Path) -> None:
    Image.new("1", (8, 8)).save(tmp_path / "one.tif")
    with pytest.raises(ValueError):
        sent_image((tmp_path / "one.tif").read_bytes(), 2, line())


@given(st.binary(max_size=200), st.integers(1, 600))
def test_nothing_but_a_value_error(garbage: bytes, first: int) -> None:
    try:
        sent_image(b"II*\0" + garbage, first, NO_HEADER)
    except ValueError:
        return
