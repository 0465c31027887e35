"""What is remembered of a destination, on both databases."""

from datetime import timedelta

from gateway.fax import Means
from gateway.means import REMEMBERED_FOR, Remembered
from gateway.store import accounts, destinations
from gateway.store.engine import Store
from tests.conftest import MovedClock
from tests.store.conftest import Seed

NUMBER = "+12025550190"
SLOW, AUDIO = Means(v17=False, t38=True), Means(v17=True, t38=False)


async def test_the_last_is_remembered_of_each_account_by_itself(store: Store, clock: MovedClock, seed: Seed) -> None:
    one, other = await seed.account(), await seed.account()
    now = clock.now()
    async with store.begin() as connection:
        await destinations.remember(connection, one.id, NUMBER, Remembered(SLOW, now - timedelta(days=1)))
        await destinations.remember(connection, one.id, NUMBER, Remembered(AUDIO, now))
    async with store.read() as connection:
        assert await destinations.find(connection, one.id, NUMBER) == Remembered(AUDIO, now)
        assert await destinations.find(connection, one.id, "+12025550191") is None
        assert await destinations.find(connection, other.id, NUMBER) is None


async def test_it_is_forgotten(store: Store, clock: MovedClock, seed: Seed) -> None:
    one, other = await seed.account(), await seed.account()
    async with store.begin() as connection:
        for account in (one, other):
            await destinations.remember(connection, account.id, NUMBER, Remembered(SLOW, clock.now()))
        await destinations.remember(connection, one.id, NUMBER, None)
        assert await destinations.find(connection, one.id, NUMBER) is None
        assert await destinations.find(connection, other.id, NUMBER) is not None
        await accounts.delete_account(connection, other.id)
        assert await destinations.find(connection, other.id, NUMBER) is None


async def test_what_is_not_used_any_more_is_removed(store: Store, clock: MovedClock, seed: Seed) -> None:
    account, now = await seed.account(), clock.now()
    async with store.begin() as connection:
        await destinations.remember(connection, account.id, "+1", Remembered(SLOW, now - REMEMBERED_FOR))
        fresh = Remembered(SLOW, now - REMEMBERED_FOR + timedelta(seconds=1))
        await destinations.remember(connection, account.id, "+2", fresh)
        await destinations.prune(connection, now)
        assert await destinations.find(connection, account.id, "+1") is None
        assert await destinations.find(connection, account.id, "+2") == fresh
