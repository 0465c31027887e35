"""Documents from URLs: fetched from real servers, and never from inside.

The servers are on loopback, which is internal: so a test says which networks are allowed, and all others are not.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fax import DocumentRequest
from gateway.fetching import Fetcher, InternalAddress, NotRetrieved, PublicNetwork, is_internal
from tests.origin import PDF, Origin

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin().served() as origin:
        yield origin


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "document"


async def refusal(fetcher: Fetcher, into: Path, url: str) -> NotRetrieved:
    with pytest.raises(NotRetrieved) as refused:
        await fetcher.fetch(DocumentRequest(url=url), into)
    return refused.value


async def test_a_document_is_fetched(origin: Origin, into: Path) -> None:
    assert await Fetcher(LOOPBACK).fetch(DocumentRequest(url=f"{origin.url}/fax.pdf?a=b#c"), into) == "fax.pdf"
    assert into.read_bytes() == PDF
    [asked] = origin.asked
    assert (asked.method, str(asked.query_params), asked.headers["accept-encoding"]) == ("GET", "a=b", "identity")
    assert asked.headers["host"] == origin.url.removeprefix("http://")


async def test_it_is_asked_for_as_the_client_says(origin: Origin, into: Path) -> None:
    request = DocumentRequest(
        url=f"{origin.url}/fax.pdf",
        method="post",
        content='{"number": 7}',
        content_type="application/json",
        host="documents.example",
        referer="https://portal.example/7",
    )
    await Fetcher(LOOPBACK).fetch(request, into)
    [asked] = origin.asked
    assert (asked.method, origin.bodies) == ("POST", [b'{"number": 7}'])
    assert asked.headers["content-type"] == "application/json"
    assert (asked.headers["host"], asked.headers["referer"]) == ("documents.example", "https://portal.example/7")


async def test_a_password_in_the_url_is_shown_to_that_server_alone(origin: Origin, into: Path) -> None:
    await Fetcher(LOOPBACK).fetch(
        DocumentRequest(url=f"{origin.url.replace('//', '//me:pass%20word@')}/redirect/0"), into
    )
    first, second = origin.asked
    assert first.headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert "authorization" not in second.headers


@pytest.mark.parametrize(("status", "may_pass"), [(404, False), (403, False), (410, False), (500, False), (503, True)])
async def test_a_refusal_by_the_server_is_told_with_its_status(
    origin: Origin, into: Path, status: int, may_pass: bool
) -> None:
    error = await refusal(Fetcher(LOOPBACK), into, f"{origin.url}/status/{status}")
    assert error.text == f"could not retrieve file, http response {status}"
    assert error.may_pass is may_pass


async def test_a_few_redirects_are_followed_and_no_more(origin: Origin, into: Path) -> None:
    await Fetcher(LOOPBACK).fetch(DocumentRequest(url=f"{origin.url}/redirect/2"), into)  # three of them
    assert into.read_bytes() == PDF
    error = await refusal(Fetcher(LOOPBACK), into, f"{origin.url}/redirect/3")
    assert error.text == "could not retrieve file, more than 3 redirects"


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/fax.pdf", "http://169.254.169.254/latest/meta-data/"]
)
async def test_a_redirect_is_checked_as_the_first_url_was(origin: Origin, into: Path, to: str) -> None:
    await refusal(Fetcher(LOOPBACK), into, f"{origin.url}/leads?to={to}")
    assert not into.exists()


async def test_a_document_that_is_too_large_is_left_where_it_is(origin: Origin, into: Path) -> None:
    error = await refusal(Fetcher(LOOPBACK, most_bytes=1 << 20), into, f"{origin.url}/large")
    assert error.text == "could not retrieve file, it is larger than 1 MB"
    assert into.stat().st_size <= 1 << 20


async def test_what_else_goes_wrong_is_said_in_words(origin: Origin, into: Path, unused_tcp_port: int) -> None:
    fetcher = Fetcher(LOOPBACK)
    expected = {
        f"{origin.url}/compressed": "it came compressed (gzip) though not asked to be",
        f"{origin.url}/empty": "it is empty",
        f"http://127.0.0.1:{unused_tcp_port}/": "no connection to the server",
        "http://[::1/": "its URL cannot be understood",
        "gopher://127.0.0.1/": "its URL is neither http nor https, or names no port that there is",
    }
    for url, words in expected.items():
        assert (await refusal(fetcher, into, url)).text == f"could not retrieve file, {words}"


async def test_a_host_that_nobody_knows(into: Path) -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = await refusal(Fetcher(resolve=unknown), into, "http://nowhere.example/")
    assert error.text == "could not retrieve file, the host nowhere.example was not found"


async def test_a_server_that_speaks_no_http(into: Path) -> None:
    async with raw_server(b"220 ftp ready\r\n") as port:
        error = await refusal(Fetcher(LOOPBACK), into, f"http://127.0.0.1:{port}/")
    assert error.text == "could not retrieve file, the connection broke off"


async def test_a_document_that_breaks_off_is_not_taken_for_whole(into: Path) -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%PDF-1.7") as port:
        error = await refusal(Fetcher(LOOPBACK), into, f"http://127.0.0.1:{port}/")
    assert error.text == "could not retrieve file, the connection broke off"
    assert error.may_pass


async def test_a_server_without_a_trusted_certificate_is_not_asked(origin: Origin, into: Path) -> None:
    error = await refusal(Fetcher(LOOPBACK), into, origin.url.replace("http:", "https:") + "/fax.pdf")
    assert error.text.startswith("could not retrieve file, ")
    assert origin.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "2130706433", "0x7f000001", "127.1", "169.254.169.254", "10.0.0.1", "192.168.1.1",
        "100.64.0.1", "[fe80::1]", "[fd00:ec2::254]", "[fec0::1]", "224.0.0.1", "255.255.255.255", "168.63.129.16",
        "192.0.0.192", "[3fff::1]",
    ],
)  # fmt: skip
async def test_nothing_internal_is_reached_however_it_is_written(origin: Origin, into: Path, host: str) -> None:
    port = origin.url.rpartition(":")[2]
    error = await refusal(Fetcher(), into, f"http://{host}:{port}/fax.pdf")
    assert isinstance(error, InternalAddress) or "was not found" in error.text
    assert origin.asked == []


async def test_no_proxy_is_asked(origin: Origin, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, origin.url)
    error = await refusal(Fetcher(), into, "http://10.0.0.1/fax.pdf")
    assert isinstance(error, InternalAddress)
    assert origin.asked == []


async def test_a_name_that_is_answered_differently_gains_nothing(into: Path) -> None:
    """DNS rebinding: an address that is checked, and another one that is connected to. 127.0.0.2 is allowed here, and
    stands for the outside; 127.0.0.1 is the inside."""
    async with Origin().served() as inside, Origin().served("127.0.0.2", inside.port) as outside:
        fetcher = Fetcher([ipaddress.ip_network("127.0.0.2/32")], resolve=rebinding("127.0.0.2", "127.0.0.1"))
        url = f"http://rebind.example:{inside.port}/fax.pdf"
        await fetcher.fetch(DocumentRequest(url=url), into)
        error = await refusal(fetcher, into, url)
    assert isinstance(error, InternalAddress)
    assert (len(outside.asked), inside.asked) == (1, [])


async def test_of_several_addresses_only_the_public_ones_are_tried(unused_tcp_port: int) -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1", "127.0.0.2"]

    async with raw_server(b"", host="127.0.0.1") as port:
        network = PublicNetwork([ipaddress.ip_network("127.0.0.2/32")], both)
        with pytest.raises(Exception, match="onnect"):
            await network.connect_tcp("both.example", port, timeout=2)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_internal_in_every_disguise(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    disguises = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    assert {is_internal(disguise) for disguise in disguises} == {is_internal(address)}
    assert is_internal(address) or address.is_global


def rebinding(*answers: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [left.pop(0)]

    return resolve


@asynccontextmanager
async def raw_server(says: bytes, host: str = "127.0.0.1") -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(says)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        "http://a..com/",
        "http://.com/",
        f"http://{'a' * 70}.com/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://[::1/",
        "http://a\u3002.com/",
    ],
)
async def test_an_address_that_cannot_be_is_refused_and_not_a_fault(url: str, tmp_path: Path) -> None:
    with pytest.raises(NotRetrieved, match="could not retrieve file"):
        await Fetcher().fetch(DocumentRequest(url=url), tmp_path / "document")
