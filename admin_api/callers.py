"""Whose faxes are junk, as the API has it, for accounts and faxboxes."""

from typing import Annotated

from pydantic import Field

from gateway.checks import MOST_CALLERS

_ENTRY = (
    "a number (`+442071234567`), all that begin so (`+4420*`), a country (`GB`), a kind (`premium`), `anonymous`, `*`"
)

_Entries = list[Annotated[str, Field(min_length=1, max_length=64)]]
Blocked = Annotated[
    _Entries,
    Field(
        max_length=MOST_CALLERS,
        description=f"Whose received faxes are junk: {_ENTRY}. The caller id of the line counts.",
    ),
]
Allowed = Annotated[
    _Entries,
    Field(
        max_length=MOST_CALLERS,
        description="Whose are not: entries as those of the blocked, of which the one decides that says most of the "
        "caller. Where the list has any, the faxes of all others are junk; `*` lets in whoever is not blocked.",
    ),
]
