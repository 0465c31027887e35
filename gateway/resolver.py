"""The DNS: the one place that asks it, with a bound to every question.

How it fails: a name that is not there, or has no such record, is an answer without records; whatever keeps a question
from being answered (SERVFAIL, silence, nonsense) is an answer that is `temporary`. Nothing is raised.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdata
import dns.resolver

TRY_SECONDS, QUESTION_SECONDS = 1.5, 3.0
"""How long one server is waited for, and how long a question may take in all."""
AT_ONCE = 100
"""Questions under way; others wait for their turn."""
MOST_RECORDS = 50
"""More of them answer no question of ours."""
MOST_OCTETS = 8192
"""Of one record."""
KEPT = 500
"""Answers; one may have 64 KiB."""


@dataclass(frozen=True, slots=True)
class Answer:
    records: tuple[str, ...] = ()
    """As text: a TXT's strings joined, of an MX `10 mx.example.`."""
    temporary: bool = False
    """Nobody could say."""


class Resolver:
    """Belongs to one event loop."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        try_seconds: float = TRY_SECONDS,
        seconds: float = QUESTION_SECONDS,
    ) -> None:
        """`servers` are addresses and ports; without them those that the system has."""
        self._seconds = seconds
        try:
            self._resolver: dns.asyncresolver.Resolver | None = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = None
            return
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.timeout, self._resolver.lifetime = try_seconds, seconds
        self._resolver.use_edns(0, 0, 1232)
        self._resolver.cache = dns.resolver.LRUCache(KEPT)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def look_up(self, name: str, kind: str) -> Answer:
        """The records of `kind` (`TXT`, `A`, ...) at `name`, which is taken as it is, with no search list."""
        if self._resolver is None:
            return Answer(temporary=True)
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                # A name may end with a dot; it is absolute all the same.
                found = await self._resolver.resolve(f"{name.rstrip('.')}.", kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return Answer()
        except (dns.resolver.NoNameservers, dns.exception.Timeout, OSError, EOFError):  # TimeoutError too
            return Answer(temporary=True)
        except (dns.exception.DNSException, ValueError):
            return Answer()  # it is no name of the DNS
        return Answer(tuple(text for record in list(found)[:MOST_RECORDS] if len(text := _text(record)) <= MOST_OCTETS))


def _text(record: dns.rdata.Rdata) -> str:
    strings = getattr(record, "strings", None)
    return b"".join(strings).decode("utf-8", "surrogateescape") if strings is not None else record.to_text()
