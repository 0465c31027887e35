"""Previews: what is sent, pixel for pixel, as it will look on the far end's paper."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.documents.linetime import codes_of
from gateway.documents.page import THUMBNAIL, page_png, thumbnail_png
from gateway.documents.preview import preview
from gateway.documents.render import render
from gateway.documents.rendering import Rendering, Resolution
from gateway.errors import NotFound, OurTrouble
from gateway.sandbox import Sandbox
from tests.documents import papers
from tests.warm import WarmServers

BOX = b"144 400 144 144 re f\n"
"""Black, two inches wide and high."""


def shown(png: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(png)) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize("resolution", list(Resolution))
def test_true_proportions_at_each_resolution(tmp_path: Path, resolution: Resolution) -> None:
    source = papers.file(tmp_path / "in.pdf", papers.saved(papers.pdf(BOX)))
    image = tmp_path / "fax.tif"
    render(source, image, rendering=Rendering(resolution=resolution))
    left, top, right, bottom = papers.inked(shown(page_png(image, 1)) < 128)
    assert (right - left + 1) / (bottom - top + 1) == pytest.approx(1, abs=0.06)  # 204 to 196
    small = shown(thumbnail_png(image, 1))
    left, top, right, bottom = papers.inked(small < 128)
    assert right - left == pytest.approx(bottom - top, abs=1)
    assert small.shape == (THUMBNAIL, pytest.approx(THUMBNAIL * 210 / 297, abs=8))


@pytest.mark.parametrize("resolution", list(Resolution))
def test_no_pixel_is_lost(tmp_path: Path, resolution: Resolution) -> None:
    source = papers.file(tmp_path / "in.pdf", papers.letter())
    render(source, tmp_path / "fax.tif", rendering=Rendering(resolution=resolution))
    (sent,) = papers.pages_of(tmp_path / "fax.tif")
    page = shown(page_png(tmp_path / "fax.tif", 1)) < 128
    down, across = (a // b for a, b in zip(page.shape, sent.shape, strict=True))
    assert np.array_equal(page, sent.repeat(down, axis=0).repeat(across, axis=1))


def test_a_thumbnail_is_grey_by_reduction(tmp_path: Path) -> None:
    stripes = b"".join(b"%d 100 1 600 re f\n" % x for x in range(100, 400, 2))
    render(papers.file(tmp_path / "in.pdf", papers.saved(papers.pdf(stripes))), tmp_path / "fax.tif")
    middle = shown(thumbnail_png(tmp_path / "fax.tif", 1))[60:180, 45:100]
    assert 60 < middle.mean() < 200
    assert len(np.unique(middle)) > 2


def test_the_pages_from_one_on(tmp_path: Path) -> None:
    image = tmp_path / "fax.tif"
    render(papers.file(tmp_path / "in.pdf", papers.letter(4)), image)
    pages = tuple(page_png(image, number) for number in range(1, 5))
    for first, most in ((1, 10), (1, 2), (3, 2), (4, 5)):
        found = preview(image, first, most)
        assert found.shown == pages[first - 1 : first - 1 + most]
        assert found.thumbnail == thumbnail_png(image, 1)
        assert found.codes == codes_of(image)
    for wrong in (0, 5):
        with pytest.raises(NotFound, match="4 pages"):
            preview(image, wrong, 1)


def test_many_large_pages_are_shown_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "fax.tif"
    render(papers.file(tmp_path / "in.pdf", papers.letter(4)), image)
    first, second = (len(page_png(image, number)) for number in (1, 2))
    for most_bytes, shown_pages in ((first - 1, 1), (first + second, 2)):
        monkeypatch.setattr("gateway.documents.preview.MOST_BYTES", most_bytes)
        assert len(preview(image, 1, 4).shown) == shown_pages
    assert len(preview(image, 1, 4).codes) == 4


def test_a_resolution_that_cannot_be_makes_no_huge_picture(tmp_path: Path) -> None:
    for dpi in ((204, 0.001), (0.001, 196), (0, 0)):
        Image.new("1", (1728, 100), 1).save(tmp_path / "in.tif", compression="group4", dpi=dpi)
        assert max(shown(page_png(tmp_path / "in.tif", 1)).shape) <= 4 * 1728
        assert max(shown(thumbnail_png(tmp_path / "in.tif", 1)).shape) == THUMBNAIL


async def test_in_the_sandbox(tmp_path: Path, warm: WarmServers) -> None:
    sandbox = Sandbox(children=1, quick=0, boot=warm.boot)
    await sandbox.start()
    try:
        papers.file(tmp_path / "fax.tif", b"no TIFF at all")
        with pytest.raises(OurTrouble, match="cannot be read"):
            await sandbox.run(preview, tmp_path / "fax.tif", 1, 1)
        render(papers.file(tmp_path / "in.pdf", papers.letter(2)), tmp_path / "fax.tif")
        assert len((await sandbox.run(preview, tmp_path / "fax.tif", 1, 9)).shown) == 2
    finally:
        await sandbox.stop()
