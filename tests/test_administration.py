"""Administration without HTTP: what the command line uses; races of changes; who is told of them."""

import asyncio
from dataclasses import replace

import pytest

from gateway.accounts import KEY, Account, Faxbox, Number
from gateway.administration import MOST_ABOVE, Administration
from gateway.errors import BadField, Conflict, NotFound, NotPermitted
from gateway.ids import new_id
from gateway.store import accounts, tokens
from gateway.store.engine import Store
from gateway.store.wake import ACCOUNTS, Wake
from gateway.tokens import SCOPES, Tokens
from tests.conftest import MovedClock


@pytest.fixture
def administration(store: Store, wake: Wake, clock: MovedClock) -> Administration:
    return Administration(store, wake, clock)


async def account_of(administration: Administration, name: str = "alice") -> Account:
    account, _ = await administration.add_account(name, domains=[f"{name}.example"])
    return account


async def test_the_first_token_has_all_rights(administration: Administration, store: Store, clock: MovedClock) -> None:
    account, token = await administration.add_account("alice", domains=["B.example", "a.example"], country="us")
    async with store.read() as connection:
        assert await accounts.account(connection, account.id) == account
        known = await tokens.known(connection, token, clock.now())
    assert known is not None
    assert (known.account_id, known.scopes) == (account.id, SCOPES)
    assert account.domains == ("a.example", "b.example")


async def test_what_is_returned_is_what_is_stored(administration: Administration, store: Store) -> None:
    account = await account_of(administration)
    box = await administration.add_faxbox(
        account.id,
        "Box",
        numbers=["555 123 0001", "+15551230001", "+15551230002"],
        permits=["@example.com"],
        inbound_email=["in@example.com"],
        address_domain="fax@own.example",
        retries=0,
        t38=False,
        notifications={"inbound": {"sms": {"send_to": ["5551239999"]}, "callback": None}, "outbound": {}},
    )
    assert box.numbers == ("+15551230001", "+15551230002")
    assert (box.custom_address, box.address_domain) == ("fax@own.example", "own.example")
    assert box.notifications == {"inbound": {"sms": {"send_to": ["+15551239999"]}}}
    changed = await administration.change_faxbox(account.id, box.id, lambda one: replace(one, name=" Other "))
    assert changed == replace(box, name="Other", revision=2)
    async with store.read() as connection:
        assert await accounts.faxbox(connection, box.id) == changed


async def test_every_change_wakes_the_other_flows(administration: Administration, wake: Wake) -> None:
    woken = wake.event(ACCOUNTS)

    async def told() -> None:
        assert woken.is_set()
        woken.clear()

    account = await account_of(administration)
    await told()
    await administration.change_account(account.id, lambda one: replace(one, name="x"))
    await told()
    box = await administration.add_faxbox(account.id, "Box")
    await told()
    await administration.change_faxbox(account.id, box.id, lambda one: replace(one, name="x"))
    await told()
    await administration.add_number(account.id, "+15551230001", box.id)
    await told()
    await administration.bind_number(account.id, "+15551230001", lambda one: replace(one, faxbox_id=None))
    await told()
    await administration.release_number(account.id, "+15551230001", lambda _: None)
    await told()
    await administration.delete_faxbox(account.id, box.id, lambda _: None)
    await told()
    await administration.delete_account(account.id, lambda _: None)
    await told()


async def test_a_decision_that_refuses_changes_nothing(administration: Administration, store: Store) -> None:
    account = await account_of(administration)
    box = await administration.add_faxbox(account.id, "Box", numbers=["+15551230001"])

    def refuse(thing: Account | Faxbox | Number) -> None:
        raise Conflict("no")

    def never(thing: Account) -> Account:
        raise Conflict("no")

    for attempt in (
        administration.change_account(account.id, never),
        administration.delete_account(account.id, refuse),
        administration.delete_faxbox(account.id, box.id, refuse),
        administration.release_number(account.id, "+15551230001", refuse),
    ):
        with pytest.raises(Conflict, match="no"):
            await attempt
    async with store.read() as connection:
        assert await accounts.account(connection, account.id) == account
        assert await accounts.faxbox(connection, box.id) == box


async def test_no_change_is_lost(administration: Administration) -> None:
    """Each of many changes at once is decided on what the one before it has left."""
    account = await account_of(administration)
    box = await administration.add_faxbox(account.id, "x")

    def longer(one: Faxbox) -> Faxbox:
        return replace(one, name=f"{one.name}x")

    await asyncio.gather(*(administration.change_faxbox(account.id, box.id, longer) for _ in range(10)))
    last = await administration.change_faxbox(account.id, box.id, longer)
    assert (last.name, last.revision) == ("x" * 12, 12)


async def test_another_accounts_things_are_not_found(
    administration: Administration, store: Store, clock: MovedClock
) -> None:
    alice, bob = await account_of(administration), await account_of(administration, "bob")
    box = await administration.add_faxbox(alice.id, "Box", numbers=["+15551230001"])
    tokens = Tokens(store, clock)
    token, _ = await tokens.add(alice.id, "x", kind=KEY)
    for attempt in (
        administration.change_faxbox(bob.id, box.id, lambda one: one),
        administration.delete_faxbox(bob.id, box.id, lambda _: None),
        administration.bind_number(bob.id, "+15551230001", lambda one: one),
        administration.release_number(bob.id, "+15551230001", lambda _: None),
        tokens.revoke(bob.id, token.id, lambda _: None),
        administration.add_faxbox(new_id(), "Box"),
        tokens.add(new_id(), "x"),
        administration.add_number(new_id(), "+15551230009"),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(BadField):
        await administration.add_number(bob.id, "+15551230009", box.id)


async def test_the_closest_assigned_domain_decides(administration: Administration) -> None:
    """What is below Bob's domain is not Alice's, though it is below hers, too."""
    alice, _ = await administration.add_account("alice", domains=["corp.example"])
    bob, _ = await administration.add_account("bob", domains=["fax.corp.example"])
    await administration.add_faxbox(bob.id, "b", address_domain="x.fax.corp.example", superuser=False)
    for name, refusal in (
        ("y.fax.corp.example", NotPermitted),
        ("free.example", NotPermitted),
        ("fax.corp.example", Conflict),
    ):
        with pytest.raises(refusal):
            await administration.add_faxbox(alice.id, "a", address_domain=name, superuser=False)
    await administration.add_faxbox(alice.id, "a", address_domain="z.corp.example", superuser=False)


async def test_an_account_without_domains_has_no_generated_names(administration: Administration) -> None:
    account, _ = await administration.add_account("nobody")
    assert (await administration.add_faxbox(account.id, "x")).generated_domain == ""


async def test_accounts_are_nested_so_deep_and_no_deeper(administration: Administration) -> None:
    parent, _ = await administration.add_account("1")
    for number in range(2, MOST_ABOVE + 1):
        parent, _ = await administration.add_account(str(number), parent_id=parent.id)
    with pytest.raises(BadField, match="nested at most 32 deep"):
        await administration.add_account("one more", parent_id=parent.id)
