"""What becomes of a notice whose mail comes back; and the key that signs where it comes back to."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.store import keys, notices
from gateway.store.engine import Store
from gateway.store.notices import Notice
from tests.conftest import MovedClock
from tests.store.conftest import Seed

LEASE = timedelta(minutes=1)


async def sent(store: Store, seed: Seed, clock: MovedClock, *, way: str = notices.EMAIL) -> Notice:
    """A notice that is just being sent."""
    fax = await seed.fax(await seed.account())
    notice = notices.new(
        notices.RECEIPT, "bob@example.org", clock.now(), account_id=fax.account_id, fax_id=fax.id, way=way
    )
    async with store.begin() as connection:
        await connection.run_sync(notices.add, [notice])
        claimed = await notices.claim(connection, clock.now(), clock.now() + LEASE)
    assert claimed is not None
    return claimed


async def finish(store: Store, notice: Notice, clock: MovedClock, state: str = notices.SENT) -> None:
    async with store.begin() as connection:
        await notices.finish(connection, notice, state, "250 taken", clock.now())


async def bounce(store: Store, notice_id: str, clock: MovedClock) -> bool:
    return await store.commit(lambda connection: notices.bounced(connection, notice_id, "550 nobody", clock.now()))


async def known(store: Store, notice: Notice) -> Notice:
    async with store.read() as connection:
        return await notices.find(connection, notice.id, notice.account_id or "")


async def test_a_mail_that_comes_back_is_bounced(store: Store, seed: Seed, clock: MovedClock) -> None:
    notice = await sent(store, seed, clock)
    await finish(store, notice, clock)
    assert await bounce(store, notice.id, clock)
    assert not await bounce(store, notice.id, clock)  # it has been told of
    found = await known(store, notice)
    assert (found.state, found.answer, found.due_at) == ("bounced", "550 nobody", None)
    async with store.begin() as connection:
        again = await notices.again(connection, notice.id, notice.account_id or "", clock.now())
        assert again.state == "pending"
        assert not await connection.run_sync(lambda sync: notices.bounced(sync, notice.id, "late", clock.now()))
        claimed = await notices.claim(connection, clock.now(), clock.now() + LEASE)
    assert claimed is not None
    assert claimed.id == notice.id


async def test_a_bounce_may_come_before_the_relays_answer_is_written(
    store: Store, seed: Seed, clock: MovedClock
) -> None:
    notice = await sent(store, seed, clock)
    assert await bounce(store, notice.id, clock)
    await finish(store, notice, clock)
    assert (await known(store, notice)).state == "bounced"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_not_sent_does_not_come_back(store: Store, seed: Seed, clock: MovedClock) -> None:
    refused = await sent(store, seed, clock)
    await finish(store, refused, clock, notices.FAILED)
    texted = await sent(store, seed, clock, way=notices.SMS)
    await finish(store, texted, clock)
    for notice in (refused, texted):
        assert not await bounce(store, notice.id, clock)
    assert not await bounce(store, "0" * 32, clock)


async def test_a_key_is_made_once(store: Store) -> None:
    async def asked() -> bytes:
        async with store.begin() as connection:
            return await keys.key(connection, keys.BOUNCES)

    found = set(await asyncio.gather(*[asked() for _ in range(4)]))
    assert [len(key) for key in found] == [32]
    async with store.begin() as connection:
        assert await keys.key(connection, "another") not in found


async def test_only_what_has_a_place_is_claimed(store: Store, seed: Seed, clock: MovedClock) -> None:
    now, owner = clock.now(), (await seed.account()).id
    told = [
        notices.new(notices.OPERATOR_ALERT, "operator", now, way=notices.EMAIL),
        notices.new(notices.RECEIPT, "first", now + timedelta(seconds=1), account_id=owner, way=notices.EMAIL),
        notices.new(notices.RECEIPT, "program", now + timedelta(seconds=2), account_id=owner, way=notices.CALLBACK),
        notices.new(notices.RECEIPT, "tomorrow", now + timedelta(days=1), account_id=owner, way=notices.CALLBACK),
    ]
    then = now + timedelta(seconds=3)

    async def claimed(**places: Any) -> str | None:
        async with store.begin() as connection:
            found = await notices.claim(connection, then, then + LEASE, **places)
            return None if found is None else found.recipient

    async with store.begin() as connection:
        await connection.run_sync(notices.add, told)
    assert await claimed(ways=[notices.SMS]) is None
    assert await claimed(full=[(notices.EMAIL, None), (notices.EMAIL, owner), (notices.CALLBACK, owner)]) is None
    assert await claimed(full=[(notices.EMAIL, None), (notices.EMAIL, owner)]) == "program"
    assert await claimed(ways=[notices.EMAIL], full=[(notices.EMAIL, owner)]) == "operator"
    async with store.read() as connection:
        # "first" is due, and waits for a place.
        assert await notices.next_due(connection, then) == now + timedelta(days=1)
    assert await claimed() == "first"
