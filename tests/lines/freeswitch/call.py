"""A call of the switch while it goes on."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lines.freeswitch.cast import Cast
from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.play import Cue, Moment, Play, begin, kill

STUB = b"II*\x00\x00\x00\x00\x00"
"""The 8 bytes of a TIFF that has no page yet."""


@dataclass(frozen=True)
class Incoming:
    """The file that rxfax writes."""

    path: Path
    image: bytes


class Call:
    """Performs the cues of one play. `perform` is told each cue in its time; `pace` says how long a second takes."""

    def __init__(
        self, play: Play, cast: Cast, perform: Callable[["Call", Cue], None], incoming: Incoming | None = None
    ) -> None:
        self.play = play
        self.cast = cast
        self.over = asyncio.Event()
        self.state: Event = Event(())
        """The last event of our leg: it has the variables as they are now."""
        self.executed: list[Event] = []
        """Its CHANNEL_EXECUTE."""
        self._perform = perform
        self._incoming = incoming
        self._cues = deque(begin(play, cast))
        # A trunk that does not exist makes no channel.
        self._is_there = any(cue.moment is Moment.CREATED for cue in self._cues)
        self._passed: list[Moment] = []
        self._job_told = False
        self._go = asyncio.Event()

    @property
    def uuid(self) -> str:
        return self.cast.uuid

    @property
    def exists(self) -> bool:
        """Does `uuid_exists` say so? Not any more once it hangs up."""
        return self._is_there and Moment.HANGING_UP not in self._passed and not self.over.is_set()

    @property
    def pages(self) -> int:
        return self._passed.count(Moment.PAGE)

    async def run(self, pace: Callable[[], float]) -> None:
        """Until its last cue; for ever, if the recording does not end the call."""
        now = 0.0
        while self._cues:
            cue = self._cues.popleft()
            if cue.at > now:
                await asyncio.sleep((cue.at - now) * pace() * self.play.pace)
                now = cue.at
            self._pass(cue)
            if cue.halt:
                await self._go.wait()
        if self.exists:
            await asyncio.Event().wait()
        self.over.set()

    def release(self) -> None:
        self._go.set()

    def hang_up(self, cause: str) -> None:
        """What comes now is its end. The task that runs the call has to be replaced by a new one."""
        self._go.set()
        if Moment.RESULT in self._passed:
            causes = {"Hangup-Cause": cause, "variable_hangup_cause": cause}
            ours = (cue.event.changed(causes) if cue.event.uuid == self.uuid else cue.event for cue in self._cues)
            self._cues = deque(replace(cue, at=0.0, event=event) for cue, event in zip(self._cues, ours, strict=True))
            return
        answered = Moment.ANSWERED in self._passed
        # The job of the originate ends once, whatever comes.
        job = [replace(cue, at=0.0) for cue in self._cues if cue.our_job] if answered else []
        end = kill(self.play, self.cast, self.pages, cause, answered=answered)
        self._cues = deque(job + [cue for cue in end if not (cue.our_job and self._job_told)])

    def _pass(self, cue: Cue) -> None:
        self._job_told |= cue.our_job
        if cue.event.uuid == self.uuid:
            self.state = cue.event
        if cue.moment is not None:
            self._passed.append(cue.moment)
        if cue.event.uuid == self.uuid and cue.event.name == "CHANNEL_EXECUTE":
            self.executed.append(cue.event)
            if self._incoming and cue.event.get("Application") == "rxfax":
                self._incoming.path.write_bytes(STUB)
        if cue.moment is Moment.RESULT and self._incoming:
            # rxfax leaves no file without a page.
            if cue.event.get("fax-document-transferred-pages") in ("", "0"):
                self._incoming.path.unlink(missing_ok=True)
            else:
                self._incoming.path.write_bytes(self._incoming.image)
        self._perform(self, cue)
