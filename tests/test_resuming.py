"""A fax in several calls: which pages are missing, and in whose pages a result is told."""

from dataclasses import replace

import pytest

from gateway.explanations import explain
from gateway.fax import Attempt, CallResult
from gateway.outbound.plan import HEADER_LENGTH, _header_line
from gateway.resuming import first_page, of_document
from tests.test_means import FAST_T38, call

CUT = CallResult(success=False, answered=True, pages=2, total_pages=5, result_code=49)
BUSY = CallResult(success=False, answered=False, cause=17, total_pages=5)


def calls(*made: tuple[int, CallResult | None]) -> list[Attempt]:
    """Calls that began with a page and ended so."""
    return [
        replace(call(number, FAST_T38, result), first_page=first)
        for number, (first, result) in enumerate(made, start=1)
    ]


@pytest.mark.parametrize(
    ("earlier", "first"),
    [
        ([], 1),
        ([(1, None)], 1),
        ([(1, BUSY)], 1),
        ([(1, replace(CUT, pages=0))], 1),
        ([(1, CUT)], 3),
        ([(1, CUT), (3, BUSY)], 3),
        ([(1, CUT), (3, replace(CUT, pages=1))], 4),
        ([(1, CUT), (3, replace(CUT, pages=0)), (3, replace(CUT, pages=2))], 5),
        # A box that did not allow it meanwhile.
        ([(1, CUT), (1, replace(CUT, pages=1))], 3),
        ([(1, CUT), (1, replace(CUT, pages=4))], 5),
        # All pages, and yet not through: nothing is certain.
        ([(1, replace(CUT, pages=5))], 1),
        ([(1, CUT), (3, replace(CUT, pages=3))], 1),
    ],
)
def test_the_next_call_begins_with_the_first_page_that_is_missing(
    earlier: list[tuple[int, CallResult | None]], first: int
) -> None:
    assert first_page(calls(*earlier), 5) == first


def test_a_fax_of_one_page_is_never_resumed() -> None:
    assert first_page(calls((1, replace(CUT, pages=1))), 1) == 1


def test_the_result_of_a_fax_counts_pages_of_its_document() -> None:
    assert of_document(CUT, 1, 5) == CUT
    rest = of_document(replace(CUT, pages=1, total_pages=3), 3, 5)
    assert (rest.pages, rest.total_pages) == (3, 5)
    assert of_document(BUSY, 3, 5).pages == 2


def test_why_it_failed_is_what_this_call_has_seen() -> None:
    cut = explain(of_document(replace(CUT, pages=1, total_pages=3), 3, 5), 2)
    assert cut.sentence == "The call was cut off after page 3 of 5."
    voice = replace(CUT, pages=0, total_pages=3, result_code=2)
    assert explain(of_document(voice, 3, 5), 2) == explain(voice)
    lost = replace(CUT, pages=0, total_pages=3)
    assert explain(of_document(lost, 3, 5), 2) == explain(lost)
    assert explain(of_document(BUSY, 3, 5), 2).sentence == "The line was busy."


@pytest.mark.parametrize(
    ("text", "first", "pages", "line"),
    [
        ("The Practice", 1, 5, "The Practice"),
        ("The Practice", 3, 5, "The Practice (continued: pages 3-5 of 5)"),
        ("The Practice", 5, 5, "The Practice (continued: page 5 of 5)"),
        ("", 2, 5, "(continued: pages 2-5 of 5)"),
        ("The Practice of Dr. Alice Example and Partners", 2, 5, "The Practice of Dr. Al (continued: pages 2-5 of 5)"),
        ("The Practice of Alice and Partners, Paris", 2, 5, "The Practice of Alice (continued: pages 2-5 of 5)"),
        ("x" * 99, 1, 5, "x" * 99),
    ],
)
def test_the_header_line_says_so(text: str, first: int, pages: int, line: str) -> None:
    assert _header_line(text, first, pages) == line


def test_the_note_fits_whatever_the_name() -> None:
    for name in ("", "x" * 128, "a " * 60):
        line = _header_line(name, 499, 500)
        assert line.endswith("(continued: pages 499-500 of 500)")
        assert len(line) <= HEADER_LENGTH
