"""Credentials: made, changed and deleted, also on the command line; their passwords."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway import passwords
from gateway.administration import Administration
from gateway.credentials import MOST_PEERS, Credentials
from gateway.errors import BadField, Conflict, NotFound
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.commands import run
from tests.conftest import MovedClock

GIVEN = "correct horse battery"


@pytest.fixture
def credentials(store: Store, clock: MovedClock) -> Credentials:
    return Credentials(store, clock)


@pytest.fixture
async def account_id(store: Store, wake: Wake, clock: MovedClock) -> str:
    return (await Administration(store, wake, clock).add_account("alice"))[0].id


async def test_a_credential_is_known_by_its_name_and_password(credentials: Credentials, account_id: str) -> None:
    made, secret = await credentials.add(account_id, "Scanner@Example.com")
    assert made.name == "scanner@example.com"
    known = await credentials.known("scanner@example.com")
    assert known is not None
    assert known.credential == made
    assert known.hash.startswith("$argon2id$")
    assert secret not in known.hash
    assert await passwords.matches(secret, known.hash)
    assert not await passwords.matches(secret[:-1], known.hash)
    assert not await passwords.matches(secret, "no hash")
    assert await credentials.known("nobody") is None


async def test_a_name_is_taken_whatever_its_case_and_account(
    credentials: Credentials, account_id: str, store: Store, wake: Wake, clock: MovedClock
) -> None:
    other = (await Administration(store, wake, clock).add_account("bob"))[0].id
    await credentials.add(account_id, "müller")
    with pytest.raises(Conflict):
        await credentials.add(other, "MU\N{COMBINING DIAERESIS}LLER")


async def test_another_password_ends_the_one_before(credentials: Credentials, account_id: str) -> None:
    made, before = await credentials.add(account_id, "scanner", password=GIVEN)
    assert before == GIVEN
    _, after = await credentials.change_password(account_id, made.id, lambda _: None)
    known = await credentials.known("scanner")
    assert known is not None
    assert await passwords.matches(after, known.hash)
    assert not await passwords.matches(before, known.hash)


async def test_nobody_changes_what_is_not_his(credentials: Credentials, account_id: str) -> None:
    made, _ = await credentials.add(account_id, "scanner")
    with pytest.raises(NotFound):
        await credentials.change_password("f" * 32, made.id, lambda _: None)
    with pytest.raises(NotFound):
        await credentials.delete("f" * 32, made.id)
    assert await credentials.delete(account_id, made.id) == made
    assert await credentials.known("scanner") is None


async def test_credentials_go_with_their_faxbox_and_account(
    credentials: Credentials, account_id: str, store: Store, wake: Wake, clock: MovedClock
) -> None:
    administration = Administration(store, wake, clock)
    box = await administration.add_faxbox(account_id, "Box")
    await credentials.add(account_id, "of-box", faxbox_id=box.id)
    await credentials.add(account_id, "of-account")
    with pytest.raises(BadField):
        await credentials.add(account_id, "x", faxbox_id="f" * 32)
    await administration.delete_faxbox(account_id, box.id, lambda _: None)
    assert [one.name for one in await credentials.of_account(account_id)] == ["of-account"]
    await administration.delete_account(account_id, lambda _: None)
    assert await credentials.known("of-account") is None


async def test_the_latest_peers_are_remembered(credentials: Credentials, account_id: str) -> None:
    await credentials.add(account_id, "scanner", password=GIVEN)
    for number in range(MOST_PEERS + 5):
        known = await credentials.known("scanner")
        assert known is not None
        await credentials.logged_in(known, f"192.0.2.{number}")
    known = await credentials.known("scanner")
    assert known is not None
    assert known.peers == tuple(f"192.0.2.{number}" for number in range(MOST_PEERS + 4, 4, -1))


async def test_peers_that_log_in_at_the_same_time_are_all_remembered(credentials: Credentials, account_id: str) -> None:
    await credentials.add(account_id, "scanner", password=GIVEN)
    known = await credentials.known("scanner")
    assert known is not None
    for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        await credentials.logged_in(known, peer)
    now = await credentials.known("scanner")
    assert now is not None
    assert now.peers == ("192.0.2.2", "192.0.2.1")


async def test_another_password_forgets_the_peers(credentials: Credentials, account_id: str) -> None:
    made, _ = await credentials.add(account_id, "scanner", password=GIVEN)
    before = await credentials.known("scanner")
    assert before is not None
    await credentials.logged_in(before, "192.0.2.1")
    await credentials.change_password(account_id, made.id, lambda _: None, None)
    await credentials.logged_in(before, "192.0.2.2")  # begun before, with the old one
    now = await credentials.known("scanner")
    assert now is not None
    assert now.peers == ()
    await credentials.delete(account_id, made.id)
    await credentials.logged_in(now, "192.0.2.1")
    assert await credentials.known("scanner") is None


@pytest.mark.parametrize("name", ["", "a b", "a\0b", "a\r\nb", "a\N{NO-BREAK SPACE}b", "x" * 255])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(BadField):
        passwords.name_of(name)


def test_passwords_are_compared_as_people_type_them() -> None:
    assert passwords.chosen("A\N{COMBINING DIAERESIS}pfel und Birnen") == "Äpfel und Birnen"
    assert passwords.password_of("a\N{NO-BREAK SPACE}b") == "a b"
    for bad in ("too short", "x" * 1025, "with\0a zero octet", ""):
        with pytest.raises(BadField):
            passwords.chosen(bad)


def test_on_the_command_line(tmp_path: Path) -> None:
    def faxgate(*arguments: str, given: str = "") -> Any:
        done = run(*arguments, folder=tmp_path, settings={"FAXGATE_DATA_DIR": str(tmp_path / "var")}, given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    faxgate("account", "add", "Practice")
    assert len(faxgate("credential", "add", "Practice", "Scanner")["password"]) == 29
    assert "password" not in faxgate("credential", "add", "Practice", "b", "--password-stdin", given=f"{GIVEN}\n")
    assert [one["name"] for one in faxgate("credential", "list", "Practice")] == ["b", "scanner"]
    assert len(faxgate("credential", "password", "Practice", "B")["password"]) == 29
    assert faxgate("credential", "delete", "Practice", "b")["name"] == "b"
    assert [one["name"] for one in faxgate("credential", "list", "Practice")] == ["scanner"]
