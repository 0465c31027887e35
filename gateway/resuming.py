"""A fax that goes out in several calls, each with the pages that are still missing. Pure.

A call's own result counts the pages of that call, as the line saw them; the result of a fax counts pages of its
document.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.fax import Attempt, CallResult


def first_page(calls: Sequence[Attempt], pages: int) -> int:
    """The page, from 1, with which the next call begins, after these calls of a fax of so many pages."""
    confirmed = max((call.first_page - 1 + call.result.pages for call in calls if call.result), default=0)
    # Where no page is missing and the fax is not through all the same, nothing is certain: the whole document again.
    return confirmed + 1 if 0 < confirmed < pages else 1


def of_document(result: CallResult, first_page: int, pages: int) -> CallResult:
    """The result of a call that began with `first_page`, in pages of the document."""
    if first_page == 1:
        return result
    return replace(result, pages=first_page - 1 + result.pages, total_pages=pages)


def pages_before(calls: Sequence[Attempt]) -> int:
    """The pages that had arrived before the call that the result of a fax is of: its last one that has a result."""
    return next((call.first_page - 1 for call in reversed(calls) if call.result), 0)
