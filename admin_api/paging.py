"""Lists come in pages, newest first: `page_size`, `start_key` and `next_start_key`.

A key is the id of the first item of its page, so a page stays what it was while newer items are added before it. In
the envelope both keys are lists of one, as the Faxes API shows them; a request gives the key itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from starlette.datastructures import QueryParams

from admin_api.ids import is_id
from gateway.errors import BadField

DEFAULT, MOST = 50, 200


class Item(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The page that a request asks for."""

    size: int
    start_key: str | None

    @property
    def before(self) -> str | None:
        """The store goes on after an id and ids have a fixed length: a digit more admits `start_key` itself, and
        nothing that is newer."""
        return None if self.start_key is None else f"{self.start_key}0"

    @property
    def limit(self) -> int:
        """One more than is shown: it tells whether there is another page and where it begins."""
        return self.size + 1


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    start_key: list[str]
    next_start_key: list[str] | None
    """None on the last page."""

    @property
    def envelope(self) -> dict[str, object]:
        """The envelope's keys. `page_size` is the size of this page, as in the Faxes API."""
        keys = {"start_key": self.start_key, "next_start_key": self.next_start_key}
        return {"page_size": len(self.items), **keys}


def wanted(query: QueryParams) -> Wanted:
    """Raises BadField."""
    size = query.get("page_size", str(DEFAULT))
    if not (size.isascii() and size.isdigit() and len(size) <= 3 and 1 <= int(size) <= MOST):
        raise BadField("page_size", f"page_size is a number from 1 to {MOST}.")
    # A client that passes the list on as JSON means the same.
    start_key = query.get("start_key", "").removeprefix('["').removesuffix('"]')
    if start_key and not is_id(start_key):
        raise BadField("start_key", "start_key is taken from next_start_key of the page before.")
    return Wanted(int(size), start_key or None)


def page(request: Wanted, found: Sequence[T]) -> Page[T]:
    """The page, of what the store found within `request.limit`."""
    items, rest = found[: request.size], found[request.size :]
    first = items[0].id if items else request.start_key
    return Page(items, [first] if first else [], [rest[0].id] if rest else None)
