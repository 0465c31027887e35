"""Brute force: a table of what is tried and when, and what is allowed."""

import pytest

from gateway.networks import neighbours
from smtp.lockout import FREE, LOCK_SECONDS, MOST_FAILURES, Lockout, Refusal, Try

PEER, OTHER, NAME = "192.0.2.1", "192.0.2.2", "scanner"


@pytest.fixture
def lockout() -> Lockout:
    return Lockout()


def attempt(
    lockout: Lockout, peer: str = PEER, name: str = NAME, now: float = 0, *, failed: bool = True, before: bool = False
) -> Try | Refusal:
    """One try from its beginning to its end."""
    begun = lockout.begin(peer, name, before=before, now=now)
    if isinstance(begun, Try):
        lockout.end(begun, failed=failed, now=now)
    return begun


def allowed(lockout: Lockout, peer: str = PEER, name: str = NAME, now: float = 0, *, before: bool = False) -> bool:
    return isinstance(attempt(lockout, peer, name, now, failed=False, before=before), Try)


def lock(lockout: Lockout, peer: str = PEER, name: str = NAME, now: float = 0, *, before: bool = False) -> list[float]:
    """Fail until nothing may be tried any more; the delays."""
    begun = [attempt(lockout, peer, name, now, before=before) for _ in range(MOST_FAILURES)]
    assert attempt(lockout, peer, name, now, before=before) is Refusal.LOCKED
    return [one.delay for one in begun if isinstance(one, Try)]


def test_tries_are_slowed_down_and_then_refused(lockout: Lockout) -> None:
    assert lock(lockout) == [0, 0, 0, 1, 2, 4, 8, 8, 8, 8]


def test_a_peer_is_locked_whatever_names_it_tries(lockout: Lockout) -> None:
    for number in range(MOST_FAILURES):
        attempt(lockout, name=f"name{number}")
    assert not allowed(lockout, name="another")
    assert allowed(lockout, peer=OTHER, name="another")


def test_a_name_is_locked_wherever_it_is_tried_from(lockout: Lockout) -> None:
    for number in range(MOST_FAILURES):
        attempt(lockout, peer=f"198.51.100.{number}")
    assert not allowed(lockout)
    assert allowed(lockout, name="another")


def test_a_lock_ends_and_tries_during_it_do_not_lengthen_it(lockout: Lockout) -> None:
    lock(lockout)
    for second in range(1, int(LOCK_SECONDS)):
        assert attempt(lockout, now=second) is Refusal.LOCKED
    assert lock(lockout, now=LOCK_SECONDS)[:FREE] == [0, 0, 0]


def test_slow_guessing_is_counted_too(lockout: Lockout) -> None:
    step = LOCK_SECONDS - 1
    for number in range(MOST_FAILURES):
        attempt(lockout, now=number * step)
    assert attempt(lockout, now=MOST_FAILURES * step) is Refusal.LOCKED


def test_many_at_once_are_no_more_than_one_after_the_other(lockout: Lockout) -> None:
    begun = [lockout.begin(PEER, NAME, before=False, now=0) for _ in range(100)]
    tries = [one for one in begun if isinstance(one, Try)]
    assert len(tries) == MOST_FAILURES
    assert set(begun[MOST_FAILURES:]) == {Refusal.BUSY}
    for one in tries:
        lockout.end(one, failed=True, now=1)
    assert attempt(lockout, now=1) is Refusal.LOCKED


def test_many_right_ones_at_once_are_no_failures(lockout: Lockout) -> None:
    tries = [lockout.begin(PEER, NAME, before=False, now=0) for _ in range(MOST_FAILURES)]
    for one in tries:
        assert isinstance(one, Try)
        lockout.end(one, failed=False, now=0)
    assert lock(lockout)[0] == 0


def test_an_attacker_elsewhere_does_not_lock_out_who_has_logged_in_before(lockout: Lockout) -> None:
    for number in range(MOST_FAILURES):
        attempt(lockout, peer=f"198.51.100.{number}")
    lock(lockout, name="another")  # beside it, at its own address
    assert not allowed(lockout)
    assert allowed(lockout, before=True)


def test_who_has_logged_in_before_is_locked_out_alone(lockout: Lockout) -> None:
    lock(lockout, before=True)
    assert not allowed(lockout, before=True)
    assert allowed(lockout, peer=OTHER, before=True)
    assert allowed(lockout, peer=OTHER)
    assert allowed(lockout, name="another")


def test_an_account_of_ones_own_buys_no_tries_at_anothers(lockout: Lockout) -> None:
    for _ in range(MOST_FAILURES - 1):
        attempt(lockout)
        assert allowed(lockout, name="mine")
    attempt(lockout)
    assert attempt(lockout, name="mine", failed=False) is Refusal.LOCKED


def test_a_right_password_makes_good_what_its_owner_mistyped(lockout: Lockout) -> None:
    for _ in range(MOST_FAILURES - 1):
        attempt(lockout, before=True)
    assert allowed(lockout, before=True)
    assert lock(lockout, before=True)[0] == 0


def test_memory_is_bounded_and_a_lock_outlives_a_flood_of_names() -> None:
    lockout = Lockout(most=100)
    lock(lockout)
    for number in range(5000):
        attempt(lockout, peer=f"peer{number}", name=f"name{number}", now=1 + number / 100)
        assert len(lockout._peers) <= 100
        assert len(lockout._names) <= 100
    assert attempt(lockout, now=60) is Refusal.LOCKED


def test_what_is_over_goes_first() -> None:
    lockout = Lockout(most=10)
    for number in range(10):
        for _ in range(2):
            attempt(lockout, peer=f"old{number}", name=f"old{number}")
    late = LOCK_SECONDS + 1
    for number in range(9):
        attempt(lockout, peer=f"new{number}", name=f"new{number}", now=late)
    assert [lockout._peers.at(f"new{number}", late).failures for number in range(9)] == [1] * 9


def test_an_ipv6_network_is_one_peer() -> None:
    assert neighbours("2001:db8::1") == neighbours("2001:db8::ffff:1") != neighbours("2001:db8:0:1::1")
    assert neighbours("fe80::1%eth0") == "fe80::/64"
