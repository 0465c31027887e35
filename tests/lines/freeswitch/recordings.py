"""The recorded event socket sessions of a real FreeSWITCH 1.11.1, read from the package's archive."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a message is, by its Content-Type."""

    AUTH_REQUEST = "auth/request"
    COMMAND_REPLY = "command/reply"
    API_RESPONSE = "api/response"
    EVENT = "text/event-plain"
    DISCONNECT_NOTICE = "text/disconnect-notice"
    RUDE_REJECTION = "text/rude-rejection"
    LOG = "log/data"


@dataclass(frozen=True)
class Message:
    """One message, in the bytes in which it came."""

    at: float
    """Seconds since the connection was made."""
    kind: Kind
    head: bytes
    """Its header block with the empty line that ends it."""
    body: bytes
    event: str = ""
    """Event-Name."""
    subclass: str = ""
    """Event-Subclass, decoded: `spandsp::txfaxresult`."""
    uuid: str = ""
    """Unique-ID."""
    job_uuid: str = ""

    @property
    def raw(self) -> bytes:
        return self.head + self.body


@dataclass(frozen=True)
class Sent:
    """A command of the client."""

    at: float
    text: str
    """Without the empty line that ends it."""


@dataclass(frozen=True)
class Recording:
    name: str
    messages: tuple[Message, ...]
    sent: tuple[Sent, ...]
    eof: float | None
    """When FreeSWITCH closed the connection."""
    uuid: str
    """Of our leg: of the first originate, or the receiving leg of an incoming call; empty if there is no call."""
    other_uuids: tuple[str, ...]
    job_uuids: tuple[str, ...]
    core_uuid: str


def recording(name: str) -> Recording:
    """Raises KeyError for a scenario that is not in the archive."""
    raise NotImplementedError


def recording_names() -> tuple[str, ...]:
    raise NotImplementedError
