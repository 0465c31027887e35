"""What was rendered is what arrives, bit for bit, at each resolution and length: below the header line, and where the
image is as long as the header lets it be."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.scanners import portrait
from benchmarks.sheets import A4, LEGAL, LETTER, Sheet, pdf, sentences
from gateway.documents.header import HeaderLine, sent_image
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
    header = HeaderLine(text="Alice & Sons", station_id="+15551230001", moment=datetime.now(UTC))
    sending = file(tmp_path / "sent.tif", sent_image(image.read_bytes(), 1, header))
    async with open_line() as bench:
        result = await bench.send(BOX_NUMBER, sending, pages)
        assert result.success
        assert result.pages == 3
        await bench.incoming.stored.wait()
        (received,) = bench.incoming.images.values()
    assert received is not None
    rows = HEADER[resolution]
    for sent, got in zip(pages_of(image), pages_of(received), strict=True):
        assert got.shape == (sent.shape[0] + rows, 1728)
        assert np.array_equal(got[rows:], sent)
        assert got[:rows].any()
    with Image.open(received) as tiff:
        assert round(float(tiff.info["dpi"][1])) == resolution.y_dpi
