"""A received image becomes a PDF with the same pixels in their true proportions."""

from pathlib import Path

import numpy as np
import pikepdf
import pytest
from PIL import Image

from gateway.documents.received import received
from gateway.errors import OurTrouble
from tests.documents import papers


@pytest.mark.parametrize("y_dpi", [98, 196, 391])
@pytest.mark.parametrize("compression", ["group3", "group4"])
@pytest.mark.parametrize("fill_order", [1, 2])
def test_pixels_and_proportions(tmp_path: Path, y_dpi: int, compression: str, fill_order: int) -> None:
    pages = [papers.text_page(y_dpi * 11), papers.text_page(y_dpi * 5)]
    images = [Image.fromarray(~page) for page in pages]
    tags = {266: fill_order, 278: y_dpi * 11} | ({292: 1} if compression == "group3" else {})
    for image in images:
        image.info["dpi"] = (204, y_dpi)
    images[0].save(
        tmp_path / "in.tif", compression=compression, dpi=(204, y_dpi), tiffinfo=tags, save_all=True,
        append_images=images[1:],
    )  # fmt: skip
    assert received(tmp_path / "in.tif", tmp_path / "out.pdf") == 2
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        for page, expected, inches in zip(pdf.pages, pages, (11, 5), strict=True):
            assert np.array_equal(papers.image_on(page), expected)
            assert [float(side) for side in page.mediabox[2:]] == pytest.approx([1728 / 204 * 72, inches * 72], abs=0.1)


@pytest.mark.parametrize("data", [b"", b"II*\0garbage", b"II*\0\x08\0\0\0\0\0\0\0\0\0"])
def test_what_is_no_image_is_our_trouble(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(OurTrouble, match="cannot be read"):
        received(papers.file(tmp_path / "in.tif", data), tmp_path / "out.pdf")
