"""Who may tell something now."""

from datetime import UTC, datetime

from gateway.places import Places
from gateway.store.notices import CALLBACK, EMAIL, RECEIPT, SMS, Notice, new


def notice(way: str, account: str | None) -> Notice:
    return new(RECEIPT, "somebody", datetime(2026, 11, 28, tzinfo=UTC), account_id=account, way=way)


def test_no_account_holds_more_than_half_of_a_way() -> None:
    places = Places()
    assert (places.ways(), places.full()) == ([EMAIL, SMS, CALLBACK], [])
    places.take(notice(CALLBACK, "a"))
    assert places.full() == []
    places.take(notice(CALLBACK, "a"))
    places.take(notice(SMS, "b"))
    places.take(notice(EMAIL, "a"))
    assert places.full() == [(CALLBACK, "a"), (SMS, "b")]
    places.leave(notice(CALLBACK, "a"))
    assert places.full() == [(SMS, "b")]


def test_a_way_that_is_full_leaves_the_others_theirs() -> None:
    places = Places()
    for account in ("a", "b", "c", None):
        places.take(notice(CALLBACK, account))
    assert places.ways() == [EMAIL, SMS]
    places.leave(notice(CALLBACK, None))
    assert places.ways() == [EMAIL, SMS, CALLBACK]
