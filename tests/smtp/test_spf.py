"""SPF (RFC 7208) of peers and senders, with the records had from a real name server."""

from collections.abc import AsyncIterator

import pytest

from gateway.clock import Clock
from gateway.resolver import Resolver
from smtp.client import Client
from smtp.evidence import Spf
from smtp.proving import Prover
from tests.nameserver import Does, NameServer, serving
from tests.smtp.here import Here


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with serving() as server:
        yield server


@pytest.fixture
def prover(zone: NameServer) -> Prover:
    return Prover(Here(), Resolver(zone.resolvers, try_seconds=0.1, seconds=0.3), Clock())


async def checked(prover: Prover, host: str = "192.0.2.1", sender: str = "alice@example.com") -> Spf:
    found = await prover.spf(Client(host=host, peer=f"{host}:25", helo="mail.example.com"), sender)
    assert found is not None
    return found


RECORDS = {
    # record of example.com: result for 192.0.2.1
    "v=spf1 ip4:192.0.2.0/24 -all": "pass",
    "v=spf1 ip4:192.0.2.2 -all": "fail",
    "v=spf1 ip4:192.0.2.2 ~all": "softfail",
    "v=spf1 ip4:192.0.2.2 ?all": "neutral",
    "v=spf1 ip4:192.0.2.2": "neutral",
    "v=spf1 -ip4:192.0.2.1 +all": "fail",
    "v=spf1 a:mail.example.com -all": "pass",
    "v=spf1 a:alias.example.com -all": "pass",
    "v=spf1 mx -all": "pass",
    "v=spf1 ptr:example.com -all": "pass",
    "v=spf1 include:provider.example -all": "pass",
    "v=spf1 include:strict.example -all": "fail",
    "v=spf1 redirect=provider.example": "pass",
    "v=spf1 exists:%{i}.%{l}.allowed.example -all": "pass",
    "v=spf1 include:nobody.example -all": "permerror",
    "v=spf1 include:example.com -all": "permerror",
    "v=spf1 redirect=example.com": "permerror",
    "v=spf1 ip4:192.0.2.999 -all": "permerror",
    "v=spf1 nonsense:x -all": "permerror",
    "v=spf1 include:down.example -all": "temperror",
    "v=spf2.0/pra ip4:192.0.2.1 -all": "none",
    "V=SPF1 IP4:192.0.2.1 -ALL": "pass",
}


@pytest.mark.parametrize("record", RECORDS)
async def test_records(zone: NameServer, prover: Prover, record: str) -> None:
    zone.add("example.com", "TXT", "another=record", record)
    zone.add("example.com", "MX", "10 mx.example.com.")
    for name in ("mail.example.com", "mx.example.com"):
        zone.add(name, "A", "192.0.2.1")
    zone.add("alias.example.com", "CNAME", "mail.example.com.")
    zone.add("1.2.0.192.in-addr.arpa", "PTR", "mail.example.com.")
    zone.add("provider.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    zone.add("strict.example", "TXT", "v=spf1 ip4:192.0.2.77 -all")
    zone.add("192.0.2.1.alice.allowed.example", "A", "127.0.0.2")
    zone.let("down.example", Does.SERVFAIL)
    found = await checked(prover)
    assert (found.domain, found.result) == ("example.com", RECORDS[record])


async def test_no_record_and_two_of_them(zone: NameServer, prover: Prover) -> None:
    assert (await checked(prover)).result == "none"
    zone.add("two.example", "TXT", "v=spf1 ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 ~all")
    assert (await checked(prover, sender="alice@two.example")).result == "permerror"


@pytest.mark.parametrize("does", [Does.NOTHING, Does.SERVFAIL, Does.WRONG_ID, Does.CUT_AND_SILENT])
async def test_a_dns_that_does_not_answer_is_temporary(zone: NameServer, prover: Prover, does: Does) -> None:
    zone.let("example.com", does)
    found = await checked(prover)
    assert (found.result, found.temporary) == ("temperror", True)
    assert "TXT of example.com" in found.detail


async def test_domains_are_compared_in_a_labels_and_lower_case(zone: NameServer, prover: Prover) -> None:
    zone.add("xn--bcher-kva.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    assert await checked(prover, sender="alice@BÜCHER.example") == Spf(
        domain="xn--bcher-kva.example", result="pass", detail="sender SPF authorized"
    )


async def test_addresses_of_ipv6(zone: NameServer, prover: Prover) -> None:
    zone.add("example.com", "TXT", "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 -all")
    assert (await checked(prover, "2001:db8::1")).result == "pass"
    assert (await checked(prover, "2001:db9::1")).result == "fail"
    assert (await checked(prover, "::ffff:192.0.2.1")).result == "pass"


@pytest.mark.parametrize("sender", ["", "alice@localhost", "alice@[192.0.2.1]"])
async def test_there_is_nobody_to_ask(zone: NameServer, prover: Prover, sender: str) -> None:
    client = Client(host="192.0.2.1", peer="192.0.2.1:25")
    assert await prover.spf(client, sender) is None
    assert await prover.spf(Client(host="local", peer="local"), "alice@example.com") is None
    assert not zone.asked


async def test_ten_lookups_are_enough_for_anybody(zone: NameServer, prover: Prover) -> None:
    """RFC 7208 4.6.4."""
    for number in range(12):
        zone.add(f"{number}.example", "TXT", f"v=spf1 include:{number + 1}.example -all")
    zone.add("12.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    assert (await checked(prover, sender="alice@2.example")).result == "pass"
    zone.asked.clear()
    found = await checked(prover, sender="alice@1.example")
    assert found.result == "permerror"
    assert "Too many DNS lookups" in found.detail
    assert len(zone.asked) <= 11


async def test_two_names_that_are_not_there_are_enough(zone: NameServer, prover: Prover) -> None:
    """RFC 7208 4.6.4: void lookups."""
    zone.add("two.example", "TXT", "v=spf1 a:v1.example a:v2.example ip4:192.0.2.1 -all")
    zone.add("three.example", "TXT", "v=spf1 a:v1.example a:v2.example a:v3.example ip4:192.0.2.1 -all")
    assert (await checked(prover, sender="alice@two.example")).result == "pass"
    found = await checked(prover, sender="alice@three.example")
    assert found.result == "permerror"
    assert "Void lookup limit" in found.detail


async def test_more_than_ten_exchangers_are_too_many(zone: NameServer, prover: Prover) -> None:
    zone.add("example.com", "TXT", "v=spf1 mx -all")
    zone.add("example.com", "MX", *(f"10 mx{number}.example.com." for number in range(11)))
    assert (await checked(prover)).result == "permerror"


async def test_a_record_that_asks_for_much_has_its_time(zone: NameServer) -> None:
    """Ten lookups, each as slow as the DNS may be, do not hold a session longer than one mail may wait."""
    prover = Prover(Here(), Resolver(zone.resolvers, try_seconds=5, seconds=5), Clock(), seconds=0.5)
    zone.add("example.com", "TXT", f"v=spf1 {' '.join(f'a:{number}.slow.example' for number in range(10))} -all")
    for number in range(10):
        zone.slow(f"{number}.slow.example", 0.2)
        zone.add(f"{number}.slow.example", "A", "192.0.2.9")
    assert (await checked(prover)).result == "temperror"  # "fail", had it had the two seconds that it asks for
