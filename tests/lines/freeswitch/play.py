"""What becomes of a call: a recording, and in what it is to differ from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Moment(StrEnum):
    """Points of a call, told by the event that our leg has sent when the call is there."""

    CREATED = "CHANNEL_CREATE"
    ANSWERED = "CHANNEL_ANSWER"
    NEGOTIATED = "negociateresult"
    RESULT = "faxresult"
    """The fax is over, the call not yet hung up (CHANNEL_HANGUP_COMPLETE is still to come)."""
    HUNG_UP = "CHANNEL_HANGUP_COMPLETE"


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
    break_after_page: int | None = None
    """The far end hangs up after this page, as in `remote_hangup_mid_page1`."""
    job: Literal["recorded", "first", "last"] = "recorded"
    """When BACKGROUND_JOB comes: FreeSWITCH promises no order among it and the channel's events."""
    lost: tuple[str, ...] = ()
    """Event names (or CUSTOM subclasses) that are never sent."""
    far_uuid: str | None = None
    """Of the other leg; a fresh one otherwise."""
