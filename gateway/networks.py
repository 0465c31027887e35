"""Networks, and whether a peer is in one. Pure."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4096)
def network(word: str) -> Network:
    """`10.1.0.0/16` or `192.0.2.7`. Raises ValueError."""
    return ipaddress.ip_network(word)


def hold(networks: Iterable[Network], host: str) -> bool:
    """Whether the IP address `host` is in one of them; a host that is no address (a Unix socket) is in none.

    >>> hold([network("192.0.2.0/24")], "::ffff:192.0.2.1"), hold([network("192.0.2.0/24")], "local")
    (True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in one for one in networks)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it, as far as its name tells.

    >>> is_loopback("127.1.2.3"), is_loopback("::1"), is_loopback("localhost"), is_loopback("fax.example.com")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def neighbours(host: str) -> str:
    """Whose connections and tries are counted together: an IPv4 address, or an IPv6 network of 2^64 addresses, all of
    which one client can have; `host` itself where it is no address.

    >>> neighbours("2001:db8::1"), neighbours("::ffff:192.0.2.1"), neighbours("192.0.2.1"), neighbours("local")
    ('2001:db8::/64', '192.0.2.1', '192.0.2.1', 'local')
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])  # a zone of this host's (RFC 4007) is no part of it
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
