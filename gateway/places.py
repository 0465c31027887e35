"""Who may tell something now: each way has places of its own, and no account holds more than half of them.

A callback or a relay that hangs so holds up neither what leaves in another way nor what another account tells.
"""

from collections import Counter

from gateway.store.notices import CALLBACK, EMAIL, SMS, Notice

PLACES = {EMAIL: 4, SMS: 2, CALLBACK: 4}
"""Notices that leave at the same time, of one process."""

Holder = tuple[str, str | None]
"""A way, and an account; what is told to the operator belongs to none."""


class Places:
    def __init__(self) -> None:
        self._held: Counter[Holder] = Counter()

    def take(self, notice: Notice) -> None:
        self._held[notice.way, notice.account_id] += 1

    def leave(self, notice: Notice) -> None:
        holder = notice.way, notice.account_id
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]

    def ways(self) -> list[str]:
        """The ways that have room."""
        held = {way: sum(count for (one, _), count in self._held.items() if one == way) for way in PLACES}
        return [way for way, places in PLACES.items() if held[way] < places]

    def full(self) -> list[Holder]:
        """The accounts that have their share of a way."""
        return [holder for holder, count in self._held.items() if count >= PLACES[holder[0]] // 2]
