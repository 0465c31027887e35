"""What becomes of a call: a recording, in what it is to differ from it, and the cues that follow from both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from tests.lines.freeswitch.cast import Cast, Recast
from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.recordings import Message, Recording, recording


class Moment(Enum):
    """Points of a call, told by the event that our leg sends when the call is there."""

    CREATED = ("CHANNEL_CREATE",)
    RINGING = ("CHANNEL_PROGRESS",)
    ANSWERED = ("CHANNEL_ANSWER",)
    NEGOTIATED = ("spandsp::txfaxnegociateresult", "spandsp::rxfaxnegociateresult")
    PAGE = ("spandsp::txfaxpageresult", "spandsp::rxfaxpageresult")
    HANGING_UP = ("CHANNEL_HANGUP",)
    """From here on `uuid_exists` says false, and yet the result may be still to come."""
    RESULT = ("spandsp::txfaxresult", "spandsp::rxfaxresult")
    """The fax is over; CHANNEL_HANGUP_COMPLETE is still to come."""
    HUNG_UP = ("CHANNEL_HANGUP_COMPLETE",)
    DESTROYED = ("CHANNEL_DESTROY",)


@dataclass(frozen=True)
class Play:
    """Times are seconds of the recording; the switch's `pace` is applied to them too."""

    recording: str
    pace: float = 1.0
    """Times the switch's own: 2.0 is a call twice as slow as the others."""
    answer_after: float = 0.0
    """How much longer than recorded it rings."""
    hold: Moment | None = None
    """The call comes to a halt here: it lives on and sends nothing more until `Switch.release` or a kill."""
    hold_page: int = 0
    """The same, after the event of this page (from 1)."""
    break_after_page: int = 0
    """The far end hangs up after this page, as it does in `remote_hangup_mid_page1`."""
    job: Literal["recorded", "first", "last"] = "recorded"
    """When BACKGROUND_JOB comes: FreeSWITCH promises no order among it and the channel's events."""
    lost: tuple[str, ...] = ()
    """Event names (or CUSTOM subclasses) that are never sent."""
    far_leg: bool = True
    """Are the events of the far leg heard too, as they were recorded? False: the far end is another machine."""
    far_uuid: str = ""
    """Of the far leg; a fresh one otherwise."""


@dataclass(frozen=True)
class Cue:
    at: float
    """Seconds since the call began."""
    event: Event
    moment: Moment | None = None
    """Of our leg."""
    our_job: bool = False
    lost: bool = False
    halt: bool = False


def begin(play: Play, now: Cast) -> list[Cue]:
    """The cues of a call from its beginning on."""
    source = recording(play.recording)
    cues = _cues(source, source.start, source.events, now)
    answer = next((index for index, cue in enumerate(cues) if cue.event.name == "CHANNEL_ANSWER"), len(cues))
    cues[answer:] = [replace(cue, at=cue.at + play.answer_after) for cue in cues[answer:]]
    if play.break_after_page:
        last = _page(cues, play.break_after_page)
        cues[last + 1 :] = break_off(play, now, play.break_after_page, cues[last].at)
    cues = _with_job(play, _heard(play, cues, now))
    if play.hold_page:
        page = _page(cues, play.hold_page)
        cues[page] = replace(cues[page], halt=True)
    return [replace(cue, halt=cue.halt or (play.hold is not None and cue.moment is play.hold)) for cue in cues]


def break_off(play: Play, now: Cast, pages: int, at: float = 0.0) -> list[Cue]:
    """The cues of an end in which the far end hangs up."""
    incoming = not now.job_uuid
    source = recording("inbound_rxfax_caller_hangs_up_mid_page" if incoming else "remote_hangup_mid_page1")
    start, events = source.since("CHANNEL_HANGUP")
    return _cues(source, start - at, events, now, values=_pages(play, now, pages))


def kill(play: Play, now: Cast, pages: int, cause: str, *, answered: bool) -> list[Cue]:
    """The cues of an end by `uuid_kill`."""
    if not now.job_uuid:
        source = recording("inbound_rxfax_caller_hangs_up_mid_page")
        start, events = source.since("CHANNEL_HANGUP")
    else:
        source = recording("uuid_kill_mid_transfer" if answered else "uuid_kill_while_ringing")
        start, events = source.after("api uuid_kill")
    return _heard(play, _cues(source, start, events, now, cause=cause, values=_pages(play, now, pages)), now)


def _cues(
    source: Recording,
    start: float,
    messages: Iterable[Message],
    now: Cast,
    *,
    cause: str = "",
    values: Mapping[str, str] | None = None,
) -> list[Cue]:
    then = Cast.of_recording(source)
    recast = Recast(then, now)
    return [
        Cue(
            at=message.at - start,
            event=recast.event(message.parsed, cause=cause, values=values),
            moment=_moment(message) if message.uuid == then.uuid else None,
            our_job=message.event == "BACKGROUND_JOB" and message.job_uuid == then.job_uuid,
        )
        for message in messages
    ]


def _heard(play: Play, cues: list[Cue], now: Cast) -> list[Cue]:
    """Those that the play lets be heard, or (as the records of a call need them) marked as lost."""
    ours = [cue for cue in cues if play.far_leg or cue.our_job or cue.event.uuid == now.uuid]
    return [replace(cue, lost=cue.event.name in play.lost or cue.event.subclass in play.lost) for cue in ours]


def _with_job(play: Play, cues: list[Cue]) -> list[Cue]:
    """With BACKGROUND_JOB where the play wants it."""
    jobs = [cue for cue in cues if cue.our_job]
    others = [cue for cue in cues if not cue.our_job]
    if not others or play.job == "recorded":
        return cues
    if play.job == "first":
        return [replace(cue, at=others[0].at) for cue in jobs] + others
    return others + [replace(cue, at=others[-1].at) for cue in jobs]


def _page(cues: list[Cue], number: int) -> int:
    """Where the event of this page is."""
    pages = [index for index, cue in enumerate(cues) if cue.moment is Moment.PAGE]
    if number > len(pages):
        raise ValueError(f"the recording has {len(pages)} pages")
    return pages[number - 1]


def _moment(message: Message) -> Moment | None:
    name = message.subclass or message.event
    return next((moment for moment in Moment if name in moment.value), None)


def _pages(play: Play, now: Cast, pages: int) -> dict[str, str]:
    """What the result of a broken call says of its pages: the sender knows how many there are, the receiver how many
    have come."""
    results = (m.parsed for m in recording(play.recording).events if m.subclass == "spandsp::txfaxresult")
    total = next((result.get("fax-document-total-pages") for result in results), str(pages))
    counts = {"transferred": str(pages), "total": total if now.job_uuid else str(pages)}
    return {
        name: count
        for what, count in counts.items()
        for name in (f"fax-document-{what}-pages", f"variable_fax_document_{what}_pages")
    }
