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
