"""Two hundred calls at once, each with an end of its own: none is lost, none is taken for another."""

import asyncio

from gateway.fax import CallResult, Progress
from tests.lines.bench import until
from tests.lines.freeswitch.bench import opened
from tests.lines.freeswitch.conftest import OpenLine
from tests.lines.freeswitch.originate import Originate
from tests.lines.freeswitch.play import Play
from tests.lines.freeswitch.switch import Switch

CALLS = 200

ENDS = (
    ("success_1page_sofia_audio", 1, (True, 1, 0, 16)),
    ("success_3pages_ecm", 3, (True, 3, 0, 16)),
    ("busy_sofia", 1, (False, 0, None, 17)),
    ("t38_success_receiver_reinvite", 1, (True, 1, 0, 16)),
    ("remote_hangup_mid_page1", 3, (False, 0, 49, 16)),
    ("unallocated_sofia", 1, (False, 0, None, 1)),
    ("uuid_kill_mid_transfer", 1, (False, 0, 49, 16)),
    ("trunk_dead_port", 1, (False, 0, None, 41)),
)


def _end(number: str) -> tuple[str, int, tuple[bool, int, int | None, int]]:
    return ENDS[int(number) % len(ENDS)]


def _script(made: Originate) -> Play:
    return Play(_end(made.number)[0])


async def test_two_hundred_calls_at_once(open_line: OpenLine, switch: Switch) -> None:
    switch.script, switch.pace = _script, 0.02
    async with open_line(f"&channels={CALLS}") as bench:
        heard: dict[str, list[Progress]] = {}

        async def call(place: int) -> tuple[str, str, CallResult]:
            number = f"+1555{place:07}"
            placed = bench.order(_end(number)[1], number=number)
            told = heard.setdefault(placed.call_id, [])
            return number, placed.call_id, await bench.line.call(placed, told.append)

        results = await asyncio.gather(*(call(place) for place in range(CALLS)))
        for number, call_id, result in results:
            name, _, expected = _end(number)
            assert (result.success, result.pages, result.result_code, result.cause) == expected, name
            assert {one.call_id for one in heard[call_id]} <= {call_id}
            assert [one.page for one in heard[call_id] if one.stage == "page"] == list(range(1, expected[1] + 1)), name
        assert len(switch.originates) == CALLS
        assert len({made.uuid for made in switch.originates}) == CALLS
        assert bench.line.status().active == 0


async def test_calls_and_connections_at_once(open_line: OpenLine, switch: Switch) -> None:
    """The event socket breaks again and again while fifty calls run: each has its one end."""
    switch.script, switch.pace = lambda _: Play("success_1page_sofia_audio"), 0.05
    async with open_line("&channels=50") as bench:
        switch.cdr_directory = bench.spool / "cdr"
        sending = asyncio.gather(*(bench.send() for _ in range(50)))
        await until(lambda: len(switch.originates) == 50)
        for _ in range(6):
            await asyncio.sleep(0.2)
            await switch.drop()
        results = await asyncio.wait_for(sending, 60)
        assert {result.success for result in results} == {True}
        assert len(switch.originates) == 50


async def test_two_nodes_are_two_lines(switch: Switch, open_line: OpenLine) -> None:
    async with (
        Switch(pace=0.005) as other,
        open_line() as one,
        opened(other, one.spool, one.image, "&name=other") as two,
    ):
        assert (await one.send()).success
        assert (await two.send()).success
        assert (len(switch.originates), len(other.originates)) == (1, 1)
        await other.kill()
        assert (await one.send()).success
        assert two.line.status().free == 0
