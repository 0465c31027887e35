"""How a page lies on the fax page: as large as it goes, in proportion, nothing cut off. Pure.

A line has 1728 pixels over 215 mm. The paper's length is A4's; Legal and what is as wide are sent whole on a longer
page: a receiver with shorter paper makes it smaller or breaks it over two sheets. The sender prints a header line of 32
rows above each page, and with it some lose as many at the end (spandsp 3 when it sends T.85): those are kept blank.
Where the page's own lower margin is blank anyway, it makes room for both, and the page keeps its size.
"""

from dataclasses import dataclass

from gateway.documents.tiff import FINE_DPI, WIDTH, X_DPI

A4_ROWS = 2292
"""297 mm at 7.7 lines to the millimetre (T.4, 2.1). All rows here are those of the fine resolution."""
LEGAL_ROWS = 2744
"""14 inches. With the header line it is shorter than B4's 364 mm (2808), which T.30 can name."""
HEADER_ROWS = 32
BLANK_ROWS = 32
MIN_ROWS = 256


@dataclass(frozen=True, slots=True)
class Sheet:
    """The length of the fax page."""

    full: int
    """Rows of a page that is shown in full, lower margin and all."""
    rows: int
    """Rows of the fax image, less than that by the header line."""

    @property
    def inked(self) -> int:
        """Rows in which there may be ink."""
        return self.rows - BLANK_ROWS


A4_SHEET = Sheet(A4_ROWS, 2255)
LEGAL_SHEET = Sheet(LEGAL_ROWS, LEGAL_ROWS)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a page lies on the fax page: pixels across and down."""

    width: int
    height: int
    turned: bool
    """By a quarter."""


def sheet_for(width: float, height: float) -> Sheet:
    """For a page of `width` by `height` points: the long sheet if it is as wide as a fax, and fits whole."""
    wider = WIDTH / (width / 72 * X_DPI)
    as_wide = 0.9 <= wider <= 1.1
    rows = height / 72 * FINE_DPI * min(1.0, wider)
    return LEGAL_SHEET if as_wide and A4_ROWS * 1.01 < rows <= LEGAL_ROWS else A4_SHEET


def fit(width: float, height: float, rows: int) -> Fit:
    """Fit a page of `width` by `height` points into `rows`: turned only where that shows it larger than it would
    otherwise be and it is not shown in full size anyway."""
    upright, turned = _scale(width, height, rows), _scale(height, width, rows)
    turn = turned > upright and upright < 1
    if turn:
        width, height = height, width
    scale = turned if turn else upright
    return Fit(
        width=max(1, min(WIDTH, round(width / 72 * X_DPI * scale))),
        height=max(1, min(rows, round(height / 72 * FINE_DPI * scale))),
        turned=turn,
    )


def _scale(width: float, height: float, rows: int) -> float:
    return min(WIDTH / (width / 72 * X_DPI), rows / (height / 72 * FINE_DPI))
