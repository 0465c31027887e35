"""How far that reaches which is to be seen of HTML that was set: what a browser would show, the paper must.

A browser scrolls, within its window and within elements (`overflow: auto`), to the right and down; to the left and
upwards it does not, and what an element hides (`overflow: hidden`) it never shows. Boxes are those of WeasyPrint.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

SLACK = 4.0
"""Pixels of CSS that a line may stand out of its box, as the tail of a letter does."""


@dataclass(frozen=True, slots=True)
class Extent:
    """In pixels of CSS, from the edges of the paper."""

    right: float = 0.0
    bottom: float = 0.0
    scrolled: bool = False
    """An element cuts something off that a browser would scroll to."""


@dataclass(frozen=True, slots=True)
class _Window:
    """How far an element lets its content be seen; `hides` for good, and does not scroll."""

    right: float = inf
    bottom: float = inf
    hides: bool = True


def extent(page: Any) -> Extent:
    """Of a page of a rendered document."""
    found = list(_edges(page._page_box, _Window()))  # noqa: SLF001  # it has no other name
    return Extent(
        max((one.right for one in found), default=0.0),
        max((one.bottom for one in found), default=0.0),
        any(one.scrolled for one in found),
    )


def letters(pages: Iterable[Any]) -> Counter[Any]:
    """How many letters of each element are on the pages, wherever they lie."""
    from weasyprint.formatting_structure import boxes  # type: ignore[import-untyped]

    found: Counter[Any] = Counter()
    waiting = [page._page_box for page in pages]  # noqa: SLF001
    while waiting:
        box = waiting.pop()
        if isinstance(box, boxes.TextBox):
            found[box.element] += len("".join(box.text.split()))
        waiting += (getattr(child, "_box", child) for child in getattr(box, "children", ()))
    return found


def _edges(top: Any, whole: _Window) -> Iterator[Extent]:
    """Of its text and pictures. Boxes are nested deep: no recursion."""
    from weasyprint.formatting_structure import boxes

    waiting = [(top, whole)]
    while waiting:
        box, window = waiting.pop()
        if isinstance(box, boxes.TextBox | boxes.ReplacedBox):
            if _is_seen(box, isinstance(box, boxes.TextBox)):
                yield _edge(box, window)
            continue
        if box is not top and box.style["overflow"] != "visible":
            window = _narrowed(box, window)
        # What is positioned absolutely is behind a placeholder.
        waiting += ((getattr(child, "_box", child), window) for child in getattr(box, "children", ()))


def _is_seen(box: Any, is_text: bool) -> bool:
    if box.style["visibility"] != "visible" or not isinstance(box.width, int | float):
        return False
    return bool(box.text.strip()) if is_text else min(box.width, box.height) > 1  # less only counts readers


def _edge(box: Any, window: _Window) -> Extent:
    right, bottom = box.position_x + box.width, box.position_y + box.height
    cut_off = right > window.right + SLACK or bottom > window.bottom + SLACK
    return Extent(min(right, window.right), min(bottom, window.bottom), cut_off and not window.hides)


def _narrowed(box: Any, window: _Window) -> _Window:
    right, bottom = box.padding_box_x() + box.padding_width(), box.padding_box_y() + box.padding_height()
    return _Window(
        right=min(right, window.right), bottom=min(bottom, window.bottom), hides=box.style["overflow"] == "hidden"
    )
