"""How the next call of a fax is made: with V.17 or without, in T.38 or as audio. Pure.

A fax that breaks off after the answer, for the sake of the line or the protocol, climbs a ladder: without V.17, then
without it in the other medium, then in the first one again, and so on. What is busy or does not answer does not climb.
A medium that the network cannot carry is changed for the other, for good. What brought a fax through is remembered of
its destination where the plain means are not that, and the next fax begins with it, even where its faxbox prefers
another medium: it is what works. After a month the plain means have their chance again, for a line that was mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.fax import Attempt, Means
from gateway.retry import Q850_MEDIA, T30_LINE

REMEMBERED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What has worked for a destination."""

    means: Means
    at: datetime
    """When it was found out; that it works again and again does not make it younger."""


def plain(box_t38: bool | None, line_t38: bool) -> Means:
    """The means of a call where nothing speaks against them: the faxbox's choice, else the line's."""
    return Means(v17=True, t38=line_t38 if box_t38 is None else box_t38)


def next_means(
    calls: Sequence[Attempt], remembered: Remembered | None, box_t38: bool | None, line_t38: bool, now: datetime
) -> Means:
    """The means of the next call, after these calls of the same fax."""
    begin = plain(box_t38, line_t38)
    if remembered is not None and now - remembered.at < REMEMBERED_FOR:
        begin = remembered.means
    faults = [call for call in calls if _broke(call) or _found_no_medium(call)]
    if not faults:
        return begin
    # The ladder stands where the first fault has found it, whatever is remembered since.
    v17, t38 = faults[0].v17, _medium(faults[0], begin)
    # A ladder that begins without V.17 has one rung less.
    rung = sum(_broke(call) for call in faults) + (not v17)
    if rung and rung % 2 == 0:
        t38 = not t38
    refused = {_medium(call, begin) for call in faults if _found_no_medium(call)}
    return Means(v17=v17 and not rung, t38=not t38 if t38 in refused and len(refused) == 1 else t38)


def learned(known: Remembered | None, worked: Means, plain: Means, now: datetime) -> Remembered | None:
    """What is remembered after a fax that got through; None where there is nothing worth it."""
    if worked == plain:
        return None
    if known is not None and known.means == worked and now - known.at < REMEMBERED_FOR:
        return known
    return Remembered(worked, now)


def _broke(call: Attempt) -> bool:
    """A fault of the line or the protocol after the answer; not one of ours, as a call that we hung up."""
    result = call.result
    return result is not None and call.counted and result.answered and result.result_code in T30_LINE


def _found_no_medium(call: Attempt) -> bool:
    result = call.result
    return result is not None and not result.answered and result.cause in Q850_MEDIA


def _medium(call: Attempt, begin: Means) -> bool:
    """Whether it was to use T.38; of a call of an older gateway, which did not write that down, the usual."""
    return bool(begin.t38 if call.t38 is None else call.t38)
