"""Slows down who tries tokens and keys that are none: after some failed tries a peer waits, each time twice as long.

It is kept in memory, a bounded number of peers, the longest silent forgotten first. A success lets a peer begin anew,
but only `MOST_GUESSES` times: whoever has a token of their own could else guess others between its successes without
end. A token that was good before goes on working while its peer must wait: behind one address (a proxy, an office)
there are many clients, and one that is set up wrongly must not stop the others. What nobody has shown before waits with
the peer, good or not, because a guess that is right could not be told from it.
"""

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from admin_api.envelope import failure
from gateway.clock import Clock
from gateway.errors import Busy
from gateway.networks import neighbours

FREE = 10
"""Failed tries, one after the other, before the first wait."""
MOST_GUESSES = 5000
"""Failed tries in all, whatever has succeeded between them."""
MOST_SECONDS = 60
FORGOTTEN_AFTER = 900
"""Seconds without a failed try after which a peer begins anew."""
MOST_PEERS = 10_000
MOST_PROVEN = 10_000


class TooManyTries(Busy):
    """Come back after `seconds`."""

    code = "too_many_requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed tries from your address; try again in {seconds} s.")
        self.seconds = seconds


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    """Since the last success."""
    in_all: int = 0
    last: float = 0.0
    wait_until: float = 0.0


class Throttle:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._peers: OrderedDict[str, _Tries] = OrderedDict()
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    def check(self, peer: str, token: str) -> None:
        """Before a try. Raises TooManyTries."""
        tries = self._peers.get(peer)
        left = 0.0 if tries is None else tries.wait_until - self._now()
        if left > 0 and _digest(token) not in self._proven:
            raise TooManyTries(math.ceil(left))

    def failed(self, peer: str, token: str) -> None:
        self._proven.pop(_digest(token), None)
        now = self._now()
        tries = self._peers.get(peer)
        if tries is None or now - tries.last > FORGOTTEN_AFTER:
            tries = self._peers[peer] = _Tries()
        self._peers.move_to_end(peer)
        if len(self._peers) > MOST_PEERS:
            self._peers.popitem(last=False)
        tries.failed += 1
        tries.in_all += 1
        tries.last = now
        if (too_many := max(tries.failed - FREE, tries.in_all - MOST_GUESSES)) > 0:
            tries.wait_until = now + min(2.0 ** min(too_many - 1, 30), MOST_SECONDS)

    def succeeded(self, peer: str, token: str) -> None:
        tries = self._peers.get(peer)
        if tries is not None and tries.in_all <= MOST_GUESSES:
            tries.failed, tries.wait_until = 0, 0.0
        digest = _digest(token)
        self._proven[digest] = None
        self._proven.move_to_end(digest)
        if len(self._proven) > MOST_PROVEN:
            self._proven.popitem(last=False)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def peer_of(request: Request) -> str:
    """Who is slowed down: an IPv4 address, or an IPv6 network, of which one client has 2^64 addresses."""
    return "" if request.client is None else neighbours(request.client.host)


def slowed_down(request: Request, error: TooManyTries) -> Response:
    """429 that says when to come back (RFC 6585 4)."""
    return failure(request, error, {"Retry-After": str(error.seconds)})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
