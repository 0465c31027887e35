"""What has been spent, on both databases: who pays, what is refused, what two processes do at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from gateway.accounts import Account
from gateway.errors import Unavailable
from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.spending import LimitPassed
from gateway.store import accounts, faxes, ledger
from gateway.store.engine import Store
from gateway.store.ledger import Ledger
from tests.conftest import MovedClock
from tests.store.conftest import Seed

PER_DAY = {"faxes": {"day": 2}}


def fax_of(account: Account, clock: MovedClock, number: str = "+12025550190", sender: str = "", pages: int = 0) -> Fax:
    return Fax(
        id=new_id(),
        account_id=account.id,
        faxbox_id=None,
        direction=Direction.OUTBOUND,
        status=Status.PENDING,
        created_at=clock.now(),
        updated_at=clock.now(),
        destination=number,
        sender=sender,
        pages=pages,
    )


async def limit(store: Store, account: Account, **fields: object) -> Account:
    limited = replace(account, **fields)  # type: ignore[arg-type]
    async with store.begin() as connection:
        await accounts.change_account(connection, account, limited)
    return limited


async def enter(store: Store, clock: MovedClock, *faxes: Fax, spender: str = "") -> None:
    def work(connection: Connection) -> None:
        Ledger(connection, {(fax.account_id, fax.faxbox_id) for fax in faxes}, clock.now()).enter(
            faxes, spender=spender
        )

    await store.commit(work)


async def test_a_window_slides(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await limit(store, await seed.account(), limits=PER_DAY)
    await enter(store, clock, fax_of(account, clock))
    clock.advance(timedelta(hours=10))
    await enter(store, clock, fax_of(account, clock))
    with pytest.raises(LimitPassed) as caught:
        await enter(store, clock, fax_of(account, clock))
    assert timedelta(hours=13.9) < caught.value.room_in <= timedelta(hours=14)
    clock.advance(timedelta(hours=14))
    await enter(store, clock, fax_of(account, clock))
    with pytest.raises(LimitPassed):
        await enter(store, clock, fax_of(account, clock))


@pytest.mark.parametrize(("window", "seconds"), [("minute", 60), ("hour", 3600), ("day", 86400)])
async def test_how_far_a_limit_looks_back(
    store: Store, clock: MovedClock, seed: Seed, window: str, seconds: int
) -> None:
    account = await limit(store, await seed.account(), limits={"faxes": {window: 1}})
    await enter(store, clock, fax_of(account, clock))
    clock.advance(timedelta(seconds=seconds - 1))
    with pytest.raises(LimitPassed):
        await enter(store, clock, fax_of(account, clock))
    clock.advance(timedelta(seconds=1))
    await enter(store, clock, fax_of(account, clock))


async def test_what_is_refused_is_not_entered(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await limit(store, await seed.account(), limits=PER_DAY)
    with pytest.raises(LimitPassed) as caught:
        await enter(store, clock, *(fax_of(account, clock) for _ in range(3)))
    assert caught.value.excess.hopeless
    await enter(store, clock, *(fax_of(account, clock) for _ in range(2)))


async def test_what_a_child_sends_counts_for_those_above(store: Store, clock: MovedClock, seed: Seed) -> None:
    top = await limit(store, await seed.account(), limits=PER_DAY)
    children = [await limit(store, await seed.account(), parent_id=top.id) for _ in range(3)]
    for child in children[:2]:
        await enter(store, clock, fax_of(child, clock))
    with pytest.raises(LimitPassed) as caught:
        await enter(store, clock, fax_of(children[2], clock))
    assert caught.value.excess.scope.id == top.id
    async with store.begin() as connection:
        for child in children[:2]:
            await accounts.delete_account(connection, child.id)
    with pytest.raises(LimitPassed):  # to delete what has spent makes no room
        await enter(store, clock, fax_of(children[2], clock))


async def test_each_sender_has_a_limit_however_he_writes_himself(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await limit(store, await seed.account(), sender_limits={"destinations": {"hour": 1}})
    await enter(store, clock, fax_of(account, clock, sender="a@b.example"))
    await enter(store, clock, fax_of(account, clock, sender="A@b.example"))
    await enter(store, clock, fax_of(account, clock, "+12025550191", sender="c@b.example"))
    with pytest.raises(LimitPassed):
        await enter(store, clock, fax_of(account, clock, "+12025550191", sender="A@B.example"))
    await enter(store, clock, fax_of(account, clock, "+12025550192"))


async def test_who_is_told_of_nothing_spends_all_the_same(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await limit(store, await seed.account(), sender_limits={"pages": {"hour": 3}})
    fetched = fax_of(account, clock)
    await enter(store, clock, fetched, spender="Front-desk")
    async with store.begin() as connection:
        with pytest.raises(LimitPassed):
            await connection.run_sync(ledger.settle, fetched, 4, clock.now())
    await enter(store, clock, fax_of(account, clock, pages=3), spender="other")
    with pytest.raises(LimitPassed):
        await enter(store, clock, fax_of(account, clock, pages=1), spender="other")


async def test_pages_count_when_they_are_known(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await limit(store, await seed.account(), limits={"pages": {"minute": 10}})
    first, second = fax_of(account, clock, pages=2), fax_of(account, clock)
    await enter(store, clock, first, second)
    async with store.begin() as connection:
        await connection.run_sync(ledger.settle, first, 4, clock.now())
    async with store.begin() as connection:
        with pytest.raises(LimitPassed):
            await connection.run_sync(ledger.settle, second, 7, clock.now())
    async with store.begin() as connection:
        await connection.run_sync(ledger.settle, second, 6, clock.now())
    with pytest.raises(LimitPassed):
        await enter(store, clock, fax_of(account, clock, pages=1))


async def test_of_many_that_come_at_once_only_so_many_are_taken(
    store: Store, database_url: str, clock: MovedClock, seed: Seed
) -> None:
    top = await limit(store, await seed.account(), limits={"faxes": {"day": 3}})
    children = [await limit(store, await seed.account(), parent_id=top.id) for _ in range(2)]
    others = [await Store.open(database_url) for _ in range(2)]
    try:
        tried = await asyncio.gather(
            *(enter(others[n % 2], clock, fax_of(children[n % 2], clock)) for n in range(10)), return_exceptions=True
        )
    finally:
        for other in others:
            await other.close()
    assert sum(one is None for one in tried) == 3
    assert sum(isinstance(one, LimitPassed) for one in tried) == 7


async def test_nothing_is_entered_for_who_has_been_deleted(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    fax = fax_of(account, clock)
    with pytest.raises(Unavailable):
        await enter(store, clock, replace(fax, faxbox_id=new_id()))
    async with store.begin() as connection:
        await accounts.delete_account(connection, account.id)
    with pytest.raises(Unavailable):
        await enter(store, clock, fax)


async def test_who_pays_is_there_until_the_fax_is_stored(
    store: Store, database_url: str, clock: MovedClock, seed: Seed
) -> None:
    account, other = await seed.account(), await Store.open(database_url)

    async def deleted() -> None:
        async with other.begin() as connection:
            await accounts.account(connection, account.id, lock=True)
            assert await accounts.busy(connection, account_id=account.id)

    fax = fax_of(account, clock)
    try:
        async with store.begin() as connection:
            await connection.run_sync(lambda bare: Ledger(bare, [(account.id, None)], clock.now()).enter([fax]))
            deleting = asyncio.create_task(deleted())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(deleting), 0.2)
            await connection.run_sync(faxes.add, [fax])
        await deleting
    finally:
        await other.close()


async def test_what_no_limit_looks_back_to_goes(store: Store, clock: MovedClock, seed: Seed) -> None:
    account = await seed.account()
    await enter(store, clock, fax_of(account, clock))
    limited = await limit(store, account, limits={"faxes": {"day": 1}})
    async with store.begin() as connection:
        await connection.run_sync(ledger.prune, clock.now() + timedelta(days=1))
    with pytest.raises(LimitPassed):  # what was spent before there was a limit counts too
        await enter(store, clock, fax_of(limited, clock))
    async with store.begin() as connection:
        await connection.run_sync(ledger.prune, clock.now() + timedelta(days=2))
    await enter(store, clock, fax_of(limited, clock))
