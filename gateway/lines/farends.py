"""Who is at the other end of a loopback call: a faxbox, or one of the scripted numbers +1202555019x.

The scripted ends exist so that every way in which a call can go may be tried at will: the refusals happen before any
sound, as on a real line, and everything after the answer is real T.30.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.lines.causes import CAUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class FarEnd:
    """What answers a call, and how. `refuses` is the Q.850 cause of a call that is not answered, else 0."""

    station_id: str = "FAX MACHINE"
    refuses: int = 0
    rings_out: bool = False
    """Nobody answers: the refusal comes when the ringing time is over."""
    voice: bool = False
    """Answers with sounds that are no fax."""
    hangs_up_after: int = 0
    """Cuts the call a moment after this many pages are confirmed; 0 is never."""
    ecm: bool = True
    snr: float | None = None
    """dB between signal and noise on the way; None is a clean line."""


NOBODY = FarEnd(refuses=CAUSES["UNALLOCATED_NUMBER"])

TEST_NUMBERS: Mapping[str, FarEnd] = MappingProxyType(
    {
        "+12025550190": FarEnd(),
        "+12025550191": FarEnd(refuses=CAUSES["USER_BUSY"]),
        "+12025550192": FarEnd(refuses=CAUSES["NO_ANSWER"], rings_out=True),
        "+12025550193": FarEnd(refuses=CAUSES["CALL_REJECTED"]),
        "+12025550194": NOBODY,
        "+12025550195": FarEnd(voice=True),
        "+12025550196": FarEnd(hangs_up_after=1),
        "+12025550197": FarEnd(snr=17.0),
        "+12025550198": FarEnd(ecm=False),
    }
)


def far_end(number: str, box_station_id: str | None) -> FarEnd:
    """Who answers `number`: the faxbox that owns it (`box_station_id` is not None), a scripted end, or nobody."""
    if box_station_id is not None:
        return FarEnd(station_id=box_station_id)
    return TEST_NUMBERS.get(number, NOBODY)
