"""A program that is called back and hangs holds up neither other ways of telling nor other accounts."""

from dataclasses import dataclass, field

from gateway.accounts import Account
from gateway.administration import Administration
from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.places import PLACES
from gateway.store import faxes, notices
from gateway.store.notices import CALLBACK, EMAIL, Notice
from gateway.store.wake import NOTICES
from tests.notices.receiver import receiving
from tests.stories.conftest import House


@dataclass
class Tenant:
    """An account, and a fax of it that there is something to tell of."""

    house: House
    account: Account
    told: list[Notice] = field(default_factory=list)

    async def tell(self, way: str, recipient: str, count: int = 1) -> None:
        now, owner = self.house.clock.now(), self.account.id
        fax = Fax(
            id=new_id(),
            account_id=owner,
            faxbox_id=None,
            direction=Direction.OUTBOUND,
            status=Status.COMPLETED,
            created_at=now,
            updated_at=now,
        )
        told = [
            notices.new(notices.FAILURE, recipient, now, account_id=owner, fax_id=fax.id, way=way) for _ in range(count)
        ]
        async with self.house.app.store.begin() as connection:
            await connection.run_sync(faxes.add, [fax])
            await connection.run_sync(notices.add, told)
        self.told += told
        await self.house.app.wake.notify(NOTICES)

    async def all_told(self, *, but: str = "") -> None:
        """Wait until everybody is, `but` this one."""

        async def told() -> bool | None:
            async with self.house.app.store.read() as connection:
                found = [await notices.find(connection, one.id, self.account.id) for one in self.told]
            return {one.state for one in found if one.recipient != but} == {notices.SENT} or None

        await self.house.until(told, "everybody told")


async def test_a_program_that_hangs_holds_up_nobody_else(house: House) -> None:
    administration = Administration(house.app.store, house.app.wake, house.clock)
    one, two = Tenant(house, house.account), Tenant(house, (await administration.add_account("Another"))[0])
    async with receiving() as slow, receiving() as quick:
        slow.answering.clear()
        await one.tell(CALLBACK, slow.url, 20)
        await one.tell(EMAIL, "one@example.com")
        await two.tell(CALLBACK, quick.url, 3)
        await two.tell(EMAIL, "two@example.com")
        await two.all_told()
        await one.all_told(but=slow.url)
        assert len(slow.got) == PLACES[CALLBACK] // 2
        # The others have only waited for a place, and no time need pass.
        slow.answering.set()
        await one.all_told()
    assert (len(slow.got), len(quick.got)) == (20, 3)
