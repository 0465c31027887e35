"""What was rendered is what arrives, bit for bit, at each resolution and length: below the header line, and where the
image is as long as the header lets it be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.scanners import portrait
from benchmarks.sheets import A4, LEGAL, LETTER, Sheet, pdf, sentences
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.documents.rendering import Rendering, Resolution
from tests.documents.papers import file, pages_of
from tests.lines.bench import BOX_NUMBER, OpenLine

HEADER = {Resolution.STANDARD: 16, Resolution.FINE: 32, Resolution.SUPERFINE: 64}


def document() -> bytes:
    sheets = []
    for number, size in enumerate((A4, LEGAL, LETTER)):
        sheet = Sheet(size)
        sheet.paragraph(sentences(number, 120), (50, size[1] - 60, size[0] - 100))
        sheet.line(2, (20, 30, size[0] - 20, 30))
        sheets.append(sheet)
    sheets[1].place(portrait((500, 600), 1), (150, 200, 300, 360))
    return pdf(sheets)


@pytest.mark.parametrize("resolution", list(Resolution))
async def test_what_was_rendered_arrives(open_line: OpenLine, tmp_path: Path, resolution: Resolution) -> None:
    image = tmp_path / "fax.tif"
    source = file(tmp_path / "in.pdf", document())
    pages = prepare([(source, Kind.PDF, "in.pdf")], tmp_path / "fax.pdf", image, 10, Rendering(resolution=resolution))
    async with open_line() as bench:
        result = await bench.send(BOX_NUMBER, image, pages)
        assert result.success
        assert result.pages == 3
        await bench.incoming.stored.wait()
        (received,) = bench.incoming.images.values()
    assert received is not None
    header = HEADER[resolution]
    for sent, got in zip(pages_of(image), pages_of(received), strict=True):
        assert got.shape == (sent.shape[0] + header, 1728)
        assert np.array_equal(got[header:], sent)
        assert got[:header].any()
    with Image.open(received) as tiff:
        assert round(float(tiff.info["dpi"][1])) == resolution.y_dpi
