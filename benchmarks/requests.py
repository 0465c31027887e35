"""Requests per second of `GET /faxes/outbox`, beside a bare Starlette route that answers the same bytes.

Both are served by the API's own server (uvicorn) in a process of its own, one after the other by turns, and asked over
kept connections by this one: what is between them is the token, the account, the query of a page of 50 among 1,000, and
its JSON.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from admin_api.app import api
from admin_api.server import Server
from benchmarks import listing, table
from benchmarks.postgres import postgres
from benchmarks.table import Row, ratio
from gateway.accounts import Account
from gateway.clock import Clock
from gateway.ids import new_id
from gateway.storage import FileDocuments
from gateway.store import accounts, tokens
from gateway.store.engine import Store

TOKEN = "the-token-of-the-benchmark"
CONNECTIONS = (1, 10)


async def run(*, quick: bool) -> list[Row]:
    seconds, rounds = (0.5, 2) if quick else (3.0, 3)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="faxgate-requests-") as name, postgres() as new_database:
        folder = Path(name)
        for database, url in (("SQLite", f"sqlite:///{folder / 'faxgate.db'}"), ("PostgreSQL", new_database())):
            path = await _prepare(url)
            async with AsyncExitStack() as stack:
                port = await stack.enter_async_context(_serving("api", url, str(folder)))
                body = folder / "body"
                body.write_bytes(await _one(port, path))
                bare = await stack.enter_async_context(_serving("bare", str(body), path))
                for connections in CONNECTIONS:
                    ours = theirs = 0
                    for _ in range(rounds):
                        ours += await _load(port, path, connections, seconds)
                        theirs += await _load(bare, path, connections, seconds)
                    rows.append(
                        {
                            "database": database,
                            "connections": connections,
                            "requests/s": round(ours / seconds / rounds, 1),
                            "bare Starlette": round(theirs / seconds / rounds, 1),
                            "x bare Starlette": ratio(ours, theirs),
                        }
                    )
    table.show("GET /faxes/outbox, a page of 50", rows)
    return rows


async def _prepare(url: str) -> str:
    """Fill a database; the address of its outbox."""
    store = await Store.open(url)
    account = Account(id=new_id(), name="Bench", created_at=datetime.now(UTC))
    async with store.begin() as connection:
        await accounts.add_account(connection, account)
        await tokens.add(connection, TOKEN, account.id, ["read"], datetime.now(UTC))
    await listing.fill(store, account.id, listing.FEW)
    if not store.sqlite:
        async with store.begin() as connection:
            await connection.execute(text("ANALYZE"))
    await store.close()
    return f"/v2/accounts/{account.id}/faxes/outbox"


@asynccontextmanager
async def _serving(*arguments: str) -> AsyncIterator[int]:
    """A server in a process of its own; its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.requests", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def _load(port: int, path: str, connections: int, seconds: float) -> int:
    """Answers within `seconds`."""
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_client(port, path, until) for _ in range(connections))))


async def _client(port: int, path: str, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        await _ask(reader, writer, path)
        count += 1
    writer.close()
    return count


async def _one(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = await _ask(reader, writer, path)
    writer.close()
    if len(json.loads(body)["data"]) != 50:
        raise SystemExit(f"no page of 50 came: {body[:200]!r}")
    return body


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {TOKEN}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head[:14]:
        raise SystemExit(f"{head!r}")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if b" 200 " not in head[:14]:
        raise SystemExit(f"{head[:40]!r} {body[:200]!r}")
    return body


# In the other process


async def _serve(kind: str, first: str, second: str) -> None:
    application: ASGIApp
    if kind == "api":
        application = api(await Store.open(first), FileDocuments(Path(second)), Clock())
    else:
        content = await asyncio.to_thread(Path(first).read_bytes)

        async def answer(_: Request) -> Response:
            return Response(content, media_type="application/json")

        application = Starlette(routes=[Route(second, answer)])
    server = Server(application)
    await server.start("127.0.0.1", 0)
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
