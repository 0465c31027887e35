"""A call that goes on while its gateway is dead: whoever takes the fax over follows it, as if it were his own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email.message import EmailMessage

import pytest

from gateway.audit import OPERATOR
from gateway.fax import CallResult, Fax, Progress, Status
from gateway.outbound.cancel import cancel
from gateway.ports import CallRecord, CallState
from tests.stories.conftest import House
from tests.stories.test_after_a_crash import RESULT, orphan

CUT = replace(RESULT, success=False, pages=1, result_code=49)


@dataclass
class Survivor:
    """A call that lives on the line, and whose end the test decides."""

    house: House
    fax: Fax
    end: "asyncio.Future[CallResult]"

    async def fax_now(self) -> Fax:
        [fax] = await self.house.faxes()
        return fax

    async def is_followed(self, times: int = 1) -> None:
        async def followed() -> bool | None:
            return True if len(self.house.line.follows) == times else None

        await self.house.until(followed, f"the call to be followed {times} times")


@pytest.fixture
async def survivor(house: House, letter: EmailMessage) -> AsyncIterator[Survivor]:
    house.line.settled = CallRecord(CallState.LIVE)
    house.line.followed = end = asyncio.get_running_loop().create_future()
    survivor = Survivor(house, await orphan(house, letter), end)
    await house.later(seconds=30)
    yield survivor
    if not end.done():
        end.set_result(RESULT)


async def test_it_is_followed_with_its_progress_and_concluded(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    [*_, (call_id, pages)] = house.line.follows
    assert pages == 2
    house.line.tell(Progress(call_id=call_id, stage="page", page=1, pages=2, rate=9600))

    async def seen() -> bool | None:
        fax = await survivor.fax_now()
        return True if fax.progress is not None and fax.progress.stage == "page" else None

    await house.until(seen, "the page")
    survivor.end.set_result(RESULT)
    fax = await house.fax(Status.COMPLETED)
    assert fax.result is not None
    assert fax.result.rate == 9600
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "completed"]
    assert fax.tries == 2
    assert house.line.asked == 1


async def test_the_claim_is_kept_however_long_it_takes(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    for _ in range(8):  # twice the lease and more
        before = (await survivor.fax_now()).lease_until
        await house.later(seconds=5)

        async def renewed(before: object = before) -> bool | None:
            return True if (await survivor.fax_now()).lease_until != before else None

        await house.until(renewed, "the lease to be renewed")
    assert (house.line.asked, len(house.line.follows)) == (1, 1)


async def test_a_call_that_broke_is_followed_by_another_call(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    survivor.end.set_result(CUT)

    async def over() -> bool | None:
        return True if (await survivor.fax_now()).tries == 2 else None

    await house.until(over, "the end of the call")
    fax = await survivor.fax_now()
    assert (fax.status, fax.error) == (Status.PENDING, "The call was cut off after page 1 of 2.")
    await house.later(seconds=60)
    fax = await house.fax(Status.COMPLETED)
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "failed", "completed"]


async def hung_up(survivor: Survivor, result: CallResult) -> None:
    """The line has been asked to hang up, which ends the call so."""
    asked = asyncio.Event()

    async def hang_up(call_id: str) -> None:
        assert (call_id, 2) in survivor.house.line.follows
        asked.set()
        survivor.end.set_result(result)

    survivor.house.line.hang_up = hang_up  # type: ignore[method-assign]
    await asyncio.wait_for(asked.wait(), 30)


async def test_it_is_hung_up_where_the_fax_is_cancelled(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    hanging_up = asyncio.create_task(hung_up(survivor, CUT))
    await cancel(house.app.store, house.app.wake, house.clock, house.account.id, survivor.fax.id, OPERATOR)
    await hanging_up
    fax = await house.fax(Status.CANCELLED)
    assert [call.outcome for call in await house.calls(fax)] == ["failed", "cancelled"]


async def test_a_gateway_that_stops_hangs_it_up_like_a_call_of_its_own(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    hanging_up = asyncio.create_task(hung_up(survivor, CUT))
    await asyncio.sleep(0)
    draining = asyncio.create_task(house.app.drain())
    done, _ = await asyncio.wait([draining], timeout=0.3)
    assert not done  # it waits for the call
    await house.app.hang_up()
    await hanging_up
    await asyncio.wait_for(draining, 10)
    fax = await survivor.fax_now()
    assert (fax.status, fax.error) == (Status.PENDING, "The gateway was stopped.")
    assert fax.tries == 1  # which the busy line used up


async def test_where_it_cannot_be_followed_the_line_is_asked_once_more(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    house.line.settled = CallRecord(CallState.ENDED, RESULT)
    survivor.end.set_exception(ConnectionError("the line has lost sight of it"))
    fax = await house.fax(Status.COMPLETED)
    assert house.line.asked == 2
    assert len(await house.calls(fax)) == 2


async def test_a_call_that_lives_and_cannot_be_followed_is_left_until_the_lease_is_out(survivor: Survivor) -> None:
    house = survivor.house
    await survivor.is_followed()
    house.line.followed = asyncio.get_running_loop().create_future()
    survivor.end.set_exception(ConnectionError("the line has lost sight of it"))

    async def asked_again() -> bool | None:
        return True if house.line.asked == 2 else None

    await house.until(asked_again, "the line to be asked once more")
    assert (await survivor.fax_now()).status is Status.PROCESSING
    assert len(house.line.follows) == 1
    await house.later(seconds=30)
    await survivor.is_followed(times=2)
    house.line.followed.set_result(RESULT)
    fax = await house.fax(Status.COMPLETED)
    assert len(await house.calls(fax)) == 2


async def test_a_call_that_resumed_a_fax_is_followed_for_the_pages_that_it_sends(
    house: House, letter: EmailMessage
) -> None:
    house.line.settled = CallRecord(CallState.LIVE)
    house.line.followed = end = asyncio.get_running_loop().create_future()
    survivor = Survivor(house, await orphan(house, letter, first_page=2), end)
    await house.later(seconds=30)
    await survivor.is_followed()
    assert [pages for _, pages in house.line.follows] == [1]
    end.set_result(replace(RESULT, pages=1, total_pages=1))
    fax = await house.fax(Status.COMPLETED)
    assert fax.result is not None
    assert (fax.result.pages, fax.result.total_pages) == (2, 2)


async def test_a_line_that_cannot_be_reached_is_asked_again(house: House, letter: EmailMessage) -> None:
    house.line.settled = CallRecord(CallState.UNREACHABLE)
    await orphan(house, letter)
    for times in (1, 2):
        await house.later(seconds=30)

        async def asked(times: int = times) -> bool | None:
            return True if house.line.asked == times else None

        await house.until(asked, "the line to be asked")
        [fax] = await house.faxes()
        assert fax.status is Status.PROCESSING
    # Nothing is dialled meanwhile, and the line keeps what it knows.
    assert (house.line.calls, len(house.line.forgotten)) == (1, 1)
    house.line.settled = CallRecord(CallState.ENDED, RESULT)
    await house.later(seconds=30)
    fax = await house.fax(Status.COMPLETED)
    assert len(await house.calls(fax)) == 2
