"""Which numbers may be dialled, and how much of it: the decisions alone."""

from datetime import timedelta

import pytest

from gateway.errors import NotPermitted, OverLimit
from gateway.spending import KINDS, LimitPassed, Rules, Scope, Spent, check_number, denied, excess, is_entry

FIXED, PREMIUM, SATELLITE = "+12025550190", "+19005551234", "+881612345678"
LONDON, JAMAICA = "+442079460000", "+18765551234"

DECISIONS = [
    (FIXED, Rules(), True),
    (PREMIUM, Rules(), False),
    (SATELLITE, Rules(), False),
    *((f"+{code}7731116", Rules(), False) for code in ("870", "878", "881", "882", "883")),  # in use or not
    ("+979123456789", Rules(), False),
    ("+9791234567", Rules(), False),  # a digit less than such a number has
    ("+4990012345678", Rules(), False),  # a German premium number, and digits that an exchange would not heed
    (PREMIUM, Rules(allow=("premium",)), True),
    (PREMIUM, Rules(allow=("US",)), False),
    (PREMIUM, Rules(allow=("*",)), False),
    (PREMIUM, Rules(allow=("+1900",)), True),
    (PREMIUM, Rules(allow=("premium",), deny=("premium",)), False),
    (PREMIUM, Rules(allow=("premium",), deny=("US",)), True),
    (LONDON, Rules(deny=("GB",)), False),
    (LONDON, Rules(deny=("GB",), allow=("+4420",)), True),
    (LONDON, Rules(deny=("+44207",), allow=("+4420",)), False),
    (LONDON, Rules(deny=("+4420",), allow=("+4420",)), False),
    (LONDON, Rules(deny=("*",), allow=("US",)), False),
    (FIXED, Rules(deny=("*",), allow=("US",)), True),
    (FIXED, Rules(deny=("mobile",)), False),  # of such a number nobody can tell
    (JAMAICA, Rules(deny=("*",), allow=("US",)), False),  # +1 is not the United States
    (JAMAICA, Rules(deny=("JM",)), False),
    ("+15555550100", Rules(deny=("*",), allow=("US",)), False),  # in no plan: allowed only where there is no doubt
    ("+15555550100", Rules(deny=("JM",)), False),
    ("+15555550100", Rules(), True),
]


@pytest.mark.parametrize(("number", "rules", "allowed"), DECISIONS)
def test_which_numbers_may_be_dialled(number: str, rules: Rules, allowed: bool) -> None:
    assert (denied(rules, number) == "") is allowed


def test_every_payer_must_allow_it() -> None:
    box = Scope(kind="faxbox", id="b", name="Sales", rules=Rules(allow=("premium",)))
    account = Scope(kind="account", id="a", name="Acme")
    with pytest.raises(NotPermitted, match=r"\+19005551234 .* it is a premium number") as caught:
        check_number((box, account), PREMIUM)
    assert caught.value.detail == f"the account does not allow faxes to {PREMIUM}"
    check_number((box, Scope(kind="account", id="a", name="Acme", rules=Rules(allow=("premium",)))), PREMIUM)


@pytest.mark.parametrize("entry", ["+1", "+4420", "GB", "*", *KINDS])
def test_what_an_entry_may_be(entry: str) -> None:
    assert is_entry(entry)


@pytest.mark.parametrize("entry", ["", "+", "020", "gb", "XX", "Premium", "+44a", "+12345678901234567", "+٤"])
def test_what_no_entry_is(entry: str) -> None:
    assert not is_entry(entry)


BOX = Scope(kind="faxbox", id="b", name="Sales")
ONE = Spent(faxes=1, pages=3, destinations=frozenset({LONDON}))

ROOM = [
    ({"faxes": {"day": 2}}, Spent(faxes=1), ONE, ""),
    ({"faxes": {"day": 2}}, Spent(faxes=2), ONE, "faxes"),
    ({"faxes": {"hour": 0}}, Spent(), ONE, ""),
    ({"faxes": {"day": 0}}, Spent(), ONE, "faxes"),
    ({"pages": {"day": 3}}, Spent(), ONE, ""),
    ({"pages": {"day": 3}}, Spent(pages=1), ONE, "pages"),
    ({"pages": {"day": 3}}, Spent(pages=9), Spent(faxes=1), ""),
    ({"destinations": {"day": 1}}, Spent(destinations=frozenset({LONDON})), ONE, ""),
    ({"destinations": {"day": 1}}, Spent(destinations=frozenset({FIXED})), ONE, "destinations"),
    # Set lower than what was spent already: a number that was called is no new one.
    ({"destinations": {"day": 1}}, Spent(destinations=frozenset({LONDON, FIXED})), ONE, ""),
]


@pytest.mark.parametrize(("limits", "spent", "wanted", "passed"), ROOM)
def test_whether_there_is_room(limits: dict[str, dict[str, int]], spent: Spent, wanted: Spent, passed: str) -> None:
    found = excess(BOX, "", limits, "day", spent, wanted)
    assert (found.what if found else "") == passed


def test_what_waiting_helps_is_temporary_and_what_it_does_not_is_not() -> None:
    late = excess(BOX, "", {"faxes": {"hour": 2}}, "hour", Spent(faxes=2), ONE)
    assert late
    error = LimitPassed(late, timedelta(minutes=20)).error
    assert isinstance(error, OverLimit)
    assert (error.smtp, error.http, error.retry_after) == ("450 4.7.1", 429, 1200)
    assert str(error) == "The faxbox may send 2 faxes an hour; try again later."
    never = excess(BOX, "a@b.example", {"pages": {"day": 2}}, "day", Spent(), ONE)
    assert never
    error = LimitPassed(never, timedelta(0)).error
    assert isinstance(error, NotPermitted)
    assert str(error) == "Each sender may send 2 pages a day; this is more at once."
