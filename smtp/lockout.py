"""Who may try a password now, and after how long: brute force is slowed down, then locked out. Pure.

Failures are counted for each peer and for each name, whether or not the name exists. After some of them a try waits,
twice as long each time, and then all tries are refused until LOCK_SECONDS have gone by since the last one that counted;
tries in that time do not count, and so lengthen nothing. A peer that has logged in with a name before is counted as
this pair, alone: nobody elsewhere can lock it out, and what it does wrong locks out nobody else.

Tries under way count as if they had failed, until they end: many at once are no more than one after the other. One that
may yet be among the last waits for the others, so that many right passwords at once are no failures.

Memory is bounded: where too much is counted, that with the fewest failures goes first, the longest unused of them. To
have one lock forgotten, somebody would have to lock the whole table within LOCK_SECONDS: 200,000 passwords, more than
are compared in that time.
"""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum

FREE = 3
"""Failures that cost nothing: people mistype."""
LONGEST_DELAY = 8.0
MOST_FAILURES = 10
LOCK_SECONDS = 900.0
MOST_COUNTED = 20_000
"""Peers, and as many names, and as many pairs."""


class Refusal(Enum):
    LOCKED = "locked"
    BUSY = "busy"
    """Ask again when a try has ended."""


@dataclass(slots=True)
class _Tally:
    failures: int = 0
    under_way: int = 0
    at: float = 0.0
    """When it last counted something, in seconds of any clock."""

    def over(self, now: float) -> bool:
        """Whether it is forgotten."""
        return not self.under_way and now >= self.at + LOCK_SECONDS


class _Table:
    def __init__(self, most: int) -> None:
        self._most = most
        self._tallies: dict[Hashable, _Tally] = {}

    def __len__(self) -> int:
        return len(self._tallies)

    def at(self, key: Hashable, now: float) -> _Tally:
        """Its tally; a new one where nothing is counted, which is not kept unless it is put there."""
        found = self._tallies.get(key)
        return _Tally() if found is None or found.over(now) else found

    def put(self, key: Hashable, tally: _Tally, now: float) -> None:
        tally.at = now
        if key not in self._tallies and len(self._tallies) >= self._most:
            self._make_room(now)
        self._tallies[key] = tally

    def drop(self, key: Hashable) -> None:
        self._tallies.pop(key, None)

    def _make_room(self, now: float) -> None:
        def worth(key: Hashable) -> tuple[bool, int, float]:
            tally = self._tallies[key]
            return not tally.over(now), tally.failures + tally.under_way, tally.at

        for key in heapq.nsmallest(max(1, self._most // 10), self._tallies, key=worth):
            del self._tallies[key]


@dataclass(frozen=True, slots=True)
class Try:
    delay: float
    """Seconds to wait before the password is compared."""
    counted: tuple[tuple[_Table, Hashable], ...]
    pair: bool


class Lockout:
    def __init__(self, most: int = MOST_COUNTED) -> None:
        self._peers, self._names, self._pairs = _Table(most), _Table(most), _Table(most)

    def begin(self, peer: str, name: str, *, before: bool, now: float) -> Try | Refusal:
        """Somebody at `peer` (as `gateway.networks.neighbours` has it) wants to try a password of `name`, with which it
        has logged in `before`, or not. Every Try ends with `end`."""
        pair = (self._pairs, (peer, name))
        counted = (pair,) if before else ((self._peers, peer), (self._names, name))
        tallies = [table.at(key, now) for table, key in counted]
        if any(tally.failures >= MOST_FAILURES for tally in tallies):
            return Refusal.LOCKED
        if any(tally.failures + tally.under_way >= MOST_FAILURES for tally in tallies):
            return Refusal.BUSY
        for (table, key), tally in zip(counted, tallies, strict=True):
            tally.under_way += 1
            table.put(key, tally, now)
        return Try(delay=delay_after(max(tally.failures for tally in tallies)), counted=counted, pair=before)

    def end(self, ended: Try, *, failed: bool, now: float) -> None:
        """It has failed; or it has not, also where nobody can say for trouble of ours: then nothing is counted."""
        for table, key in ended.counted:
            tally = table.at(key, now)
            tally.under_way = max(0, tally.under_way - 1)
            tally.failures += failed
            if failed:
                table.put(key, tally, now)
            elif ended.pair or not (tally.failures or tally.under_way):
                # Who knows the password of a pair need not guess it. A peer's other failures stand: one account of
                # one's own must not buy tries at another's.
                tally.failures = 0
                if not tally.under_way:
                    table.drop(key)


def delay_after(failures: int) -> float:
    """
    >>> [delay_after(failures) for failures in (0, 2, 3, 4, 5, 6, 9)]
    [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 8.0]
    """
    return 0.0 if failures < FREE else min(LONGEST_DELAY, 2.0 ** (failures - FREE))
