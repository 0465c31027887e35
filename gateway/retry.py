"""What follows from the result of a call: done, dialled again at a certain time, or given up.

Pure: (fax, result, now) -> Done | RetryAt | GiveUp. The classes and pauses follow the T.30 result codes of spandsp and
the Q.850 causes; HylaFAX's defaults (busy 180 s, no answer 300 s, protocol 60 s) are the model for the pauses.

A fax is tried at most `1 + retries` times, fewer where the class of the cause says so. Faults of our own trunk or
network are not counted, but end 24 hours after the first call. A trunk that is down holds its line's whole queue (the
line says that it is unavailable), so the fax itself is due again at once: another line may take it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.fax import CallResult, Fax

UNCOUNTED_FOR = timedelta(hours=24)

T30_NO_FAX = frozenset({1, 2, 3, 17, 19})
T30_LINE = frozenset({5, 6, 13, 14, 15, 16, 18, 20, 21, 48, 49, *range(35, 41)})
T30_BUSY = frozenset({4, 7, 9, 22})
T30_RENDER_AGAIN = frozenset({11, 12})
T30_LOCAL_RESOURCE = frozenset({47})
T30_DOCUMENT = frozenset(range(41, 47))
"""The line cannot read or write the image: permanent, and ours."""

Q850_BUSY = frozenset({17})
Q850_NO_ANSWER = frozenset({18, 19, 20, 102})
Q850_NETWORK = frozenset({25, 27, 31, 34, 38, 41, 42, 44, 63, 127})
Q850_REJECTED = frozenset({21})
Q850_MEDIA = frozenset({58, 65, 79, 88})

TRUNK_DOWN = frozenset({"GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE"})
"""FreeSWITCH's names for a trunk that is not there: nothing was dialled."""

SWITCH_ENDED = frozenset({"SYSTEM_SHUTDOWN", "MANAGER_REQUEST", "CRASH"})
"""Its names for a call that its operator has ended, or its end: ours, whatever T.30 made of it."""
Q850_MOST = 127
"""Numbers above are FreeSWITCH's own."""


@dataclass(frozen=True, slots=True)
class Done:
    """The far end confirmed every page."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    at: datetime
    counted: bool = True
    """Whether the call that failed uses up one of the tries."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str
    """For the log: which rule decided."""
    counted: bool = True


@dataclass(frozen=True, slots=True)
class _Rule:
    pause: float
    """Seconds until the next call."""
    most: int | None = None
    """Tries that the class allows; None leaves it to the fax."""
    counted: bool = True
    why: str = ""


_NO_FAX = _Rule(300, most=2, why="no fax machine answered")
_PERMANENT = _Rule(0, most=1, why="permanent")
_BUSY = _Rule(180, why="busy")


def decide(fax: Fax, result: CallResult, now: datetime) -> Done | RetryAt | GiveUp:
    """What follows. `fax.tries` counts the calls before this one."""
    if result.success:
        return Done()
    rule = _rule(result)
    if not rule.counted:
        first = fax.first_dialled_at or now
        if now - first >= UNCOUNTED_FOR:
            return GiveUp(f"{rule.why} for 24 hours", counted=False)
        return RetryAt(now + timedelta(seconds=_growing(rule.pause, fax.attempts)), counted=False)
    tries = fax.tries + 1
    allowed = 1 + fax.retries if rule.most is None else min(1 + fax.retries, rule.most)
    if tries >= allowed:
        return GiveUp(rule.why)
    return RetryAt(now + timedelta(seconds=rule.pause))


def _growing(pause: float, attempts: int) -> float:
    """60, 120, 240, then 300 s: a network that fails is asked ever less often."""
    return min(pause * float(2 ** min(max(attempts - 1, 0), 3)), 300.0)


def _rule(result: CallResult) -> _Rule:
    if result.hangup_cause in SWITCH_ENDED:
        return _Rule(60, counted=False, why="our switch ended the calls")
    if result.answered:
        return _after_answer(result)
    return _before_answer(result)


def _after_answer(result: CallResult) -> _Rule:
    code = result.result_code
    rules = (
        (T30_NO_FAX, _NO_FAX),
        (T30_LINE, _Rule(60, why="line or protocol fault")),
        (T30_BUSY, _Rule(300, why="receiver busy")),
        (T30_RENDER_AGAIN, _Rule(60, most=2, why="the receiver cannot take the image")),
        (T30_LOCAL_RESOURCE, _Rule(60, counted=False, why="a resource of ours is missing")),
    )
    for codes, rule in rules:
        if code in codes:
            return rule
    if code is None or code == 0:
        # Answered, but hung up before T.30 had a result; or all pages sent that we had, which were not all.
        return _Rule(60, why="cut off")
    # 8, 10, 23-34, 41-46, 50-61: the far end's or the document's permanent faults.
    return _PERMANENT


def _before_answer(result: CallResult) -> _Rule:
    if result.hangup_cause in TRUNK_DOWN:
        return _Rule(0, counted=False, why="the trunk was down")
    rules = (
        (Q850_BUSY, _BUSY),
        (Q850_NO_ANSWER, _Rule(300, why="no answer")),
        (Q850_NETWORK, _Rule(60, counted=False, why="the network failed")),
        # 401 and 403 come as 21 too: it may be our own credentials, so it is tried once more.
        (Q850_REJECTED, _Rule(300, most=2, why="rejected")),
        (Q850_MEDIA, _Rule(60, most=2, why="no common medium")),
    )
    for causes, rule in rules:
        if result.cause in causes:
            return rule
    if result.cause in (None, 0, 16) or result.cause > Q850_MOST:
        return _Rule(60, why="hung up before it was answered")
    return _PERMANENT
