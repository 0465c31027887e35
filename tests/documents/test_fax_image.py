"""The fax image: its file format, what is legal in it, and how a page lies on it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from gateway.documents.check import check
from gateway.documents.fitting import A4_SHEET, LEGAL_SHEET, Fit, fit, sheet_for
from gateway.documents.group4 import by_libtiff, by_spandsp
from gateway.documents.kinds import Kind
from gateway.documents.native import take_over
from gateway.documents.prepare import prepare
from gateway.documents.render import render
from gateway.documents.rendering import DEFAULT, Rendering, Resolution
from gateway.documents.tiff import FINE_DPI, STANDARD_DPI, FaxImageWriter
from gateway.errors import DocumentRefused
from tests.documents import papers


def fax_image(path: Path, *pages: np.ndarray, y_dpi: int = FINE_DPI) -> Path:
    with path.open("w+b") as file:
        writer = FaxImageWriter(file, len(pages))
        for page in pages:
            writer.add(page, y_dpi)
    return path


def test_pixels_and_tags_come_back(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).random((501, 1728)) < 0.1
    pages = [papers.text_page(), noise, np.zeros((300, 1728), bool), np.ones((300, 1728), bool)]
    image = fax_image(tmp_path / "fax.tif", *pages)
    for written, read in zip(pages, papers.pages_of(image), strict=True):
        assert np.array_equal(written, read)
    with Image.open(image) as tiff:
        for number in range(4):
            tiff.seek(number)
            tags = tiff.tag_v2  # type: ignore[attr-defined]
            assert (tags[259], tags[262], tags[266], tags[296], tags[297]) == (4, 0, 1, 2, (number, 4))
            assert (tags[282], tags[283], len(tags[273])) == (204, 196, 1)
    check(image, 4)


def test_a_page_whose_code_is_damaged_is_not_queued(tmp_path: Path) -> None:
    """libtiff decodes garbage to garbage, and a line sends it."""
    image = fax_image(tmp_path / "fax.tif", papers.text_page(), papers.text_page())
    check(image, 2)
    whole = image.read_bytes()
    for at in (len(whole) // 4, len(whole) * 3 // 4):
        image.write_bytes(whole[:at] + bytes(8) + whole[at + 8 :])
        with pytest.raises(DocumentRefused):
            check(image, 2)


@pytest.mark.parametrize("y_dpi", [98, 196, 391])
def test_both_coders_write_the_same_bits(y_dpi: int) -> None:
    noise = np.random.default_rng(2).random((y_dpi * 3, 1728)) < 0.2
    for page in (noise, papers.text_page(700), np.zeros((300, 1728), bool), np.ones((301, 1728), bool)):
        assert by_spandsp(page) == by_libtiff(page)


def test_without_spandsp_pages_are_decoded_all_the_same(tmp_path: Path) -> None:
    """In a process that cannot find it: this one has it loaded."""
    image = fax_image(tmp_path / "fax.tif", papers.text_page())
    program = (
        "import sys, pathlib\n"
        "from gateway.lines import spandsp\n"
        "spandsp.load.__wrapped__.__defaults__ = ('libnothing.so.0',)\n"
        "from gateway.documents import check, group4\n"
        "assert not check.is_read_by_spandsp()\n"
        "check.check(pathlib.Path(sys.argv[1]), 1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(image)], check=True, timeout=60)


def bare(image: Image.Image, **options: object) -> dict[str, object]:
    return {"image": image, "compression": "group4", "dpi": (204, 196)} | options


PAGE = Image.fromarray(~papers.text_page(600))


@pytest.mark.parametrize(
    ("wrong", "options"),
    [
        ("resolution", bare(PAGE, dpi=(204, 200))),
        ("resolution", bare(PAGE, dpi=(300, 300))),
        ("pixels", bare(PAGE.crop((0, 0, 1720, 600)))),
        ("pixels", bare(PAGE.resize((1728, 2800)))),
        ("compression", bare(PAGE, compression="group3")),
        ("compression", bare(PAGE.convert("L"), compression=None)),
        ("strips", bare(PAGE, tiffinfo={278: 100, 262: 0})),
    ],
)
def test_what_no_line_can_send_is_not_queued(tmp_path: Path, wrong: str, options: dict[str, object]) -> None:
    image = options.pop("image")
    assert isinstance(image, Image.Image)
    info = {TiffImagePlugin.ROWSPERSTRIP: image.height, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 0}
    if image.mode == "L":
        del info[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION]
    image.save(tmp_path / "fax.tif", "TIFF", **({"tiffinfo": info} | options))
    with pytest.raises(DocumentRefused) as caught:
        check(tmp_path / "fax.tif", 1)
    assert wrong in caught.value.detail


def test_cut_short_or_of_another_length_is_not_queued(tmp_path: Path) -> None:
    image = fax_image(tmp_path / "fax.tif", papers.text_page(), papers.text_page())
    with pytest.raises(DocumentRefused) as caught:
        check(image, 3)
    assert "2 pages instead of 3" in caught.value.detail
    image.write_bytes(image.read_bytes()[:-2000])
    with pytest.raises(DocumentRefused):
        check(image, 2)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((595.276, 841.89), Fit(1687, 2292, turned=False)),
        ((841.89, 595.276), Fit(1687, 2292, turned=True)),
        ((612, 792), Fit(1728, 2149, turned=False)),
        ((960, 540), Fit(1342, 2292, turned=True)),  # a slide
        ((420, 297), Fit(1728, 1174, turned=False)),  # A6 across is shown in full size as it lies
        ((2384, 3370), Fit(1688, 2292, turned=False)),  # A0
        ((1, 10000), Fit(1, 2292, turned=False)),
    ],
)
def test_how_a_page_lies(size: tuple[float, float], fitted: Fit) -> None:
    assert fit(*size, 2292) == fitted


@pytest.mark.parametrize(
    ("size", "sheet"),
    [
        ((612, 1008), LEGAL_SHEET),
        ((595, 936), LEGAL_SHEET),  # Folio
        ((595, 842), A4_SHEET),
        ((612, 792), A4_SHEET),
        ((1224, 2016), A4_SHEET),  # twice Legal is made smaller anyway
        ((612, 2000), A4_SHEET),
        ((300, 500), A4_SHEET),
    ],
)
def test_what_is_as_long_as_legal_gets_a_long_page(size: tuple[float, float], sheet: object) -> None:
    assert sheet_for(*size) == sheet


def rendered(tmp_path: Path, data: bytes, rendering: Rendering = DEFAULT) -> list[np.ndarray]:
    image = tmp_path / "fax.tif"
    render(papers.file(tmp_path / "in.pdf", data), image, "in.pdf", rendering)
    pages = papers.pages_of(image)
    check(image, len(pages))
    return pages


def test_nothing_is_cut_off_and_the_end_is_white(tmp_path: Path) -> None:
    frame = b"4 w 4 4 587 834 re S"
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(frame)))
    assert page.shape == (A4_SHEET.rows, 1728)
    left, top, right, bottom = papers.inked(page)
    assert top < 20
    assert A4_SHEET.inked - 20 < bottom < A4_SHEET.inked
    assert left == pytest.approx(1728 - right, abs=4)
    assert (right - left) / 204 / ((bottom - top) / 196) == pytest.approx(591 / 838, rel=0.005)


def test_a_page_across_is_turned_to_be_larger(tmp_path: Path) -> None:
    corner = b"0 0 100 50 re f"  # lower left
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(corner, size=(842, 595))))
    _, top, right, bottom = papers.inked(page)
    assert right < 1728 / 3, "a quarter to the right takes the lower left corner to the upper left"
    assert top < 10
    assert bottom < A4_SHEET.rows / 3


@pytest.mark.parametrize("grey", [0.0, 0.3, 0.6, 0.7])
def test_grey_text_stays_whatever_is_beside_it(tmp_path: Path, grey: float) -> None:
    black = papers.line_of("Black line above", y=730) + papers.line_of("Black line below", y=670)
    alone = papers.saved(papers.pdf(papers.line_of("Sphinx of quartz", size=12)))
    beside = papers.saved(papers.pdf(black + papers.line_of("Sphinx of quartz", size=12, grey=grey)))
    (expected,), (page,) = rendered(tmp_path, alone), rendered(tmp_path, beside)
    _, top, _, bottom = papers.inked(expected)
    band = slice(top, bottom + 1)
    agreeing = (page[band] & expected[band]).sum() / expected[band].sum()
    assert agreeing > 0.9


@pytest.mark.parametrize("background", [0.0, 0.2, 0.4, 0.6])
def test_white_text_on_dark_stays(tmp_path: Path, background: float) -> None:
    box = f"{background} g 60 680 475 50 re f\n".encode()
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(box + papers.line_of("Sphinx of quartz", grey=1))))
    (letters,) = rendered(tmp_path, papers.saved(papers.pdf(papers.line_of("Sphinx of quartz"))))
    left, top, right, bottom = papers.inked(letters)
    area = np.s_[top : bottom + 1, left : right + 1]
    assert (page[area] != letters[area]).mean() > 0.9


@pytest.mark.parametrize("grey", [0.0, 0.2, 0.4])
def test_dark_areas_are_black_all_through(tmp_path: Path, grey: float) -> None:
    box = f"{grey} g 60 300 400 300 re f\n".encode()
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(box)))
    left, top, right, bottom = papers.inked(page)
    assert page[top : bottom + 1, left : right + 1].mean() > 0.99


def test_a_shaded_box_costs_no_black(tmp_path: Path) -> None:
    box = b"0.8 g 60 300 400 300 re f\n"
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(box)))
    assert page.mean() < 0.01


def test_a_fax_image_is_taken_over_pixel_by_pixel(tmp_path: Path) -> None:
    pages = [papers.text_page(1100), papers.text_page(900)]
    received = [Image.fromarray(~page) for page in pages]
    source = tmp_path / "received.tif"
    received[0].save(
        source, compression="group3", dpi=(204, 98), save_all=True, append_images=received[1:], tiffinfo={292: 1}
    )
    out = tmp_path / "fax.tif"
    assert prepare([(source, Kind.TIFF, "received.tif")], tmp_path / "fax.pdf", out, 10) == 2
    for written, read in zip(pages, papers.pages_of(out), strict=True):
        assert np.array_equal(written, read)
    with Image.open(out) as tiff:
        assert tiff.info["dpi"] == (204, STANDARD_DPI)


def test_other_tiffs_are_not_taken_over(tmp_path: Path) -> None:
    source = tmp_path / "scan.tif"
    Image.fromarray(~papers.text_page(600)).save(source, compression="group4", dpi=(200, 200))
    assert take_over(source, tmp_path / "fax.tif", "scan.tif", 10) is None
    assert not (tmp_path / "fax.tif").exists()


def test_a_lower_margin_makes_room_for_the_header_line(tmp_path: Path) -> None:
    """No page is made smaller for 37 rows of white."""
    mark = b"100 400 204 196 re f\n"
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(mark)))
    left, top, right, bottom = papers.inked(page)
    assert right - left + 1 == pytest.approx(204 / 72 * 204, abs=1)
    assert bottom - top + 1 == pytest.approx(196**2 / 72, abs=1)
    assert page.shape[0] == A4_SHEET.rows


@pytest.mark.parametrize("resolution", list(Resolution))
def test_legal_pages_are_whole(tmp_path: Path, resolution: Resolution) -> None:
    frame = b"2 w 20 40 572 948 re S"
    made = papers.pdf(frame, size=(612, 1008))
    (page,) = rendered(tmp_path, papers.saved(made), Rendering(resolution=resolution))
    scale = {98: 0.5, 196: 1, 391: 2}[resolution.y_dpi]
    assert page.shape == (LEGAL_SHEET.rows * scale, 1728)
    left, top, right, bottom = papers.inked(page)
    assert (right - left) / 204 == pytest.approx(574 / 72, rel=0.006)
    assert (bottom - top) / scale / 196 == pytest.approx(950 / 72, rel=0.006)
    with Image.open(tmp_path / "fax.tif") as tiff:
        assert tiff.info["dpi"] == (204, resolution.y_dpi)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_was_turned_is_not_upside_down(tmp_path: Path, turn: int) -> None:
    """Turned by the document to lie across, and back by us, it is as it was drawn."""
    made = papers.pdf(b"0 742 100 100 re f")  # upper left
    made.pages[0].Rotate = turn
    (page,) = rendered(tmp_path, papers.saved(made))
    left, top, right, bottom = papers.inked(page)
    if turn == 180:
        assert left > 1200
        assert top > 1800
    else:
        assert right < 400
        assert bottom < 400
