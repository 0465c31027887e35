"""Photographs: found, and screened so that they cost little and look right."""

from pathlib import Path

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
from PIL import Image, ImageFilter

from benchmarks.corpus import GROUPS
from benchmarks.scanners import grainy, landscape, on_paper, portrait, still_life
from benchmarks.sheets import Sheet, looked_at, pdf, scanned_pdf, sentences
from gateway.documents.bilevel import Drawn, bilevel
from gateway.documents.drawing import drawn, size_of
from gateway.documents.fitting import A4_SHEET
from gateway.documents.group4 import group4
from gateway.documents.photographs import photographs
from gateway.documents.raster import Grey
from gateway.documents.render import render
from gateway.documents.rendering import Look, Rendering, Resolution
from gateway.documents.screen import screened
from tests.documents import papers

PICTURES = {"landscape": landscape, "still life": still_life, "portrait": portrait}


def photo(name: str, size: tuple[int, int] = (1200, 960)) -> Grey:
    return np.asarray(PICTURES[name](size, 7))


@pytest.mark.parametrize("resolution", list(Resolution))
@pytest.mark.parametrize("level", [0, 40, 90, 128, 170, 220, 255])
def test_a_screen_keeps_the_tone(level: int, resolution: Resolution) -> None:
    black = screened(np.full((480, 480), level, np.uint8), resolution)
    assert 255 * (1 - black.mean()) == pytest.approx(level, abs=8), "to the nearest of its tones"
    assert black.mean() in (0, 1) if level in (0, 255) else 0 < black.mean() < 1


def test_an_even_tone_looks_even() -> None:
    for level in range(0, 256, 5):
        black = screened(np.full((240, 240), level, np.uint8))
        seen = Image.fromarray(np.where(black, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
        assert np.asarray(seen)[40:200, 40:200].std() < 0.8, level


@pytest.mark.parametrize("name", PICTURES)
def test_a_screen_looks_like_the_photograph_and_costs_less_than_dots(name: str) -> None:
    grey = photo(name)
    black = screened(grey)
    from_afar = ImageFilter.GaussianBlur(4)
    seen = np.asarray(Image.fromarray(np.where(black, 0, 255).astype(np.uint8)).filter(from_afar), float)
    meant = np.asarray(Image.fromarray(grey).filter(from_afar), float)
    assert np.abs(seen - meant).mean() < 6
    scattered = ~np.asarray(Image.fromarray(grey).convert("1"))  # Floyd and Steinberg's
    assert len(group4(black)) < 0.45 * len(group4(scattered))


def page_with(picture: Image.Image, box: tuple[float, float, float, float] = (100, 300, 400, 300)) -> Sheet:
    sheet = Sheet()
    sheet.paragraph(sentences(1, 60), (60, 780, 470))
    sheet.place(picture, box)
    return sheet


def rendered(tmp_path: Path, data: bytes, look: Look = Look.AUTO) -> np.ndarray:
    render(papers.file(tmp_path / "in.pdf", data), tmp_path / "fax.tif", "in.pdf", Rendering(look=look))
    (page,) = papers.pages_of(tmp_path / "fax.tif")
    return page


def middle(page: np.ndarray) -> np.ndarray:
    """Where the picture lies."""
    rows, columns = (842 - 600, 842 - 300), (100, 500)
    return page[int(rows[0] * 2.8) : int(rows[1] * 2.6), int(columns[0] * 3) : int(columns[1] * 2.7)]


def edges(page: np.ndarray) -> float:
    return float((page[:, 1:] != page[:, :-1]).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_a_photograph_is_screened_where_it_is(tmp_path: Path, name: str) -> None:
    data = pdf([page_with(Image.fromarray(photo(name)))])
    text = rendered(tmp_path, data, Look.TEXT)
    auto = rendered(tmp_path, data)
    assert edges(middle(auto)) > 2 * edges(middle(text))
    assert np.array_equal(auto[:600], text[:600]), "the text above stays as it is"


@pytest.mark.parametrize(("paper", "grain"), [(240, 4), (200, 5), (235, 12)])
def test_a_photograph_on_a_scan_is_screened(tmp_path: Path, paper: int, grain: int) -> None:
    page = grainy(on_paper(looked_at(page_with(Image.fromarray(photo("portrait")))), paper, 30), grain, 1)
    data = scanned_pdf([Image.fromarray(page)])
    assert edges(middle(rendered(tmp_path, data))) > 2 * edges(middle(rendered(tmp_path, data, Look.TEXT)))


@pytest.mark.parametrize("name", ["still life", "landscape"])
def test_a_photograph_that_fills_the_page_is_screened_as_a_whole(tmp_path: Path, name: str) -> None:
    sheet = Sheet()
    sheet.place(PICTURES[name]((840, 1188), 340), (0, 0, 595.28, 841.89))
    page = rendered(tmp_path, pdf([sheet]))
    bands = page[: len(page) // 24 * 24, 30:1690].reshape(24, -1, 1660)
    assert all(edges(band) > 0.05 for band in bands[:-1])


def test_pictures_of_text_are_no_photographs() -> None:
    for name, make in GROUPS["scans"].items():
        if "photograph" in name:
            continue
        with pdfium.PdfDocument(make()[0]) as document:
            page = drawn(document[0], size_of(document[0], ""), A4_SHEET, A4_SHEET.full, 1)
            assert page.images, name
            assert not photographs(page.grey, page.images), name


def test_text_stays_on_a_page_that_is_all_screened(tmp_path: Path) -> None:
    letter = papers.saved(papers.pdf(papers.line_of("Sphinx of quartz", size=12)))
    text, screened_page = (rendered(tmp_path, letter, look) for look in (Look.TEXT, Look.PHOTO))
    assert (text & screened_page).sum() > 0.85 * text.sum()


@pytest.mark.parametrize("resolution", list(Resolution))
def test_photographs_at_each_resolution(resolution: Resolution) -> None:
    rows = 1600 if resolution is Resolution.SUPERFINE else 800
    grey = np.full((rows, 1728), 255, np.uint8)
    picture = np.asarray(Image.fromarray(photo("landscape")).resize((960, rows // 2)))
    grey[: rows // 2, 160:1120] = picture
    black = bilevel(Drawn(grey, [(0, rows // 2, 160, 1120)]), Look.AUTO, resolution)
    assert black.shape == ({"standard": 400, "fine": 800, "superfine": 1600}[resolution], 1728)
    shown = black[: len(black) // 2, 160:1120]
    assert 255 * (1 - shown.mean()) == pytest.approx(picture.mean(), abs=10)
    assert not black[len(black) // 2 + 8 :].any()
