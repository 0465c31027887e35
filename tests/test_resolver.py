"""The DNS as the gateway asks it, answered by a real name server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.resolver import MOST_OCTETS, MOST_RECORDS, Answer, Resolver
from tests.nameserver import Does, NameServer, serving


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with serving() as server:
        yield server


@pytest.fixture
def resolver(zone: NameServer) -> Resolver:
    return Resolver(zone.resolvers, try_seconds=0.1, seconds=0.4)


async def test_the_strings_of_a_txt_are_one_text(zone: NameServer, resolver: Resolver) -> None:
    text = "v=DKIM1; p=" + "A" * 500
    zone.add("s._domainkey.example.com", "TXT", text)
    assert await resolver.look_up("s._domainkey.EXAMPLE.com.", "TXT") == Answer((text,))


async def test_each_kind_of_record_is_text(zone: NameServer, resolver: Resolver) -> None:
    zone.add("example.com", "MX", "10 mx1.example.com.", "20 mx2.example.com.")
    zone.add("example.com", "AAAA", "2001:db8::1")
    zone.add("5.0.0.127.in-addr.arpa", "PTR", "host.example.com.")
    assert set((await resolver.look_up("example.com", "MX")).records) == {
        "10 mx1.example.com.",
        "20 mx2.example.com.",
    }
    assert (await resolver.look_up("example.com", "AAAA")).records == ("2001:db8::1",)
    assert (await resolver.look_up("5.0.0.127.in-addr.arpa", "PTR")).records == ("host.example.com.",)


async def test_aliases_are_followed(zone: NameServer, resolver: Resolver) -> None:
    zone.add("a.example", "CNAME", "b.example.")
    zone.add("b.example", "CNAME", "c.example.")
    zone.add("c.example", "TXT", "here")
    zone.add("nowhere.example", "CNAME", "gone.example.")
    assert await resolver.look_up("a.example", "TXT") == Answer(("here",))
    assert await resolver.look_up("nowhere.example", "TXT") == Answer()


async def test_a_ring_of_aliases_ends(zone: NameServer, resolver: Resolver) -> None:
    zone.add("a.example", "CNAME", "b.example.")
    zone.add("b.example", "CNAME", "a.example.")
    assert (await resolver.look_up("a.example", "TXT")).records == ()


async def test_what_is_not_there_is_an_answer(zone: NameServer, resolver: Resolver) -> None:
    zone.add("example.com", "A", "192.0.2.1")
    assert await resolver.look_up("nobody.example", "TXT") == Answer()
    assert await resolver.look_up("example.com", "TXT") == Answer()


@pytest.mark.parametrize("does", [Does.NOTHING, Does.SERVFAIL, Does.REFUSED, Does.WRONG_ID, Does.NONSENSE])
async def test_what_nobody_can_say_is_temporary(zone: NameServer, resolver: Resolver, does: Does) -> None:
    zone.add("example.com", "TXT", "here")
    zone.let("example.com", does)
    began = time.monotonic()
    assert await resolver.look_up("example.com", "TXT") == Answer(temporary=True)
    assert time.monotonic() - began < 5
    assert zone.number_of("example.com") < 10


async def test_an_answer_that_is_cut_is_had_over_tcp(zone: NameServer, resolver: Resolver) -> None:
    zone.add("example.com", "TXT", *(f"{number} {'x' * 200}" for number in range(20)))
    assert len((await resolver.look_up("example.com", "TXT")).records) == 20
    assert zone.asked == [("example.com", "TXT", "udp"), ("example.com", "TXT", "tcp")]


async def test_tcp_has_its_time_too(zone: NameServer, resolver: Resolver) -> None:
    zone.let("example.com", Does.CUT_AND_SILENT)
    assert await resolver.look_up("example.com", "TXT") == Answer(temporary=True)


async def test_a_slow_answer_is_waited_for_a_while(zone: NameServer, resolver: Resolver) -> None:
    zone.add("slow.example", "TXT", "at last")
    zone.slow("slow.example", 0.05)
    assert await resolver.look_up("slow.example", "TXT") == Answer(("at last",))


async def test_the_second_server_is_asked_where_the_first_is_silent(zone: NameServer) -> None:
    zone.add("example.com", "TXT", "here")
    async with serving() as silent:
        silent.let("example.com", Does.NOTHING)
        both = Resolver([*silent.resolvers, *zone.resolvers], try_seconds=0.1, seconds=1.0)
        assert await both.look_up("example.com", "TXT") == Answer(("here",))
        assert silent.number_of("example.com") == 1


async def test_an_answer_is_kept_for_its_time(zone: NameServer, resolver: Resolver) -> None:
    zone.add("example.com", "TXT", "here")
    await asyncio.gather(*(resolver.look_up("example.com", "TXT") for _ in range(3)))
    await resolver.look_up("example.com", "TXT")
    assert zone.number_of("example.com") <= 3
    zone.let("down.example", Does.SERVFAIL)
    assert (await resolver.look_up("down.example", "TXT")).temporary
    del zone.instead[next(iter(zone.instead))]
    zone.add("down.example", "TXT", "up again")
    assert await resolver.look_up("down.example", "TXT") == Answer(("up again",))


async def test_answers_are_bounded(zone: NameServer, resolver: Resolver) -> None:
    zone.add("many.example", "TXT", *(str(number) for number in range(MOST_RECORDS + 10)))
    zone.add("long.example", "TXT", "x" * (MOST_OCTETS + 1), "short")
    assert len((await resolver.look_up("many.example", "TXT")).records) == MOST_RECORDS
    assert await resolver.look_up("long.example", "TXT") == Answer(("short",))


@pytest.mark.parametrize("name", ["a..b", ".", "x" * 64 + ".example", "a." * 130 + "example", "\udcff.example", ""])
async def test_what_is_no_name_has_no_records(resolver: Resolver, name: str) -> None:
    assert (await resolver.look_up(name, "TXT")).records == ()


async def test_without_a_server_nobody_can_say() -> None:
    async with serving() as gone:
        resolver = Resolver(gone.resolvers, try_seconds=0.1, seconds=0.3)
    assert await resolver.look_up("example.com", "TXT") == Answer(temporary=True)
