"""The line seconds that the bench counts are those of a real call."""

from pathlib import Path

import pytest

from benchmarks.airtime import line_seconds
from gateway.lines.t4 import sent_pages
from tests.lines.bench import BOX_NUMBER, OpenLine, draw_fax


async def test_pages_take_as_long_as_counted(open_line: OpenLine, tmp_path: Path) -> None:
    taken, counted = [], []
    for pages in (1, 4):
        image = draw_fax(tmp_path / f"{pages}.tif", pages)
        counted.append(sum(line_seconds(page.code) for page in sent_pages(str(image))))
        async with open_line() as bench:
            result = await bench.send(BOX_NUMBER, image, pages)
            assert result.success
            assert (result.rate, result.ecm) == (14400, True)
            taken.append(result.seconds)
    # What is left is the call's own: its start and its end are the same.
    assert taken[1] - taken[0] == pytest.approx(counted[1] - counted[0], rel=0.05)
