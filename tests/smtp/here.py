"""What worker processes do with hostile input, done here."""

from collections.abc import Mapping
from pathlib import Path

from smtp import claims, dkim, spf
from smtp.evidence import Claims, Signature, Spf


class Here:
    """Those of `smtp.proving.Workers`, in this process."""

    async def claims(self, content: bytes | Path, now: float, authserv_id: str) -> Claims:
        return claims.read(content, now, authserv_id)

    async def spf(self, host: str, sender: str, helo: str, answers: spf.Answers) -> Spf | spf.Question:
        return spf.evaluate(host, sender, helo, answers)

    async def dkim(
        self, content: bytes | Path, signatures: tuple[Signature, ...], keys: Mapping[int, tuple[str, ...]]
    ) -> tuple[Signature, ...]:
        return dkim.verify(content, signatures, keys)
