"""An SMS centre, which is a process, and a texter that sends to it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.ports import Texter
from gateway.sms import texter_from_url

TO = "+15551234567"


@dataclass
class Sms:
    texter: Texter
    centre: asyncio.subprocess.Process
    port: int

    async def send(self, text: str = "Fax delivered", key: str = "n1") -> str:
        return await self.texter.send(recipient=TO, text=text, key=key)

    async def got(self, command: str) -> dict[str, Any]:
        """The next PDU of this kind."""
        assert self.centre.stdout is not None
        while True:
            async with asyncio.timeout(20):
                pdu: dict[str, Any] = json.loads(await self.centre.stdout.readline())
            if pdu["command"] == command:
                return pdu


@asynccontextmanager
async def centre(*script: str, password: str = "s3cret", source: str = "FAX") -> AsyncIterator[Sms]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notices.centre", *script, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    texter = texter_from_url(f"smpp://faxgate:{password}@127.0.0.1:{port}?source={source.replace('+', '%2B')}")
    assert texter is not None
    try:
        yield Sms(texter, process, port)
    finally:
        await texter.close()
        process.kill()
        await process.wait()
