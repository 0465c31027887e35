"""Hostile clients of the API, on real sockets: each is answered, or left, in its time and for little memory."""

import asyncio
import json
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from admin_api.server import Server
from tests.hostile.conftest import PATIENCE, Target, bounded

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"PUT /v2/api_auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@contextmanager
def connected(target: Target) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", target.api_port), 20) as link:
        yield link


def heard(link: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer: status (0 where nothing is said), header, body."""
    said = b""
    with suppress(ConnectionResetError):
        while not _is_whole(said) and (octets := link.recv(1 << 16)):
            said += octets
    head, _, body = said.partition(b"\r\n\r\n")
    return (int(said.split()[1]) if said else 0), _fields(head), body


def _fields(head: bytes) -> dict[str, str]:
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value for name, value in fields.items()}


def _is_whole(said: bytes) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= int(_fields(head).get("content-length", "0"))


def drip(link: socket.socket, octets: bytes, every: float = 0.1, most: float = 30) -> float:
    """Say it over and over until the other side has had enough; how many seconds that was."""
    link.settimeout(every)
    began = time.monotonic()
    while time.monotonic() - began < most:
        try:
            link.sendall(octets)
            link.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    link.settimeout(20)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("said", "dripped", "status"),
    [
        pytest.param(b"", b"", 0, id="nothing"),
        pytest.param(GET, b"", 408, id="half a head"),
        pytest.param(GET, b"X-Drip: 1\r\n", 408, id="a head without end"),
        pytest.param(GET + b"Content-Length: 9\r\n\r\n1", b"", 200, id="a body that nobody asked for"),
        pytest.param(
            b"PUT /v2/api_auth HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", b"", 408, id="half a body"
        ),
    ],
)
def test_slow_requests(target: Target, said: bytes, dripped: bytes, status: int) -> None:
    with bounded(target.pid, mebibytes=20, seconds=PATIENCE * 4), connected(target) as link:
        link.sendall(said)
        if dripped:
            assert PATIENCE * 0.9 < drip(link, dripped) < PATIENCE * 2
        found, header, body = heard(link)
    assert found == status
    if status == 408:
        assert header.items() >= SAFE.items()
        assert json.loads(body)["message"] == "too_slow"


def test_an_idle_kept_connection_is_closed(target: Target) -> None:
    with bounded(target.pid, mebibytes=20, seconds=12), connected(target) as link:
        link.sendall(GET + b"\r\n")
        assert heard(link)[0] == 200
        assert link.recv(1) == b""


def test_a_body_that_drips_has_an_end(target: Target) -> None:
    """Each piece comes in time; the whole has a limit too, which is scaled down here with a server of its own."""

    async def story() -> float:
        async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                pass

        server = Server(swallow, patience=0.1)
        await server.start("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
            took = await asyncio.to_thread(drip, link, b"x", 0.05)
            status, _, _ = await asyncio.to_thread(heard, link)
        await server.stop()
        assert status == 408
        return took

    assert 1.9 < asyncio.run(story()) < 6


async def left(server: Server) -> float:
    """Wait until its connections have ended; how many seconds that was."""
    began = time.monotonic()
    assert server._uvicorn is not None
    await asyncio.sleep(0.2)
    async with asyncio.timeout(10):
        while server._uvicorn.server_state.connections:  # noqa: ASYNC110  # uvicorn's, which tells nobody
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_a_slow_reader_is_left_and_holds_no_memory() -> None:
    made = 0

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            while made < 1 << 30:
                made += 1 << 16
                await asyncio.sleep(0)
                yield bytes(1 << 16)

        await StreamingResponse(pieces())(scope, receive, send)

    server = Server(endless, patience=0.5)
    await server.start("127.0.0.1", 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await left(server) < 5
    assert made < 32 << 20  # what the kernel's buffers took
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    await server.stop()


async def test_an_answer_that_is_not_read_does_not_hold_a_closed_connection() -> None:
    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": bytes(16 << 20)})

    server = Server(large, patience=0.5)
    await server.start("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert 0.4 < await left(server) < 5
    await server.stop()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000), 414, id="a long address"),
        pytest.param(b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000), 414, id="a long query"),
        pytest.param(GET + b"X: y\r\n" * 101 + b"\r\n", 431, id="101 fields"),
        pytest.param(GET + b"X: %s\r\n\r\n" % (b"y" * 17_000), 431, id="one field of 17 kB, whole"),
        pytest.param(GET + b"X: %s\r\n\r\n" % (b"y" * 30_000_000), 431, id="one field of 30 MB"),
        pytest.param(GET + b"X: y\r\n" * 100_000 + b"\r\n", 431, id="100,000 fields"),
        pytest.param(b"a" * 1_000_000, 431, id="a line without end"),
        pytest.param(b"\x16\x03\x01" + bytes(200) + b"\r\n\r\n", 400, id="TLS"),
        pytest.param(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n\r\n", 400, id="SMTP"),
        pytest.param(GET + b"X: a\nY: b\r\n\r\n", 200, id="a bare LF is a line end to h11"),
        pytest.param(GET + b"X: a\rY: b\r\n\r\n", 400, id="a bare CR"),
        pytest.param(GET + b"X: a\0b\r\n\r\n", 400, id="NUL in a field"),
        pytest.param(GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, id="two lengths"),
        pytest.param(GET + b"Content-Length: -1\r\n\r\n", 400, id="a negative length"),
        pytest.param(GET + b"Transfer-Encoding: gzip\r\n\r\n", 501, id="an unknown transfer encoding"),
        pytest.param(
            CHUNKED + b"\r\n" + b"f" * 100_000,
            431,
            id="a chunk without end",
        ),
    ],
)
def test_heads_that_are_refused(target: Target, head: bytes, status: int) -> None:
    with bounded(target.pid, mebibytes=30, seconds=15), connected(target) as link:
        with suppress(ConnectionResetError, BrokenPipeError):  # it has heard enough
            link.sendall(head)
        found, header, body = heard(link)
    assert found == status
    assert header.items() >= SAFE.items()
    assert "Traceback" not in body.decode()


def test_nothing_is_obeyed_behind_a_body_of_two_lengths(target: Target) -> None:
    with connected(target) as link:
        link.sendall(CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + GET + b"\r\n")
        said = b""
        with suppress(ConnectionResetError):
            while octets := link.recv(1 << 16):
                said += octets
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1


async def test_no_peer_takes_all_connections() -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    server = Server(answer, connections=10, connections_per_peer=5)
    await server.start("127.0.0.1", 0)

    def opened(peer: str) -> tuple[socket.socket, bytes]:
        link = socket.create_connection(("127.0.0.1", server.port), 10, source_address=(peer, 0))
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return link, link.recv(100)[9:12]

    one = [await asyncio.to_thread(opened, "127.0.0.1") for _ in range(6)]
    assert [said for _, said in one] == [b"204"] * 5 + [b"503"]
    another = [await asyncio.to_thread(opened, "127.0.0.2") for _ in range(5)]
    assert [said for _, said in another] == [b"204"] * 5
    third = await asyncio.to_thread(opened, "127.0.0.3")
    assert third[1] == b"503"
    for link, _ in (*one, *another, third):
        link.close()
    await server.stop()


def test_hundreds_of_requests_in_one_piece(target: Target) -> None:
    with bounded(target.pid, mebibytes=20, seconds=15), connected(target) as link:
        link.sendall((GET + b"\r\n") * 99 + GET + b"Connection: close\r\n\r\n")
        said = b""
        while octets := link.recv(1 << 16):
            said += octets
    assert said.count(b"HTTP/1.1 200") == 100


def test_what_every_answer_tells_a_browser(target: Target) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{target.api_port}", headers={"X-Auth-Token": target.token}) as client:
        faxes = f"/v2/accounts/{target.account}/faxes"
        for path, status in (
            ("/healthz", 200),
            (f"{faxes}/inbox", 200),
            (f"{faxes}/inbox/nobody", 404),
            ("/nothing", 404),
            ("/v2/nothing", 404),
        ):
            answer = client.get(path)
            assert answer.status_code == status, path
            assert answer.headers.items() >= SAFE.items(), path
            assert "strict-transport-security" not in answer.headers
            assert "server" not in answer.headers
        page, described = client.get("/docs"), client.get("/openapi.json")
        assert page.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
        assert "script" not in page.headers["content-security-policy"]
        assert described.headers["cache-control"] == "no-cache"
        again = client.get("/openapi.json", headers={"If-None-Match": described.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")
        secured = client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert secured.headers["strict-transport-security"] == "max-age=31536000"
