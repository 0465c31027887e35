"""Protocols where something crosses a process: the telephone line, the documents store, the mail relay, SMS, programs.

Adapters (`gateway.lines`, `gateway.storage`, `gateway.mail`) implement these; the flows know only these.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from gateway.fax import CallResult, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """Everything a line needs to place one call. `call_id` is the attempt's id and names the call for ever."""

    call_id: str
    number: str
    """E.164 with `+`."""
    image: Path
    """The fax image on the local disk."""
    pages: int
    caller_id_number: str
    caller_id_name: str
    local_station_id: str
    """T.30 TSI: at most 20 characters, ASCII."""
    header_line: str = ""
    """What a line that `prints_header` prints above each page; empty: nothing, the image has it."""
    timezone: str = "UTC"
    """IANA name: such a line shows the time in it."""
    ecm: bool = True
    v17: bool = True
    t38: bool | None = None
    """None leaves the choice to the line."""
    ring_seconds: float = 60.0
    call_seconds: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """A call that somebody made to a number of ours, when it begins."""

    call_id: str
    line: str
    from_number: str
    to_number: str
    """E.164 with `+` where the line knows it."""
    started_at: datetime


class IncomingCalls(Protocol):
    """What a line tells of incoming calls; `gateway.inbound` implements it. Every method may be called again for the
    same call (after a restart the line tells again what was not yet `ended`), and then changes nothing."""

    async def answers(self, number: str) -> str | None:
        """The station id (T.30 CSI) with which a faxbox answers `number`; None when no faxbox owns it."""
        ...

    async def began(self, call: IncomingCall) -> None: ...

    async def progressed(self, progress: Progress) -> None: ...

    async def ended(self, call: IncomingCall, result: CallResult, image: Path | None) -> bool:
        """The call is over. When this returns, the fax is durably stored and the line may forget call and image; where
        it is False the image came after an end that was told without one, nobody has it, and the line keeps it."""
        ...


class CallState(StrEnum):
    """What a line knows of a call after a crash."""

    LIVE = "live"
    ENDED = "ended"
    UNANSWERED = "unanswered"
    """It is certain that the far end never answered, so nothing can have arrived: dial again."""
    UNREACHABLE = "unreachable"
    """The line cannot be asked at present, and expects to be soon: ask again."""
    UNKNOWN = "unknown"
    """The line cannot say: the fax may have arrived."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    state: CallState
    result: CallResult | None = None
    """Set when ENDED."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    name: str
    available: bool
    free: int
    """Calls that can be started now."""
    active: int
    problem: str = ""
    """Why it is unavailable and what to do about it."""
    channels: int = 1
    """Calls that it can carry at a time, whichever processes make them."""
    t38: bool = False
    """Whether its calls use T.38 where the order leaves that open."""
    prints_header: bool = False
    """Whether it prints the header line itself."""


class Line(Protocol):
    """A telephone line: places calls, takes calls, and remembers how they ended."""

    name: str

    async def start(self, incoming: IncomingCalls, freed: Callable[[], None]) -> None:
        """Begin to work. `freed` is called whenever a call could be started that could not before. A line that cannot
        work starts all the same and says why in `status`."""
        ...

    async def stop(self) -> None:
        """Hang up what is left and release everything."""
        ...

    async def examine(self) -> LineStatus:
        """Whether it would work, asked of a line that is not started; it carries no call by that."""
        ...

    def status(self) -> LineStatus: ...

    async def call(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        """Place the call and wait for its end. Telephone and fax troubles are results, not exceptions; an exception
        means that the outcome is unknown. `progress` is called in the event loop's thread and must not block."""
        ...

    async def hang_up(self, call_id: str) -> None:
        """Ask for the end of a call; `call` then returns. Unknown ids are ignored."""
        ...

    async def settle(self, call_id: str) -> CallRecord:
        """What became of a call that was begun before a crash, perhaps by another process."""
        ...

    async def follow(self, call_id: str, pages: int, progress: Callable[[Progress], None]) -> CallResult:
        """Wait for the end of a LIVE call that was begun before a crash; else as `call`. `pages` are those it sends."""
        ...

    async def forget(self, call_id: str) -> None:
        """The outcome of this outgoing call is durably stored: its record may go."""
        ...


@dataclass(frozen=True, slots=True)
class NewDocument:
    """Bytes on their way into the store: in memory, or a file that the store may take over."""

    key: str
    content: bytes | Path


class Documents(Protocol):
    """The documents store (`FAXGATE_DOCUMENTS_URL`). Keys are made by us: `[0-9a-z/._-]`, never from outside text."""

    async def put(self, documents: Sequence[NewDocument]) -> None:
        """Store all. When this returns they are durable (fsynced or acknowledged). Paths given are consumed."""
        ...

    async def open(self, key: str) -> Path:
        """The document as a local file, which the caller must not change. Raises NotFound."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove for good, also after a power cut; missing keys are no error. Raises OurTrouble where one of them
        cannot be, and then others may be gone or not."""
        ...

    def stored(self, since: datetime) -> AsyncIterator[tuple[str, datetime]]:
        """All keys of that day and later, and when each was stored."""
        ...


class RefusedDeliveryError(Exception):
    """The final no of who should take a notice: a relay (5xx), an SMS service, a program."""


class DelayedDeliveryError(Exception):
    """It cannot be taken now (4xx, no connection)."""


class Mailer(Protocol):
    """Where our own mails leave (`FAXGATE_MAIL_URL`)."""

    async def send(self, *, sender: str, recipient: str, message: bytes, key: str) -> str:
        """Deliver one message to one recipient; returns the relay's answer. `sender` is the envelope sender, empty for
        the null reverse path. `key` is the notice's id and the same at every try, so that an adapter that can tell
        doubles apart does. Raises RefusedDeliveryError or DelayedDeliveryError."""
        ...

    async def close(self) -> None: ...


class Texter(Protocol):
    """Who sends short messages (`FAXGATE_SMS_URL`)."""

    async def send(self, *, recipient: str, text: str, key: str) -> str:
        """Send a text, in parts where it is long, to a number (E.164); returns the service's answer. `key` is the
        notice's id. Raises RefusedDeliveryError or DelayedDeliveryError."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOrder:
    """A program that is to be told, and of what."""

    url: str
    method: str = "post"
    """`post` or `put`."""
    form: bool = False
    """As a form, not as JSON."""
    secrets: Sequence[str] = field(default=(), repr=False)
    """Each `whsec_` and a key in Base64, with which it is signed; not signed if there is none."""
    kind: str
    """As `fax.completed`."""
    data: Mapping[str, object]
    at: datetime
    """Of what it tells."""


class Callbacks(Protocol):
    """Tells programs."""

    async def send(self, order: CallbackOrder, *, key: str) -> str:
        """Tell a program; returns its answer. `key` is the notice's id, the same at every try. Raises
        RefusedDeliveryError or DelayedDeliveryError."""
        ...

    async def close(self) -> None: ...
