"""The listening socket: quick, out of the way of signals, and clear about an address that is taken."""

import asyncio
import signal
import time
from contextlib import suppress

import httpx
import pytest
import uvicorn

from admin_api.app import api
from admin_api.server import Server
from gateway.clock import Clock
from gateway.ports import Documents
from gateway.store.engine import Store

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


async def test_answers_on_a_kept_connection_do_not_wait_for_acknowledgements(client: httpx.AsyncClient) -> None:
    """The head and the body of an answer are two writes: with Nagle's algorithm each answer would take 40 ms."""
    await client.get("/nothing")
    medians = []
    for _ in range(5):  # on a busy machine one round may be slow for other reasons; with Nagle all would be
        times = []
        for _ in range(11):
            began = time.perf_counter()
            await client.get("/nothing")
            times.append(time.perf_counter() - began)
        medians.append(sorted(times)[len(times) // 2])
    assert min(medians) < 0.03


async def test_signals_are_left_to_the_process(client: httpx.AsyncClient) -> None:
    await client.get("/healthz")
    for one in (signal.SIGTERM, signal.SIGINT):
        assert not isinstance(getattr(signal.getsignal(one), "__self__", None), uvicorn.Server)


async def test_an_address_that_is_taken_is_an_error_at_the_start(
    server: Server, store: Store, documents: Documents
) -> None:
    with pytest.raises(OSError, match="in use"):
        await Server(api(store, documents, Clock())).start("127.0.0.1", server.port)


async def test_stop_lets_nobody_wait(server: Server, client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    async with asyncio.timeout(5):
        await server.stop()
    with pytest.raises(httpx.ConnectError):
        await client.get("/healthz")


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"PUT /v2/api_auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
)
async def test_a_client_that_keeps_us_waiting_is_sent_away(
    beginning: bytes, store: Store, documents: Documents
) -> None:
    server = Server(api(store, documents, Clock()), patience=0.3)
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(beginning)
    async with asyncio.timeout(5):
        assert b" 200 " not in await reader.read()
    writer.close()
    await server.stop()


async def test_a_client_that_drips_its_request_is_sent_away(store: Store, documents: Documents) -> None:
    server = Server(api(store, documents, Clock()), patience=0.3)
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):  # or a plain end
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()
    writer.close()
    await server.stop()
