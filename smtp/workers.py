"""What is read of a mail to prove its sender, read in worker processes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from gateway.sandbox import DOCUMENT, Sandbox
from gateway.sandboxed import Limits
from smtp import claims, dkim, spf
from smtp.evidence import Claims, Signature, Spf

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECONDS = 1.0
SLOWLY = replace(DOCUMENT, cpu=10.0, wall=20.0)
"""For the signatures of large mails: a second or two for the largest."""
PATIENTLY = replace(DOCUMENT, cpu=2.0, wall=20.0)
"""For what takes long because the machine is busy: no mail is refused because others are read at the same time."""
MOST_AT_ONCE = 2
"""Jobs that take long; others wait."""
PATIENCE = 60.0
"""A client waits for ten minutes at least (RFC 5321 4.5.3.2.6); many give up before."""


@dataclass(frozen=True, slots=True)
class SandboxedWorkers:
    """`smtp.proving.Workers`."""

    sandbox: Sandbox
    seconds: float = SECONDS
    """After which a job gets a process and more time of its own."""
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    """Of those jobs. Not the sandbox's own, so that mails of strangers hold up no rendering of faxes."""
    patience: float = PATIENCE
    """Seconds that such a job waits for a slot; then its mail is to come again (451)."""

    async def claims(self, content: bytes | Path, now: float, authserv_id: str) -> Claims:
        return await self._done(claims.read, content, now, authserv_id)

    async def spf(self, host: str, sender: str, helo: str, answers: spf.Answers) -> Spf | spf.Question:
        return await self._done(spf.evaluate, host, sender, helo, answers)

    async def dkim(
        self, content: bytes | Path, signatures: tuple[Signature, ...], keys: Mapping[int, tuple[str, ...]]
    ) -> tuple[Signature, ...]:
        if isinstance(content, Path):
            return await self._slowly(SLOWLY, dkim.verify, content, signatures, keys)
        return await self._done(dkim.verify, content, signatures, keys)

    async def _done(self, target: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            return await self.sandbox.quick(target, *args, wall=self.seconds)
        except TimeoutError:
            return await self._slowly(PATIENTLY, target, *args)

    async def _slowly(self, limits: Limits, target: Callable[[*Ts], T], *args: *Ts) -> T:
        return await self.sandbox.run(target, *args, limits=limits, slots=self.slots, patience=self.patience)
