"""An operator takes a line out of work without cutting a call, and puts it back."""

import asyncio
from email.message import EmailMessage

import pytest

from gateway.app import App
from gateway.desk import Desk
from gateway.fax import Direction, Progress, Status
from gateway.store import lines
from gateway.store.wake import Wake
from tests.stories.conftest import FAX_MACHINE, House, scripted

BOBS = "+12025550102"


@pytest.fixture
def desk(house: House) -> Desk:
    """The operator's, in another process."""
    return Desk(house.app.store, Wake(house.app.settings.database), house.app.documents, house.clock)


NAMES = ("loopback", "spare")


async def test_a_drained_line_gets_no_more_faxes_and_another_takes_them(
    house: House, desk: Desk, letter: EmailMessage
) -> None:
    await desk.drain("loopback", NAMES)
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)
    assert [call.line for call in await house.calls(fax)] == ["spare"]


async def test_when_all_lines_are_drained_faxes_wait_until_one_is_resumed(
    house: House, desk: Desk, letter: EmailMessage
) -> None:
    for name in NAMES:
        await desk.drain(name, NAMES)
    await house.send(letter, FAX_MACHINE)

    async def ready() -> bool | None:
        return True if [fax.status for fax in await house.faxes()] == [Status.PENDING] else None

    await house.until(ready, "a fax that is ready")
    await asyncio.sleep(0.3)
    assert (house.line.calls, house.spare.calls) == (0, 0)
    await desk.wake.start()
    await desk.resume("spare", NAMES)
    async with asyncio.timeout(15):  # woken, and not found by chance at the next look
        fax = await house.fax(Status.COMPLETED)
    assert [call.line for call in await house.calls(fax)] == ["spare"]
    await desk.wake.stop()


@pytest.mark.parametrize("lines_url", ["loopback://?pace=realtime"], indirect=True)
async def test_a_call_that_runs_goes_on_and_calls_that_come_in_are_taken(
    house: House, desk: Desk, letter: EmailMessage
) -> None:
    await house.send(letter, BOBS)  # which comes in on the same line

    async def runs() -> bool | None:
        [fax] = await house.faxes()
        return True if fax.progress is not None and fax.progress.stage == "answered" else None

    await house.until(runs, "the call")
    [shown, _] = await desk.lines(NAMES)
    assert (shown["draining"], shown["calls"]) == (False, 1)
    shown = await desk.drain("loopback", NAMES)
    assert (shown["draining"], shown["calls"]) == (True, 1)
    await asyncio.sleep(0.3)
    assert [fax.status for fax in await house.faxes()] == [Status.PROCESSING]
    assert [fax.status for fax in await house.faxes(Direction.INBOUND)] == [Status.RECEIVING]


async def test_two_gateways_share_the_channels_of_a_line(house: House, letter: EmailMessage) -> None:
    """Both have the line "spare", which carries one call at a time; the other gateway's is its own way to the trunk."""
    ours, theirs = house.spare, scripted("loopback://?channels=1", house.app.settings.data_dir / "theirs")
    theirs.name = "spare"
    house.line.held = True
    other = App(house.app.settings, roles=["worker"], clock=house.clock, lines=[theirs])
    await other.start()
    at_a_time: list[int] = []
    busy = 0

    def watched(line: object) -> None:
        call = line.call  # type: ignore[attr-defined]

        async def counted(order: object, progress: Progress) -> object:
            nonlocal busy
            busy += 1
            at_a_time.append(busy)
            try:
                return await call(order, progress)
            finally:
                busy -= 1

        line.call = counted  # type: ignore[attr-defined]

    for line in (ours, theirs):
        watched(line)
    await house.send(letter, *(f"+1202555019{number}" for number in (0, 8, 1, 4)))

    async def over() -> bool | None:
        return True if [fax.attempts for fax in await house.faxes()] == [1] * 4 else None

    try:
        await house.until(over, "four calls")
        await house.until(lambda: _idle(house), "the end of the last")
    finally:
        await other.stop()
    assert len(at_a_time) == 4
    assert max(at_a_time) == 1


async def _idle(house: House) -> bool | None:
    async with house.app.store.read() as connection:
        return True if (await lines.under_way(connection, ["spare"]))["spare"] == 0 else None
