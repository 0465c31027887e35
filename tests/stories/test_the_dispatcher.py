"""What falls due is dialled when it falls due."""

from datetime import datetime, timedelta

from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.store import faxes
from tests.conftest import MovedClock
from tests.stories.conftest import FAX_MACHINE, House


class Ticking(MovedClock):
    """A second goes by whenever it is looked at."""

    def now(self) -> datetime:
        self._ahead += timedelta(seconds=1)
        return super().now()


async def test_a_fax_that_falls_due_while_it_is_looked_for_is_not_left_for_later(house: House) -> None:
    dispatcher = house.app._dispatcher
    assert dispatcher is not None
    await dispatcher.drain()
    dispatcher._draining, dispatcher._clock = False, Ticking()
    now = house.clock.now()
    fax = Fax(
        id=new_id(),
        account_id=house.account.id,
        faxbox_id=house.alice.id,
        direction=Direction.OUTBOUND,
        status=Status.PENDING,
        created_at=now,
        updated_at=now,
        due_at=now + timedelta(seconds=1.9),
        destination=FAX_MACHINE,
    )
    async with house.app.store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
    assert await dispatcher._dial_due() == fax.due_at
