"""A FreeSWITCH for tests: the event socket of a machine whose calls go as a script says.

What it sends was sent by a real FreeSWITCH (`recordings`); what differs from call to call is replaced in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lines.freeswitch.originate import Originate
from tests.lines.freeswitch.play import Moment, Play

Script = Callable[[Originate], Play]


@dataclass(frozen=True)
class Command:
    """One command that a client sent."""

    at: float
    """`time.monotonic()`."""
    connection: int
    """Which connection it came on, from 1."""
    text: str
    """Without the empty line that ends it; several lines if it has headers."""


def by_number(originate: Originate) -> Play:
    """The script if no other is given. The dialled number says what happens: a number that ends in 2000 is busy, in 2001
    rings and is not answered, in 2404 unallocated, in 2603 rejected, in 1003 takes three pages; all others one page."""
    raise NotImplementedError


class Switch:
    """Used as `async with Switch() as switch:`; leaving it ends every call and task.

    All attributes may be changed while it runs.
    """

    def __init__(
        self,
        script: Script = by_number,
        *,
        password: str = "ClueCon",
        pace: float = 0.01,
        cdr_directory: Path | None = None,
    ) -> None:
        self.script = script
        self.password = password
        self.pace = pace
        """How long a recorded second takes."""
        self.cdr_directory = cdr_directory
        """Where mod_json_cdr writes `<uuid>.cdr.json` at the end of each call, connected client or not."""
        self.port = 0
        self.core_uuid = ""
        self.chop = 0
        """Bytes per write; 0 is all at once."""
        self.rejecting = False
        """New connections are refused by the access list."""
        self.checks_files = True
        """A file that is not there ends as `tiff_nonexistent`, whatever the script says."""
        self.originates: list[Originate] = []
        self.commands: list[Command] = []

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    # The calls.

    async def ring(
        self,
        recording: str = "inbound_rxfax_success",
        *,
        to: str,
        from_: str,
        path: Path,
        image: bytes,
        pace: float = 1.0,
        hold: Moment | None = None,
    ) -> str:
        """An incoming call that the dialplan hands to rxfax; returns its uuid at once. `image` is what rxfax has
        written at `path` when it tells its result, if the recording delivered a page."""
        raise NotImplementedError

    @property
    def live(self) -> tuple[str, ...]:
        """The calls that `uuid_exists` knows."""
        raise NotImplementedError

    async def ended(self, uuid: str) -> None:
        """Wait until a call is over: its CHANNEL_DESTROY is sent, its call record is written."""
        raise NotImplementedError

    def release(self, uuid: str) -> None:
        """Let a held call go on."""
        raise NotImplementedError

    def hang_up(self, uuid: str, cause: str = "NORMAL_CLEARING") -> None:
        """As `uuid_kill`, by somebody else."""
        raise NotImplementedError

    # The connections.

    @property
    def connections(self) -> int:
        raise NotImplementedError

    async def subscribed(self, count: int = 1) -> None:
        """Wait until so many connections listen for events."""
        raise NotImplementedError

    async def heard(self, start: str) -> Command:
        """Wait for a command that begins so (one that came before counts)."""
        raise NotImplementedError

    # What can go wrong.

    async def drop(self, *, notice: bool = False) -> None:
        """Close every connection; the calls live on and the switch is there. With `notice` as a reload of
        mod_event_socket does it."""
        raise NotImplementedError

    async def kill(self) -> None:
        """SIGKILL: end of file everywhere, every call is gone without a trace, nobody listens on the port."""
        raise NotImplementedError

    async def shut_down(self) -> None:
        """SIGTERM: calls end with SYSTEM_SHUTDOWN and their events, then the notice, then it is gone."""
        raise NotImplementedError

    async def restart(self) -> None:
        """Up again on the same port, with a new `core_uuid` and no calls."""
        raise NotImplementedError

    def freeze(self) -> None:
        """From here on connections are accepted and bytes are taken, and nothing comes back; calls go on. What was held
        back while frozen is sent at `thaw`."""
        raise NotImplementedError

    def thaw(self) -> None:
        raise NotImplementedError

    async def garble(self, data: bytes) -> None:
        """Send these bytes, whatever they are, to every connection."""
        raise NotImplementedError
