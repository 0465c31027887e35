"""A peer that sends without pause has only itself to keep waiting."""

import asyncio
from pathlib import Path

from gateway.lines.freeswitch.line import freeswitch_lines
from tests.lines.freeswitch.bench import Incoming
from tests.lines.freeswitch.conftest import OpenLine


async def test_another_line_goes_on_and_stopping_works(open_line: OpenLine, tmp_path: Path) -> None:
    flooding = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: auth/request\n\n")
        await reader.readuntil(b"\n\n")
        writer.write(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        while not writer.is_closing():
            writer.write(b"Content-Type: log/data\nContent-Length: 4\n\nabcd" * 500)
            flooding.set()
            await writer.drain()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"freeswitch://:x@127.0.0.1:{port}?dial=sofia/gateway/t/{{number}}&spool={tmp_path}/other"
    [bad] = freeswitch_lines([url], tmp_path)
    async with open_line() as bench:
        starting = asyncio.create_task(bad.start(Incoming(tmp_path), lambda: None))
        await flooding.wait()
        assert (await asyncio.wait_for(bench.send(), 20)).success
        await asyncio.wait_for(starting, 20)
        await asyncio.wait_for(bad.stop(), 20)
    server.close()
