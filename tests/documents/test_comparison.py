"""The line time that is told of a page is that of a real call, and the comparison sets two images side by side."""

import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.compare import compare, table
from gateway.documents.comparison import GHOSTSCRIPT, by_ghostscript, compared
from gateway.documents.linetime import call_seconds, codes_of, page_seconds
from gateway.documents.rendering import Rendering, Resolution
from gateway.documents.tiff import FaxImageWriter
from gateway.errors import DocumentRefused, OurTrouble
from gateway.lines.loopback import LoopbackLine
from tests.documents import papers
from tests.lines.bench import Recording, order

FAR_END = "+12025550190"


def image_of(path: Path, *pages: np.ndarray) -> Path:
    with path.open("wb") as file:
        writer = FaxImageWriter(file, len(pages))
        for page in pages:
            writer.add(page)
    return path


def blank() -> np.ndarray:
    return np.zeros((2200, 1728), dtype=np.bool_)


def screened() -> np.ndarray:
    """A page whose code is almost all ones: its dots are where those of the line above are (vertical mode)."""
    page = blank()
    page[:1600, ::8] = True
    return page


def noisy(rows: int) -> np.ndarray:
    """A page with so many rows that no code makes short."""
    page = blank()
    page[:rows] = np.random.default_rng(1).random((rows, 1728)) < 0.2
    return page


async def test_the_line_time_is_that_of_a_real_call(tmp_path: Path) -> None:
    """V.17, ECM, T.6, between two machines of libspandsp: pages of no block, of one, and of more than one."""
    line = LoopbackLine(tmp_path / "line")
    await line.start(Recording(tmp_path), lambda: None)
    try:
        for pages in ((blank(),), (papers.text_page(), papers.text_page()), (screened(),), (noisy(600),)):
            image = image_of(tmp_path / "fax.tif", *pages)
            result = await line.call(order(FAR_END, image, len(pages)), lambda _: None)
            assert result.success
            assert (result.rate, result.ecm) == (14400, True)
            codes = codes_of(image)
            assert call_seconds(codes) == pytest.approx(result.seconds, abs=0.3, rel=0.005), codes
        assert codes[0].bytes > 65536
    finally:
        await line.stop()


def test_page_by_page_and_side_by_side(tmp_path: Path) -> None:
    ours = image_of(tmp_path / "ours.tif", blank(), papers.text_page())
    theirs = image_of(tmp_path / "theirs.tif", noisy(100), papers.text_page())
    found = compared(ours, theirs, tmp_path)
    assert [page.page for page in found] == [1, 2, 0]
    codes, others = codes_of(ours), codes_of(theirs)
    sizes, other_sizes = ([code.bytes for code in made] for made in (codes, others))
    assert [page.bytes for page in found] == [*sizes, sum(sizes)]
    assert [page.other_bytes for page in found] == [*other_sizes, sum(other_sizes)]
    assert (found[2].seconds, found[2].other_seconds) == (round(call_seconds(codes), 1), round(call_seconds(others), 1))
    assert found[0].seconds == round(page_seconds(codes[0]), 1) < (found[0].other_seconds or 0)
    with Image.open(tmp_path / "page-1.png") as picture:
        seen = np.asarray(picture.convert("L"))
    left, right = seen[:100, :1728], seen[:100, -1728:]
    assert left.min() == 255
    assert right.min() == 0
    assert set(np.unique(seen[:, 1728:-1728])) == {128}
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["page-1.png", "page-2.png"]
    alone = image_of(tmp_path / "alone.tif", blank())
    with pytest.raises(OurTrouble, match="1 pages of 2"):
        compared(ours, alone, None)


def test_alone_where_there_is_no_other(tmp_path: Path) -> None:
    ours = image_of(tmp_path / "ours.tif", papers.text_page())
    for found in compared(ours, None, tmp_path):
        assert (found.other_bytes, found.other_seconds) == (None, None)
    with Image.open(BytesIO((tmp_path / "page-1.png").read_bytes())) as picture:
        assert picture.width == 1728


@pytest.mark.skipif(shutil.which(GHOSTSCRIPT) is None, reason="Ghostscript is not installed")
def test_what_ghostscript_makes(tmp_path: Path) -> None:
    pdf = papers.file(tmp_path / "in.pdf", papers.letter(2))
    for resolution in Resolution:
        image = tmp_path / f"{resolution}.tif"
        assert by_ghostscript(pdf, image, resolution)
        a4 = pytest.approx(resolution.y_dpi * 297 / 25.4, abs=4)
        pages = papers.pages_of(image)
        assert [page.shape for page in pages] == [(a4, 1728)] * 2
        ours = image_of(tmp_path / "ours.tif", *pages)
        for theirs, code in zip(codes_of(image), codes_of(ours), strict=True):
            assert theirs.bytes == pytest.approx(code.bytes, rel=0.02)  # nothing but code
    papers.file(pdf, b"no PDF")
    with pytest.raises(OurTrouble, match="Ghostscript failed"):
        by_ghostscript(pdf, tmp_path / "none.tif", Resolution.FINE)


@pytest.mark.skipif(shutil.which(GHOSTSCRIPT) is None, reason="Ghostscript is not installed")
async def test_documents_are_compared_in_the_sandbox(tmp_path: Path) -> None:
    letter = papers.file(tmp_path / "letter.pdf", papers.letter())
    photo = papers.file(tmp_path / "photo.png", papers.image_bytes(papers.arrow(), "PNG"))
    found = await compare([letter, photo], tmp_path / "new" / "pictures", Rendering(resolution=Resolution.STANDARD))
    assert [page.page for page in found] == [1, 2, 0]
    assert all(page.other_seconds for page in found)
    assert found[0].bytes < 1.2 * (found[0].other_bytes or 0)  # of the same resolution
    head, *pages, call = table(found)
    assert "Ghostscript" in head
    assert [line.split()[0] for line in (*pages, call)] == ["1", "2", "call"]
    assert call.split()[1] == f"{found[-1].seconds}"
    made = sorted((tmp_path / "new" / "pictures").iterdir())
    assert [path.name for path in made] == ["page-1.png", "page-2.png"]
    broken = papers.file(tmp_path / "broken.pdf", b"%PDF-1.7 and nothing more")
    with pytest.raises(DocumentRefused, match="damaged"):
        await compare([broken], None)


def test_without_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not by_ghostscript(tmp_path / "in.pdf", tmp_path / "out.tif", Resolution.FINE)
