"""What is read of a mail to prove its sender, read in worker processes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.sandbox import DOCUMENT, Sandbox
from smtp import claims, dkim, spf
from smtp.evidence import Claims, Signature, Spf

SLOWLY = replace(DOCUMENT, cpu=20.0, wall=20.0)
"""For the signatures of large mails: some seconds for the largest."""


@dataclass(frozen=True, slots=True)
class SandboxedWorkers:
    """`smtp.proving.Workers`."""

    sandbox: Sandbox

    async def claims(self, content: bytes | Path, now: float, authserv_id: str) -> Claims:
        return await self.sandbox.quick(claims.read, content, now, authserv_id)

    async def spf(self, host: str, sender: str, helo: str, answers: spf.Answers) -> Spf | spf.Question:
        return await self.sandbox.quick(spf.evaluate, host, sender, helo, answers)

    async def dkim(
        self, content: bytes | Path, signatures: tuple[Signature, ...], keys: Mapping[int, tuple[str, ...]]
    ) -> tuple[Signature, ...]:
        if isinstance(content, Path):
            return await self.sandbox.run(dkim.verify, content, signatures, keys, limits=SLOWLY)
        return await self.sandbox.quick(dkim.verify, content, signatures, keys)
