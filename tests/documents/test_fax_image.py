"""The fax image: its file format, what is legal in it, and how a page lies on it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from gateway.documents.check import check
from gateway.documents.kinds import Kind
from gateway.documents.native import take_over
from gateway.documents.prepare import prepare
from gateway.documents.render import BLANK_ROWS, ROWS, Fit, fit, render
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


def bare(image: Image.Image, **options: object) -> dict[str, object]:
    return {"image": image, "compression": "group4", "dpi": (204, 196)} | options


PAGE = Image.fromarray(~papers.text_page(600))


@pytest.mark.parametrize(
    ("wrong", "options"),
    [
        ("resolution", bare(PAGE, dpi=(204, 200))),
        ("resolution", bare(PAGE, dpi=(300, 300))),
        ("pixels", bare(PAGE.crop((0, 0, 1720, 600)))),
        ("pixels", bare(PAGE.resize((1728, 2400)))),
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
        ((595.276, 841.89), Fit(1636, 2223, turned=False)),
        ((841.89, 595.276), Fit(1636, 2223, turned=True)),
        ((612, 792), Fit(1728, 2149, turned=False)),
        ((960, 540), Fit(1301, 2223, turned=True)),  # a slide
        ((420, 297), Fit(1728, 1174, turned=False)),  # A6 across is shown in full size as it lies
        ((2384, 3370), Fit(1637, 2223, turned=False)),  # A0
        ((1, 10000), Fit(1, 2223, turned=False)),
    ],
)
def test_how_a_page_lies(size: tuple[float, float], fitted: Fit) -> None:
    assert fit(*size) == fitted


def rendered(tmp_path: Path, data: bytes) -> list[np.ndarray]:
    image = tmp_path / "fax.tif"
    render(papers.file(tmp_path / "in.pdf", data), image)
    pages = papers.pages_of(image)
    check(image, len(pages))
    return pages


def test_nothing_is_cut_off_and_the_end_is_white(tmp_path: Path) -> None:
    frame = b"4 w 4 4 587 834 re S"
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(frame)))
    assert page.shape == (ROWS, 1728)
    left, top, right, bottom = papers.inked(page)
    assert top < 20
    assert ROWS - BLANK_ROWS - 20 < bottom < ROWS - BLANK_ROWS
    assert left == pytest.approx(1728 - right, abs=4)
    assert (right - left) / 204 / ((bottom - top) / 196) == pytest.approx(591 / 838, rel=0.005)


def test_a_page_across_is_turned_to_be_larger(tmp_path: Path) -> None:
    corner = b"0 0 100 50 re f"  # lower left
    (page,) = rendered(tmp_path, papers.saved(papers.pdf(corner, size=(842, 595))))
    _, top, right, bottom = papers.inked(page)
    assert right < 1728 / 3, "a quarter to the right takes the lower left corner to the upper left"
    assert top < 10
    assert bottom < ROWS / 3


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
