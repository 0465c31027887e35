"""Which faxes it is told of that they take long, and once."""

import asyncio
from datetime import timedelta

import pytest

from gateway.accounts import Faxbox
from gateway.fax import DsnRequest, Fax, Status
from gateway.ids import new_id
from gateway.lateness import tell_of_late
from gateway.store import accounts, faxes, notices
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.conftest import MovedClock
from tests.store.conftest import Seed

HOUR = timedelta(hours=1)


async def told_of(store: Store, fax: Fax) -> list[tuple[str, str, str]]:
    async with store.read() as connection:
        return sorted((one.kind, one.way, one.recipient) for one in await notices.of_fax(connection, fax.id))


async def test_a_fax_is_told_of_once_and_not_too_early(store: Store, seed: Seed, wake: Wake, clock: MovedClock) -> None:
    account = await seed.account()
    waits = await seed.fax(account, sender="alice@example.com")
    prepares = await seed.fax(account, sender="bob@example.com", status=Status.ATTACHING_FILES)
    called = await seed.fax(account, sender="carol@example.com", status=Status.PROCESSING, claim_token="c")
    clock.advance(HOUR - timedelta(minutes=1))
    assert await tell_of_late(store, wake, clock, HOUR) == 0
    clock.advance(timedelta(minutes=2))
    assert await tell_of_late(store, wake, clock, HOUR) == 3
    assert await tell_of_late(store, wake, clock, HOUR) == 0
    for fax in (waits, prepares, called):
        assert await told_of(store, fax) == [("still_trying", "email", fax.sender)]
    async with store.read() as connection:
        known = await faxes.find(connection, called.id)
    # Whoever has it now is not disturbed.
    assert (known.claim_token, known.revision) == ("c", called.revision)
    assert known.told_late_at is not None


async def test_two_gateways_tell_once(store: Store, seed: Seed, wake: Wake, clock: MovedClock) -> None:
    account = await seed.account()
    waiting = [await seed.fax(account, sender="alice@example.com") for _ in range(5)]
    clock.advance(2 * HOUR)
    told = await asyncio.gather(*[tell_of_late(store, wake, clock, HOUR) for _ in range(4)])
    assert sum(told) <= 5
    await tell_of_late(store, wake, clock, HOUR)
    assert [len(await told_of(store, fax)) for fax in waiting] == [1] * 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_fax_for_later_is_waited_for_from_then_on(
    store: Store, seed: Seed, wake: Wake, clock: MovedClock
) -> None:
    account = await seed.account()
    await seed.fax(account, sender="alice@example.com", send_at=clock.now() + 5 * HOUR)
    clock.advance(5.5 * HOUR)
    assert await tell_of_late(store, wake, clock, HOUR) == 0
    clock.advance(HOUR)
    assert await tell_of_late(store, wake, clock, HOUR) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_nobody_waits_for_is_not_told_of(store: Store, seed: Seed, wake: Wake, clock: MovedClock) -> None:
    account = await seed.account()
    for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
        await seed.fax(account, sender="alice@example.com", status=status, due_at=None)
    await seed.fax(account, sender="alice@example.com", status=Status.PROCESSING, cancel_requested=True)
    clock.advance(2 * HOUR)
    assert await tell_of_late(store, wake, clock, HOUR) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("notify", "sender"), [((), "still_trying"), (("DELAY",), "dsn_delayed"), (("SUCCESS", "FAILURE"), None)]
)
async def test_who_is_told(
    store: Store, seed: Seed, wake: Wake, clock: MovedClock, notify: tuple[str, ...], sender: str | None
) -> None:
    """Mails to the sender, the box's people and whom the order has named; no SMS, no callback."""
    account = await seed.account()
    ways: dict[str, object] = {
        "outbound": {"sms": {"send_to": ["+12025550111"]}, "callback": {"url": "https://x.example/"}}
    }
    box = Faxbox(
        id=new_id(),
        account_id=account.id,
        name="Box",
        created_at=clock.now(),
        outbound_email=("desk@example.com",),
        notifications=ways,
    )
    async with store.begin() as connection:
        await accounts.add_faxbox(connection, box)
    fax = await seed.fax(
        account,
        faxbox_id=box.id,
        sender="alice@example.com",
        dsn=DsnRequest(notify=notify, recipient="1@fax.example.com"),
        notifications={"email": {"send_to": "boss@example.com"}, "sms": {"send_to": "+12025550112"}},
    )
    clock.advance(2 * HOUR)
    assert await tell_of_late(store, wake, clock, HOUR) == 1
    others = [("still_trying", "email", "boss@example.com"), ("still_trying", "email", "desk@example.com")]
    assert await told_of(store, fax) == sorted([*others, *([(sender, "email", "alice@example.com")] if sender else [])])
