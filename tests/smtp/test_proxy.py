"""Behind a load balancer: the PROXY protocol from listed peers, and from nobody else."""

import asyncio
import ipaddress
import logging
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp import proxy, replies
from smtp.auth import Presented
from smtp.lockout import MOST_FAILURES
from smtp.logins import Logins
from smtp.policy import Door as Speaks
from smtp.policy import Limits
from smtp.tls import Certificate
from tests.smtp.conftest import Client, Door, running
from tests.smtp.mails import octets, with_pdf
from tests.smtp.test_auth import RIGHT, InMemoryCredentials
from tests.smtp.test_tls import pem, trusting, upgraded

__all__ = ["pem"]

TRUSTED, STRANGER = "192.0.2.1", "198.51.100.9"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HERE = "127.0.0.0/8"


def version_1(host: str, port: int = 4711) -> bytes:
    family = "TCP6" if ":" in host else "TCP4"
    return f"PROXY {family} {host} {'::1' if ':' in host else '10.0.0.1'} {port} 25\r\n".encode()


def version_2(host: str = TRUSTED, port: int = 4711, command: int = 0x21, kind: int = 0x11, tail: bytes = b"") -> bytes:
    source = ipaddress.ip_address(host)
    here = ipaddress.ip_address("::1" if source.version == 6 else "10.0.0.1")
    return raw_version_2(command, kind, source.packed + here.packed + struct.pack("!HH", port, 25) + tail)


def raw_version_2(command: int, kind: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


async def behind(door: Door, header: bytes) -> Client:
    client = await door.connect()
    client.say(header)
    return client


@pytest.mark.parametrize(
    ("header", "peer", "gets_in"),
    [
        (version_1(TRUSTED), "192.0.2.1:4711", True),
        (version_1(STRANGER), "198.51.100.9:4711", False),
        (version_2(TRUSTED), "192.0.2.1:4711", True),
        (version_2(TRUSTED, tail=b"\x04\0\x02xx" * 100), "192.0.2.1:4711", True),
        (version_2(STRANGER), "198.51.100.9:4711", False),
        (version_1("2001:db8::1"), "[2001:db8::1]:4711", True),
        (version_2("2001:db8::1", kind=0x21), "[2001:db8::1]:4711", True),
        (version_2(f"::ffff:{STRANGER}", kind=0x21), "198.51.100.9:4711", False),
        (raw_version_2(0x20, 0x00, b""), "127.0.0.1:", False),
        (version_2(TRUSTED, command=0x20), "127.0.0.1:", False),
    ],
)
async def test_the_client_is_whom_the_proxy_names(tmp_path: Path, header: bytes, peer: str, gets_in: bool) -> None:
    async with running(tmp_path, Limits(), trusted="192.0.2.0/24 2001:db8::/32", proxies=HERE) as door:
        client = await behind(door, header + b"EHLO client.example\r\n")
        assert (await client.hear()).startswith("220 ")
        assert (await client.hear()).startswith("250-")
        assert (await client.send(octets(with_pdf()))).startswith("250" if gets_in else "550 5.7.1")
        [entry] = door.submissions.entries
        assert entry.peer.startswith(peer)
        assert (entry.authentication == "trusted network") is gets_in


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO client.example\r\n",
        b"PROXY\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN 192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1_0 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
        b"PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY TCPx4 192.0.2.1 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n",
        b"PROXY TCP4 192.0.2.1 " + b"1" * 200 + b" 1 2\r\n",
        b"PROXY " + b"x" * 200_000 + b"\r\n",
        SIGNATURE[:11] + b"x" + version_2()[12:],
        version_2(command=0x31),
        version_2(command=0x22),
        version_2(kind=0x12),
        version_2(kind=0x01),
        version_2(kind=0x41),
        raw_version_2(0x21, 0x00, b""),
        raw_version_2(0x21, 0x11, b"short"),
        raw_version_2(0x21, 0x31, b"/run/socket".ljust(216, b"\0")),
    ],
)
async def test_a_header_that_names_nobody_ends_the_connection(
    tmp_path: Path, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, Limits(), proxies=HERE) as door:
        client = await behind(door, header)
        assert await client.hear() == ""
        await door.until_all_left()
        assert "smtp: proxy 127.0.0.1:" in caplog.text
        assert not door.submissions.entries


@pytest.mark.parametrize("header", [b"", b"PRO", version_1(TRUSTED)[:-1], version_2()[:-1]])
async def test_a_header_is_not_waited_for_without_end(tmp_path: Path, header: bytes) -> None:
    async with asyncio.timeout(5), running(tmp_path, Limits(proxy_seconds=0.1), proxies=HERE) as door:
        client = await behind(door, header)
        assert await client.hear() == ""


