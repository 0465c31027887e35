"""The calls of the switch: who makes them, what becomes of them, what is told of them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path

from tests.lines.freeswitch.call import Call, Incoming
from tests.lines.freeswitch.callrecord import write_call_record
from tests.lines.freeswitch.cast import Cast, fresh_uuid
from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.originate import OUT_OF_ORDER, Originate, OriginateError, parse_originate
from tests.lines.freeswitch.play import Cue, Moment, Play
from tests.lines.freeswitch.recordings import recording

Script = Callable[[Originate], Play]
PATIENCE = 20.0
"""How many seconds a test waits for what it waits for."""


def by_number(originate: Originate) -> Play:
    """The script if no other is given: the end of the dialled number says what happens. Every other number takes one
    page."""
    for ending, name in _BY_NUMBER.items():
        if originate.number.endswith(ending):
            return Play(name)
    return Play("success_1page_sofia_audio")


_BY_NUMBER = {
    "1003": "success_3pages_ecm",
    "2000": "busy_sofia",
    "2001": "noanswer_timeout_sofia",
    "2003": "voice_answer_no_fax",
    "2016": "remote_hangup_mid_page1",
    "2404": "unallocated_sofia",
    "2603": "rejected_603_sofia",
}


class Exchange:
    """What the switch does without its event socket: a call goes on whether somebody listens or not."""

    def __init__(self, script: Script, *, pace: float, cdr_directory: Path | None) -> None:
        self.script = script
        self.pace = pace
        """How long a recorded second takes."""
        self.cdr_directory = cdr_directory
        """Where mod_json_cdr writes `<uuid>.cdr.json` at the end of each call, connected client or not."""
        self.checks_files = True
        """An answered call whose file is not there goes as `tiff_nonexistent`, whatever the script says."""
        self.paused = False
        """`fsctl pause`: no call is made."""
        self.modules = {"mod_commands", "mod_dptools", "mod_json_cdr", "mod_sofia", "mod_spandsp"}
        self.core_uuid = fresh_uuid()
        self.originates: list[Originate] = []
        self.errors: list[BaseException] = []
        """What went wrong in the switch itself, a script for example."""
        self._calls: dict[str, Call] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sequence = 400

    # What a test asks for.

    async def ring(
        self,
        recording: str | Play = "inbound_rxfax_success",
        *,
        to: str,
        from_: str,
        path: Path,
        image: bytes,
        name: str = "",
        station_id: str = "+33 6 11 22 33 44",
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """An incoming call that the dialplan hands to rxfax; returns its uuid at once. `image` is what rxfax has
        written at `path` (in which `{uuid}` is the call's) when it tells its result, if a page was delivered.
        `variables` are set by the dialplan."""
        uuid = fresh_uuid()
        path = Path(str(path).replace("{uuid}", uuid))
        cast = Cast(
            uuid=uuid,
            far_uuids=(fresh_uuid(),),
            variables=variables or {},
            path=str(path),
            called=to,
            caller=from_,
            caller_name=name or from_,
            station_id=station_id,
        )
        play = Play(recording) if isinstance(recording, str) else recording
        self._begin(Call(play, cast, self._perform, Incoming(path, image)))
        return cast.uuid

    @property
    def live(self) -> tuple[str, ...]:
        """The calls that `uuid_exists` knows."""
        return tuple(uuid for uuid, call in self._calls.items() if call.exists)

    def call(self, uuid: str) -> Call:
        """Raises KeyError for a call that never was."""
        return self._calls[uuid]

    async def ended(self, uuid: str) -> None:
        """Wait until a call is over: its last event is sent, its call record is written. Or the switch was killed."""
        async with asyncio.timeout(PATIENCE):
            await self._calls[uuid].over.wait()

    def release(self, uuid: str) -> None:
        """Let a held call go on."""
        self._calls[uuid].release()

    def hang_up(self, uuid: str, cause: str = "NORMAL_CLEARING") -> bool:
        """As `uuid_kill` does it. False if there is no such call."""
        if uuid not in self.live:
            return False
        call = self._calls[uuid]
        self._runs.pop(uuid).cancel()
        call.hang_up(cause)
        self._run(call)
        return True

    # What a client asks for.

    def originate(self, raw: str, job_uuid: str) -> None:
        try:
            originate = parse_originate(raw, job_uuid)
        except OriginateError as error:
            self.tell_job(job_uuid, "originate", raw, error.answer)
            return
        if not originate.uuid or originate.uuid in self.live:
            # Nobody is told that another id than the one asked for is taken, if that one is in use.
            originate = replace(originate, uuid=fresh_uuid())
        self.originates.append(originate)
        if self.paused:
            self.tell_job(job_uuid, "originate", raw, OUT_OF_ORDER)
            return
        play = self._checked(originate, self.script(originate))
        cast = Cast.of_originate(originate, play.far_uuid or fresh_uuid())
        self._begin(Call(play, cast, self._perform))

    def tell_job(self, job_uuid: str, command: str, argument: str, answer: str) -> None:
        """The end of a `bgapi` command."""
        [told] = (message.parsed for message in recording("no_such_endpoint").events)
        values = {"Job-UUID": job_uuid, "Job-Command": command, "Job-Command-Arg": argument}
        headers = told.changed(values).headers
        self.tell(Event(tuple(header for header in headers if header[1]), answer))

    def tell(self, event: Event) -> None:
        """Send an event, as the next one of this switch, to all who listen for it."""
        self._sequence += 1
        self.send(event.changed({"Core-UUID": self.core_uuid, "Event-Sequence": str(self._sequence)}))

    def send(self, event: Event) -> None:
        """Nobody listens to an exchange without a socket."""

    def fail(self, error: BaseException) -> None:
        """Something is wrong in the switch itself, or in its script. A test that waits for a call should hear of it."""
        self.errors.append(error)

    def in_background(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def _calls_ended(self) -> None:
        """Wait for the calls that go on."""
        async with asyncio.timeout(PATIENCE):
            for call in list(self._calls.values()):
                await call.over.wait()

    def lose_calls(self) -> None:
        """As a crash does: none of them ends."""
        for run in self._runs.values():
            run.cancel()
        for call in self._calls.values():
            call.over.set()
        self._runs.clear()

    def _begin(self, call: Call) -> None:
        self._calls[call.uuid] = call
        self._run(call)

    def _run(self, call: Call) -> None:
        self._runs[call.uuid] = self.in_background(call.run(lambda: self.pace))

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.fail(error)

    def _checked(self, originate: Originate, play: Play) -> Play:
        """txfax looks for its file when the call is answered."""
        answered = any(
            message.event == "CHANNEL_EXECUTE" and message.parsed.get("Application") == "txfax"
            for message in recording(play.recording).events
        )
        if not self.checks_files or not answered or originate.application != "txfax":
            return play
        if not originate.path:
            return replace(play, recording="txfax_no_filename", hold_page=0, break_after_page=0)
        if not Path(originate.path).is_file():
            return replace(play, recording="tiff_nonexistent", hold_page=0, break_after_page=0)
        return play

    def _perform(self, call: Call, cue: Cue) -> None:
        if cue.moment is Moment.HUNG_UP and self.cdr_directory is not None:
            write_call_record(self.cdr_directory, cue.event, call.executed, self.core_uuid)
        if not cue.lost:
            self.tell(cue.event)
