"""The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a load balancer says who has connected to it.

aiosmtpd reads it; what may be said is decided here, since all that depends on the peer depends on it: TCP over IPv4 or
IPv6, or LOCAL, when the balancer speaks for itself. UNKNOWN is refused: such a client would be taken for the balancer.
"""

import asyncio
import re
from ipaddress import IPv4Address, IPv6Address

from aiosmtpd.proxy_protocol import AF, PROTO, V2_CMD, ProxyData, get_proxy

VERSION_1 = re.compile(rb"PROXY TCP[46] [0-9A-Fa-f.:]+ [0-9A-Fa-f.:]+ (?:0|[1-9][0-9]{0,4}) (?:0|[1-9][0-9]{0,4})\r\n")


class BadHeaderError(Exception):
    """Nobody has said who has connected."""


async def read(reader: asyncio.StreamReader) -> tuple[str, int] | None:
    """The address and the port of the client; None where the balancer speaks for itself. Takes as long as the header
    takes to come. Raises BadHeaderError; IncompleteReadError where the connection was closed before it began."""
    header = await get_proxy(reader)
    if header.error or not header.valid:
        raise BadHeaderError(header.error or "no PROXY header")
    if header.version == 2 and header.command == V2_CMD.LOCAL:
        return None
    return _client(header)


def _client(header: ProxyData) -> tuple[str, int]:
    if header.family not in (AF.INET, AF.INET6) or header.protocol != PROTO.STREAM:
        raise BadHeaderError("not TCP over IPv4 or IPv6")
    if header.version == 1 and not VERSION_1.fullmatch(header.whole_raw):
        raise BadHeaderError("malformed")
    address, port = header.src_addr, header.src_port
    assert isinstance(address, IPv4Address | IPv6Address)
    assert port is not None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address), port
