"""Whom an installation believes without proof, and what is unsafe about it, in words. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.networks import Network, hold

WIDEST = {4: 16, 6: 32}
"""Bits that a public network has at least, so that it may be one's own."""
MANY_NAMES = 5
"""Names in HELO by which servers behind one address show: one server has one, or a few."""
MANY_STRANGERS = 3
"""Domains by which a server shows that takes mail from the world: one's own people mistype theirs now and then."""


def of_networks(networks: Iterable[Network], whose: str) -> Iterator[str]:
    """Networks that are too wide to be anybody's own."""
    for network in networks:
        if not network.is_private and network.prefixlen < WIDEST[network.version]:
            yield f"{network} ({whose}) lets nearly everybody send in anybody's name: name your own servers only"


def of_relays(relays: Sequence[tuple[Network, str]], trusted: Iterable[Network]) -> Iterator[str]:
    networks = [network for network, _ in relays]
    yield from of_networks(networks, "a relay whose word is taken")
    for network in trusted:
        for relay, name in relays:
            if relay.version == network.version and relay.overlaps(network):
                yield (
                    f"{name} at {relay} is in the trusted network {network}: it counts as a relay, and what it brings "
                    "has to be proven"
                )


def of_peers(peers: Iterable[tuple[str, str]], trusted: Sequence[Network]) -> Iterator[str]:
    """What the latest clients show: `peers` are their addresses and names in HELO. A proxy, a container network or NAT
    before the listener makes all of them one, which is believed if it is in a trusted network."""
    names: Mapping[str, set[str]] = defaultdict(set)
    for host, helo in peers:
        names[host].add(helo.lower())
    for host, said in sorted(names.items()):
        if hold(trusted, host) and len(said) >= MANY_NAMES:
            yield (
                f"clients with {len(said)} names in HELO came from {host}, which is believed: if a proxy or NAT stands "
                "there, everybody who comes through it is. Let it speak the PROXY protocol, or trust others"
            )


def of_strangers(senders: Iterable[tuple[str, str]], trusted: Sequence[Network]) -> Iterator[str]:
    """What was turned away shows: addresses of peers, and the domains of senders that no faxbox permits. A server that
    takes mail from the world brings many, and one day a permitted sender that somebody has forged."""
    domains: Mapping[str, set[str]] = defaultdict(set)
    for host, domain in senders:
        domains[host].add(domain.lower())
    for host, said in sorted(domains.items()):
        if hold(trusted, host) and len(said) >= MANY_STRANGERS:
            yield (
                f"mail of {len(said)} domains that no faxbox permits came from {host}, which is believed: if a mail "
                "server there takes mail from the world, anybody can write a sender that is permitted. Name it in "
                "FAXGATE_TRUSTED_RELAYS (docs/in-front.md)"
            )


def hidden(listens: str, networks: Sequence[Network], *, public: bool) -> str:
    """What to keep in mind where all seems well; empty if nothing."""
    near = [str(network) for network in networks if network.is_private]
    if not public or not near:
        return ""
    return (
        f"{', '.join(near)} are believed while SMTP listens on {listens}: see that no proxy, container network or NAT "
        "lets others come from there"
    )
