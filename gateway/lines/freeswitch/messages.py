"""The event socket's messages, taken apart. Pure.

A message is lines `Name: value`, an empty line, and a body of Content-Length bytes. The body of `text/event-plain` is
an event: lines again, their values percent-encoded, an empty line, and perhaps a body of its own.

Lines are split first and decoded after: a far end may call itself `x%0Afax-success: 1`, and that must stay one value.
"""

from dataclasses import dataclass
from urllib.parse import unquote

MAX_LINE = 65_536
"""Bytes of one line outside a body."""
MAX_LINES = 200
"""Lines outside a body; replies have a handful."""
MAX_BODY = 4 * 1024 * 1024
"""Bytes. The largest events measured have 10 kB, `show channels` of a busy switch some hundreds of kB."""


class GarbledError(Exception):
    """What came is no message: the stream cannot be read any further."""


class Event:
    """An event. Names are looked up as they are written; a value is decoded when it is asked for."""

    __slots__ = ("_fields", "body")

    def __init__(self, fields: dict[str, str], body: str = "") -> None:
        self._fields = fields
        self.body = body

    def get(self, name: str) -> str:
        """The value, decoded; empty where there is none."""
        value = self._fields.get(name, "")
        return unquote(value, errors="replace") if "%" in value else value

    def variable(self, name: str) -> str:
        """A channel variable."""
        return self.get(f"variable_{name}")

    @property
    def name(self) -> str:
        """`CHANNEL_ANSWER`, or for CUSTOM ones the subclass: `spandsp::txfaxresult`."""
        name = self.get("Event-Name")
        return self.get("Event-Subclass") if name == "CUSTOM" else name

    @property
    def uuid(self) -> str:
        """The channel that it tells of; empty where it tells of none."""
        return self.get("Unique-ID")


@dataclass(frozen=True, slots=True)
class Head:
    """The lines of a message before its body."""

    fields: dict[str, str]

    @property
    def content_type(self) -> str:
        return self.fields.get("Content-Type", "")

    @property
    def length(self) -> int:
        """Bytes of the body. Raises GarbledError."""
        written = self.fields.get("Content-Length", "0")
        if not (written.isascii() and written.isdigit()) or len(written) > 9 or int(written) > MAX_BODY:
            raise GarbledError(f"a body of {written[:32]!r} bytes")
        return int(written)


def read_head(lines: list[bytes]) -> Head:
    """Raises GarbledError where it has no Content-Type."""
    head = Head(_fields(b"".join(lines).decode("utf-8", "replace")))
    if not head.content_type:
        raise GarbledError("a message without a Content-Type")
    return head


def read_event(body: bytes) -> Event:
    """The event that is the body of a `text/event-plain` message."""
    head, _, inner = body.decode("utf-8", "replace").partition("\n\n")
    return Event(_fields(head), inner)


def _fields(text: str) -> dict[str, str]:
    """The first of each name counts: FreeSWITCH's own come before those that a call has brought along."""
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(": ")
        if colon:
            fields.setdefault(name, value)
    return fields
