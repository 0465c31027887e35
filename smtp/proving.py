"""Proof gathered for a mail: what its header claims, checked against the DNS.

Whatever was written by strangers is read in worker processes, which have no network; what the DNS says is fetched here
and handed to them. A mail costs at most `SECONDS` of waiting and `MOST_CHECKED` keys; what has not come by then is
temporary trouble. How it fails: what a worker cannot do within its limits proves nothing; our own is OurTrouble.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gateway.clock import Clock
from gateway.errors import DocumentRefused
from gateway.organizations import organization
from gateway.resolver import Answer
from smtp import alignment, spf
from smtp.alignment import aligned, domain_of
from smtp.client import Client
from smtp.evidence import PASS, UNCHECKED, Alignment, Claims, Evidence, Signature, Spf

log = logging.getLogger(__name__)

SECONDS = 8.0
MOST_CHECKED = 5
MOST_ROUNDS = 64
"""Questions of one SPF evaluation; those of RFC 7208 4.6.4 are fewer."""


class Dns(Protocol):
    """`gateway.resolver.Resolver`."""

    async def look_up(self, name: str, kind: str) -> Answer: ...


class Workers(Protocol):
    """Runs our functions on hostile input. Each raises DocumentRefused when it takes too much, and OurTrouble."""

    async def claims(self, content: bytes | Path, now: float, authserv_id: str) -> Claims: ...

    async def spf(self, host: str, sender: str, helo: str, answers: spf.Answers) -> Spf | spf.Question: ...

    async def dkim(
        self, content: bytes | Path, signatures: tuple[Signature, ...], keys: Mapping[int, tuple[str, ...]]
    ) -> tuple[Signature, ...]: ...


@dataclass(frozen=True, slots=True)
class Prover:
    workers: Workers
    dns: Dns
    clock: Clock
    seconds: float = SECONDS

    async def claims(self, content: bytes | Path, authserv_id: str = "") -> Claims:
        """What the mail says of itself. `authserv_id` is that of the relay that brings it."""
        try:
            return await self.workers.claims(content, self.clock.now().timestamp(), authserv_id)
        except DocumentRefused as error:
            return Claims(unclear=f"its header cannot be read: {error}")

    async def evidence(
        self,
        claimed: Claims,
        content: bytes | Path,
        client: Client,
        sender: str,
        registered: tuple[str, ...],
        *,
        enveloped: bool = True,
        signers: bool = True,
    ) -> Evidence:
        """`registered` are the account's signing domains. SPF is asked for (`enveloped`), and signatures are checked
        (`signers`), where anybody is to be proven by them."""
        until = asyncio.get_running_loop().time() + self.seconds
        from_domain = domain_of(claimed.header_from)
        checked, found = await asyncio.gather(
            self._signatures(claimed, content, from_domain, registered, until) if signers else _unchecked(claimed),
            self.spf(client, sender, until) if enveloped else _none(),
        )
        speakers = [one.domain for one in checked if one.result == PASS and one.domain not in registered]
        speakers += [found.domain] if found is not None and found.result == PASS else []
        speakers += claimed.relayed.dkim if claimed.relayed else ()
        # The very domain is aligned, whatever is asked for.
        needed = any(one != from_domain and aligned(one, from_domain) for one in speakers)
        return Evidence(
            header_from=claimed.header_from,
            unclear=claimed.unclear,
            spf=found,
            signatures=checked,
            alignment=await self._alignment(from_domain, until) if needed else Alignment(),
            relayed=claimed.relayed,
        )

    async def spf(self, client: Client, sender: str, until: float | None = None) -> Spf | None:
        """What the domain of the envelope sender says of the peer; None where there is nobody to ask."""
        domain = domain_of(sender)
        if not sender or domain.startswith("[") or "." not in domain or client.host == "local":
            return None
        until = until or asyncio.get_running_loop().time() + self.seconds
        answers: dict[spf.Question, Answer] = {}
        for _ in range(MOST_ROUNDS):
            try:
                found = await self.workers.spf(client.host, sender, client.helo, answers)
            except DocumentRefused as error:
                return Spf(domain=domain, result="permerror", detail=f"it takes too long to evaluate: {error}")
            if isinstance(found, Spf):
                return found
            answers[found] = await self._ask(found.name, found.kind, until)
        return Spf(domain=domain, result="permerror", detail="it asks for too much")

    async def _signatures(
        self, claimed: Claims, content: bytes | Path, from_domain: str, registered: tuple[str, ...], until: float
    ) -> tuple[Signature, ...]:
        """The signatures of the mail, with those checked that could prove something."""
        places = [
            place
            for place, one in enumerate(claimed.signatures)
            if one.result == UNCHECKED and (one.domain in registered or aligned(one.domain, from_domain))
        ][:MOST_CHECKED]
        names = [
            f"{claimed.signatures[place].selector}._domainkey.{claimed.signatures[place].domain}" for place in places
        ]
        answers = await asyncio.gather(*(self._ask(name, "TXT", until) for name in names))
        checked = list(claimed.signatures)
        keys: dict[int, tuple[str, ...]] = {}
        for place, answer in zip(places, answers, strict=True):
            if answer.temporary:
                checked[place] = replace(checked[place], result="the DNS does not tell its key now", temporary=True)
            else:
                keys[place] = answer.records
        if not keys:
            return tuple(checked)
        try:
            return await self.workers.dkim(content, tuple(checked), keys)
        except DocumentRefused as error:
            log.warning("signatures that cannot be verified: %s %s", error, error.detail)
            return tuple(
                replace(one, result="it takes too long to verify") if place in keys else one
                for place, one in enumerate(checked)
            )

    async def _alignment(self, from_domain: str, until: float) -> Alignment | None:
        """What the From's domain asks for (RFC 7489 6.6.3); None where the DNS does not tell."""
        for domain in dict.fromkeys((from_domain, organization(from_domain))):
            answer = await self._ask(f"_dmarc.{domain}", "TXT", until)
            if answer.temporary:
                return None
            if (asked := alignment.asked(answer.records)) is not None:
                return asked
        return Alignment()

    async def _ask(self, name: str, kind: str, until: float) -> Answer:
        try:
            async with asyncio.timeout_at(until):
                return await self.dns.look_up(name, kind)
        except TimeoutError:
            return Answer(temporary=True)


async def _unchecked(claimed: Claims) -> tuple[Signature, ...]:
    return claimed.signatures


async def _none() -> None:
    return None
