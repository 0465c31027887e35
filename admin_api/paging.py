"""What may be asked of a list: which part of it, and of which rows.

Lists come in pages, newest first unless `ascending=true`. A key (`start_key`, `next_start_key`) is the place of a row,
its time and its id, and not a count: a page stays what it was while rows are added and removed before it. In the
envelope both keys are lists of one, as the Faxes API shows them; a request gives the key itself.

A parameter that is not known is refused by its name. Kazoo ignores it; but whoever misspells a filter would take every
fax for those that were asked for, and delete or bill them. Parameters of Kazoo clients that ask for nothing
(`HARMLESS`) are let through.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request

from admin_api.operations import validated
from admin_api.representation import GREGORIAN_EPOCH, gregorian
from gateway.store.listing import Only, Place, Window

DEFAULT, MOST = 50, 200

HARMLESS = frozenset({"_", "auth_token", "pretty"})
"""A cache buster, the token (which is taken from the header alone), and a wish for line breaks."""

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_GREGORIAN = gregorian(_LAST)
_KEY = r"[0-9]{1,17}-[0-9a-f]{32}"
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+ -]\d\d:\d\d)?)?", re.ASCII)

T = TypeVar("T")
Q = TypeVar("Q", bound="ListQuery")


def _whole(value: Any) -> Any:
    """Python takes more for a number than a URL should hold."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
        raise ValueError("is a whole number")
    return value


def _moment(value: Any) -> Any:
    """A time from a URL: Gregorian seconds, or ISO 8601, in UTC where it names no zone."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[0-9]{1,12}", value, re.ASCII) and int(value) <= _LAST_GREGORIAN:
        # The year 0, where Gregorian seconds begin, is before the first day that Python knows.
        seconds = max(int(value) - GREGORIAN_EPOCH, int(_FIRST.timestamp()))
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    if not _ISO.fullmatch(value):
        raise ValueError("is a time in Gregorian seconds or as ISO 8601 has it: 2026-11-23T14:05:09Z")
    # A plus sign that nobody encoded arrives as a space; and RFC 3339 has leap seconds, which Python has not.
    text = value[:10] + re.sub(r" (\d\d:\d\d)$", r"+\1", value[10:]).upper().replace(":60", ":59")
    given = datetime.fromisoformat(text)
    try:
        return min(given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC), _LAST)
    except OverflowError:
        return _FIRST if given.year == 1 else _LAST


def _unwrapped(value: Any) -> Any:
    """A client that passes the envelope's list on as JSON means the same."""
    return value.removeprefix('["').removesuffix('"]') if isinstance(value, str) else value


def _yes_or_no(value: Any) -> Any:
    if value not in ("true", "false", True, False):
        raise ValueError("is true or false")
    return value in ("true", True)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": _LAST_GREGORIAN},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        }
    ),
]
WHOLE = BeforeValidator(_whole)
YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
_Text = Annotated[str, Field(max_length=256)]


class ListQuery(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_size: Annotated[int, WHOLE] = Field(DEFAULT, ge=1, le=MOST, description="How many items to give at most.")
    start_key: Annotated[str, Field(pattern=f"^{_KEY}$"), BeforeValidator(_unwrapped)] | None = Field(
        None,
        description="Where the page begins: `next_start_key` of the page before.",
        json_schema_extra={"example": "63626410973000000-0190d4a0c1f27b3ca5d0a1b2c3d4e5f6"},
    )
    created_from: Moment | None = Field(
        None, description="Only what was made at this time or later: Gregorian seconds, or ISO 8601 (UTC if no zone)."
    )
    created_to: Moment | None = Field(None, description="Only what was made in this second or before.")
    ascending: YesNo = Field(default=False, description="`true`: oldest first.")

    def window(self) -> Window:
        """The part of the list, and one row more: it tells whether there is another page and where it begins."""
        return Window(
            start=None if self.start_key is None else place(self.start_key),
            limit=self.page_size + 1,
            ascending=self.ascending,
            since=self.created_from,
            # Clients see whole seconds: what was made within the last of them belongs to it.
            until=None if self.created_to is None else self.created_to.replace(microsecond=0) + timedelta(seconds=1),
        )

    def only(self) -> Only:
        """The filters."""
        given = {name: value for name, value in self if value is not None}
        return Only(
            equal={name: value for name, value in _after("filter_", given).items() if not name.startswith("not_")},
            different=_after("filter_not_", given),
            present=(given["has_key"],) if "has_key" in given else (),
            absent=(given["key_missing"],) if "key_missing" in given else (),
        )


def _after(prefix: str, given: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def filters(names: Sequence[str], kind: Any = _Text) -> dict[str, Any]:
    """The fields `filter_NAME` and `filter_not_NAME` of a model, for `pydantic.create_model`."""
    made: dict[str, Any] = {}
    for name in names:
        made[f"filter_{name}"] = (kind | None, Field(None, description=f"Only where `{name}` is this."))
        made[f"filter_not_{name}"] = (kind | None, Field(None, description=f"Only where `{name}` is not this."))
    return made


def keys(names: Sequence[str]) -> dict[str, Any]:
    """The fields `has_key` and `key_missing`."""
    known: Any = Literal[tuple(names)]
    return {
        "has_key": (known | None, Field(None, description="Only what has a value for this key.")),
        "key_missing": (known | None, Field(None, description="Only what has no value for this key.")),
    }


def asked(model: type[Q], request: Request) -> Q:
    """The query of a request, checked. Raises BadFields naming every parameter that is wrong or not known."""
    return validated(model, given(request))


UNESCAPED_NUMBER = re.compile(r" [1-9][0-9]+", re.ASCII)
"""A telephone number whose plus sign nobody encoded: no list would have it, and seem empty."""


def given(request: Request) -> dict[str, str]:
    """The parameters of a request that ask for something."""
    asked = {name: value for name, value in request.query_params.items() if name not in HARMLESS}
    return {name: f"+{value[1:]}" if UNESCAPED_NUMBER.fullmatch(value) else value for name, value in asked.items()}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    start_key: str | None
    next_start_key: str | None
    """None on the last page."""

    @property
    def envelope(self) -> dict[str, object]:
        """The envelope's keys. `page_size` is the size of this page, as in the Faxes API."""
        return {
            "page_size": len(self.items),
            "start_key": [self.start_key] if self.start_key else [],
            "next_start_key": [self.next_start_key] if self.next_start_key else None,
        }


def page(query: ListQuery, found: Sequence[T], place_of: Callable[[T], Place]) -> Page[T]:
    """The page, of what the store found within `query.window()`."""
    items, rest = found[: query.page_size], found[query.page_size :]
    first = key(place_of(items[0])) if items else query.start_key
    return Page(items, first, key(place_of(rest[0])) if rest else None)


def key(place_: Place) -> str:
    """
    >>> key(Place(datetime(2016, 3, 28, 22, 29, 33, tzinfo=UTC), "0" * 32))
    '63594800973000000-00000000000000000000000000000000'
    """
    return f"{(place_.at - _FIRST) // timedelta(microseconds=1)}-{place_.id}"


def place(key_: str) -> Place:
    """The place of a key that has the right form."""
    microseconds, _, row = key_.partition("-")
    return Place(_FIRST + timedelta(microseconds=int(microseconds)), row)
