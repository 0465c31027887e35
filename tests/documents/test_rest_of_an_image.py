"""A fax image without its first pages."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.documents.check import check
from gateway.documents.tiff import from_page
from tests.documents import papers
from tests.documents.test_fax_image import fax_image

PAGES = [papers.text_page(300 + 40 * number) for number in range(4)]


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return fax_image(tmp_path / "fax.tif", *PAGES).read_bytes()


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_it_has_exactly_the_rest(image: bytes, tmp_path: Path, first: int) -> None:
    rest = papers.file(tmp_path / "rest.tif", from_page(image, first))
    check(rest, 4 - first + 1)
    for written, read in zip(PAGES[first - 1 :], papers.pages_of(rest), strict=True):
        assert np.array_equal(written, read)
    assert rest.stat().st_size == len(image)


def test_a_page_that_is_not_there(image: bytes) -> None:
    with pytest.raises(ValueError, match="no page 5"):
        from_page(image, 5)


@pytest.mark.parametrize("broken", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08", b"%PDF-1.7"])
def test_what_is_no_image_of_ours(broken: bytes) -> None:
    with pytest.raises(ValueError):
        from_page(broken, 2)


def test_a_picture_of_one_page_has_no_second(tmp_path: Path) -> None:
    Image.new("1", (8, 8)).save(tmp_path / "one.tif")
    with pytest.raises(ValueError, match="no page 2"):
        from_page((tmp_path / "one.tif").read_bytes(), 2)


@given(st.binary(max_size=200), st.integers(2, 600))
def test_nothing_but_a_value_error(garbage: bytes, first: int) -> None:
    try:
        from_page(b"II*\0" + garbage, first)
    except ValueError:
        return
