"""Grey to black and white: what stays, and what goes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.corpus import GROUPS
from benchmarks.scanners import dusty, grainy, on_paper, shadowed, unevenly_lit
from benchmarks.sheets import Grey, Sheet, looked_at, pdf, scanned_pdf
from gateway.documents.bilevel import Drawn, bilevel
from gateway.documents.raster import sliding
from gateway.documents.render import render
from gateway.documents.rendering import DEFAULT, Rendering, Resolution
from gateway.documents.specks import without_specks
from tests.documents import papers


def rendered(tmp_path: Path, data: bytes, rendering: Rendering = DEFAULT) -> np.ndarray:
    render(papers.file(tmp_path / "in.pdf", data), tmp_path / "fax.tif", "in.pdf", rendering)
    (page,) = papers.pages_of(tmp_path / "fax.tif")
    return page


def text() -> Sheet:
    sheet = Sheet()
    for row in range(8):
        sheet.write("Sphinx of black quartz, judge my vow. 3.75 i.e. jj ii", 72, 700 - row * 40, 12)
    return sheet


def as_scan(page: Grey) -> bytes:
    return scanned_pdf([Image.fromarray(page)], quality=90)


DAMAGES: dict[str, Callable[[Grey], Grey]] = {
    "grain": lambda page: grainy(on_paper(page, 240, 40), 10, 1),
    "coarse grain": lambda page: grainy(on_paper(page, 235, 40), 18, 2),
    "a gutter's shadow": lambda page: grainy(shadowed(on_paper(page, 240, 30), 0.25, 0.3), 4, 3),
    "a lamp": lambda page: grainy(unevenly_lit(on_paper(page, 235, 40), 0.4, 4), 5, 4),
    "grey paper": lambda page: grainy(on_paper(page, 160, 40), 4, 5),
    "faint ink": lambda page: grainy(on_paper(page, 240, 165), 4, 6),
    "dust": lambda page: np.vstack([dusty(grainy(on_paper(page, 240, 35), 4, 7)[:2200], 600, 7), page[2200:]]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_scan_reads_as_a_clean_one(tmp_path: Path, damage: str) -> None:
    page = looked_at(text())
    clean = rendered(tmp_path, as_scan(page))
    found = rendered(tmp_path, as_scan(DAMAGES[damage](page)))
    assert (clean & found).sum() > 0.8 * clean.sum(), "the letters are there"
    assert (found & ~grown(clean, 3)).sum() < 0.02 * clean.sum(), "and nothing else"


def grown(black: np.ndarray, by: int) -> np.ndarray:
    out = black.copy()
    for y in range(-by, by + 1):
        for x in range(-by, by + 1):
            out |= np.roll(np.roll(black, y, 0), x, 1)
    return out


@pytest.mark.parametrize(("group", "name", "first"), [("scans", "grey paper", 0), ("tables", "coloured table", 300)])
def test_no_patch_between_letters_becomes_black(tmp_path: Path, group: str, name: str, first: int) -> None:
    page = rendered(tmp_path, GROUPS[group][name]()[0])[first:]
    squares = sliding(sliding(page.astype(np.uint8), 10, 0, np.minimum), 10, 1, np.minimum)
    assert not squares.any(), "no stroke there is as wide"


@pytest.mark.parametrize("width", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("resolution", list(Resolution))
def test_hairlines_stay_whole(tmp_path: Path, width: float, resolution: Resolution) -> None:
    sheet = text()
    sheet.line(width, (72, 300.3, 500, 300.3))
    sheet.line(width, (72.7, 100, 72.7, 300.3))
    page = rendered(tmp_path, pdf([sheet]), Rendering(resolution=resolution))
    across, down = np.flatnonzero(page.any(axis=0)), page[page.shape[0] * 2 // 3 :]
    assert len(across) > 1150
    assert (down[: int(len(down) * 0.6)].sum(axis=1) > 0).mean() > 0.9


@pytest.mark.parametrize("shade", [0.75, 0.6, 0.45])
def test_dark_text_on_a_shaded_row_keeps_white_around_it(tmp_path: Path, shade: float) -> None:
    plain, shaded = Sheet(), Sheet()
    shaded.fill((shade,), (50, 690, 480, 30))
    for sheet in (plain, shaded):
        sheet.write("Sphinx of quartz 123.45 pack my box with jugs", 60, 700, 12)
    letters, page = rendered(tmp_path, pdf([plain])), rendered(tmp_path, pdf([shaded]))
    left, top, right, bottom = papers.inked(letters)
    area = np.s_[top : bottom + 1, left : right + 1]
    assert (letters[area] == page[area]).mean() > 0.97


def test_a_bar_in_a_chart_does_not_vanish(tmp_path: Path) -> None:
    for shade in (0.3, 0.6, 0.8):
        sheet = text()
        sheet.fill((shade,), (200, 100, 100, 200))
        page = rendered(tmp_path, pdf([sheet]))
        rows = page[1600:1900, 500:900]
        assert rows.any(axis=1).all(), f"its sides are seen at {shade}"


def test_dots_of_letters_stay_and_specks_go() -> None:
    black = np.zeros((400, 400), bool)
    black[100:120, 100:104] = True  # an i
    black[92:95, 100:103] = True  # and its dot
    black[117:120, 110:112] = True  # a decimal point
    black[100:120, 118:128] = True
    specks = [(300, 300, 1), (50, 300, 2), (200, 20, 4)]
    for y, x, side in specks:
        black[y : y + side, x : x + side] = True
    found = without_specks(black)
    assert found[:130, 90:130].sum() == black[:130, 90:130].sum()
    assert not any(found[y : y + side, x : x + side].any() for y, x, side in specks)


def test_dotted_lines_stay() -> None:
    black = np.zeros((300, 600), bool)
    black[100:102, 40:560:8] = True
    black[102:104, 41:560:8] = True
    black[20:280:8, 20:22] = True
    found = without_specks(black)
    assert found[100:104, 128:512].sum() == black[100:104, 128:512].sum()
    assert found[128:256, 20:22].sum() == black[128:256, 20:22].sum()


def test_a_clean_page_is_not_searched_for_specks(tmp_path: Path) -> None:
    sheet = text()
    sheet.fill((0,), (300, 200, 0.6, 0.6))
    page = rendered(tmp_path, pdf([sheet]))
    assert page[1650:1800, 800:950].any()


def test_standard_keeps_what_is_in_either_row() -> None:
    grey = np.full((64, 1728), 255, np.uint8)
    grey[21, 100:1600] = 0
    grey[40, 100:1600] = 0
    black = bilevel(Drawn(grey), resolution=Resolution.STANDARD)
    assert black.shape == (32, 1728)
    assert black[10, 100:1600].all()
    assert black[20, 100:1600].all()