async def test_the_server_stops_before_the_header(tmp_path: Path) -> None:
    async with asyncio.timeout(3), running(tmp_path, Limits(), proxies=HERE) as door:
        await behind(door, b"PROXY ")
        await asyncio.sleep(0.05)


async def test_from_others_it_is_an_unknown_command(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(), proxies="192.0.2.0/24") as door:
        client = await behind(door, version_1(TRUSTED))
        assert (await client.hear()).startswith("220 ")
        assert await client.hear() == replies.UNKNOWN_COMMAND


async def test_a_second_header_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(), proxies=HERE) as door:
        client = await behind(door, version_1(STRANGER) + version_1(TRUSTED))
        assert (await client.hear()).startswith("220 ")
        assert await client.hear() == replies.UNKNOWN_COMMAND


async def test_connections_are_counted_for_the_client(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(connections_per_peer=1), proxies=HERE) as door:
        first = await behind(door, version_1(TRUSTED))
        assert (await first.hear()).startswith("220 ")
        assert await (await behind(door, version_1(TRUSTED))).hear() == replies.TOO_MANY_FROM_PEER
        assert (await (await behind(door, version_1(STRANGER))).hear()).startswith("220 ")
        first.close()
        await asyncio.sleep(0.05)
        assert (await (await behind(door, version_1(TRUSTED))).hear()).startswith("220 ")
    assert not door.server._per_peer


async def test_an_ipv6_network_is_one_client(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(connections_per_peer=1), proxies=HERE) as door:
        assert (await (await behind(door, version_1("2001:db8::1"))).hear()).startswith("220 ")
        assert await (await behind(door, version_1("2001:db8::2"))).hear() == replies.TOO_MANY_FROM_PEER
        assert (await (await behind(door, version_1("2001:db8:0:1::1"))).hear()).startswith("220 ")


async def test_who_guesses_is_locked_out_alone(tmp_path: Path, pem: Path) -> None:
    logins = Logins(InMemoryCredentials())
    async with running(tmp_path, Limits(), certificate=Certificate(pem), logins=logins, proxies=HERE) as door:

        async def attempt(host: str, said: str) -> str:
            client = await behind(door, version_1(host))
            assert (await client.hear()).startswith("220 ")
            await upgraded(client)
            await client.ask("EHLO client.example")
            return await client.ask(said)

        assert await attempt(TRUSTED, f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN
        wrong = Presented("another", "not the password")
        await asyncio.gather(*[logins.log_in(wrong, STRANGER) for _ in range(MOST_FAILURES)])
        assert await attempt(STRANGER, f"AUTH PLAIN {RIGHT}") == replies.LOCKED_OUT
        assert await attempt(TRUSTED, f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN


@pytest.mark.parametrize("header", [version_1(TRUSTED), version_2(TRUSTED)])
async def test_the_header_comes_before_tls(tmp_path: Path, pem: Path, header: bytes) -> None:
    async with running(tmp_path, Limits(), certificate=Certificate(pem), proxies=HERE) as door:
        port = await door.server.start("127.0.0.1", 0, Speaks.SMTPS)

        def shake() -> bytes:
            with socket.create_connection(("127.0.0.1", port), 10) as plain:
                plain.sendall(header)
                with trusting().wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    return secure.recv(100)

        assert (await asyncio.to_thread(shake)).startswith(b"220 ")


async def test_tls_without_the_header_is_closed(tmp_path: Path, pem: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running(tmp_path, Limits(), certificate=Certificate(pem), proxies=HERE) as door:
        port = await door.server.start("127.0.0.1", 0, Speaks.SMTPS)

        def shake() -> None:
            with socket.create_connection(("127.0.0.1", port), 10) as plain, pytest.raises(OSError):
                trusting().wrap_socket(plain, server_hostname="127.0.0.1")

        await asyncio.to_thread(shake)
        assert "smtp: proxy 127.0.0.1:" in caplog.text


@settings(max_examples=50)
@given(st.sampled_from([b"", b"PROXY TCP4 ", b"PROXY TCP6 ::1 ", SIGNATURE, SIGNATURE + b"!", b"PROXY "]), st.binary())
async def test_whatever_is_sent_names_a_client_or_nobody(begun: bytes, rest: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(begun + rest)
    reader.feed_eof()
    try:
        found = await proxy.read(reader)
    except (proxy.BadHeaderError, asyncio.IncompleteReadError):
        return
    assert found is None or ipaddress.ip_address(found[0])
