"""Who may send through which faxbox: entries, and which of several boxes wins."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts import Faxbox, Fit, check_permit, fit, permitted_box
from gateway.errors import BadField, NotPermitted

NOW = datetime(2026, 11, 23, tzinfo=UTC)

FITS = [
    ("alice@example.com", "alice@example.com", Fit.ADDRESS),
    ("Alice@Example.COM", "aLICE@eXAMPLE.com", Fit.ADDRESS),
    ("alice@example.com", "malice@example.com", None),
    ("alice@example.com", "alice@example.com.evil", None),
    ("alice@example.com", "alice@exampleXcom", None),
    ("@a.com", "x@a.com", Fit.DOMAIN),
    ("@A.com", "x@a.COM", Fit.DOMAIN),
    ("@a.com", "x@a.com.evil", None),
    ("@a.com", "x@sub.a.com", None),
    ("@a.com", "x@ba.com", None),
    ("@a.com", "@a.com", Fit.DOMAIN),
    ("@a.com", '"x@evil.com"@a.com', Fit.DOMAIN),
    ("@a.com", "x@a.com@evil.com", None),
    (r".*@a\.com", "x@a.com", Fit.EXPRESSION),
    (r".*@a\.com", "x@a.com.evil", None),
    (r"a\.com", "x@a.com", None),
    (r"^.*@a\.com$", "x@a.com", Fit.EXPRESSION),
    (r"(sales|help)@a\.com", "SALES@a.com", Fit.EXPRESSION),
    (r"(", "x@a.com", None),
    ("*", "x@a.com", None),
    ("", "x@a.com", None),
    ("@a.com", "", None),
    (".*", "", Fit.EXPRESSION),
    ("@xn--bcher-kva.example", "x@bücher.example", Fit.DOMAIN),
    ("@bücher.example", "x@xn--bcher-kva.example", Fit.DOMAIN),
    ("x@BÜCHER.example", "X@XN--BCHER-KVA.example", Fit.ADDRESS),
    ("x@xn--bcher-kva.example", "x@bücher.example", Fit.ADDRESS),
    (r".*@bücher\.example", "x@xn--bcher-kva.example", Fit.EXPRESSION),
    (r".*@xn--bcher-kva\.example", "x@bücher.example", Fit.EXPRESSION),
    ("@bucher.example", "x@bücher.example", None),
    ("bücher@a.com", "xn--bcher-kva@a.com", None),
]


@pytest.mark.parametrize(("entry", "sender", "expected"), FITS)
def test_how_an_entry_fits_a_sender(entry: str, sender: str, expected: Fit | None) -> None:
    assert fit(entry, sender) is expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_entry_stalls_or_fails(entry: str, sender: str) -> None:
    fit(entry, sender)


@given(st.text(alphabet="ab.@", max_size=30))
def test_a_domain_entry_admits_that_domain_alone(sender: str) -> None:
    assert (fit("@a.b", sender) is Fit.DOMAIN) == sender.endswith("@a.b")


def test_an_expression_that_makes_others_stall_does_not() -> None:
    assert fit("(a+)+$", "a" * 5000 + "!") is None


BAD_ENTRIES = ["", " ", "alice", "(", "a" * 600, "[z-a]@x.com", r"\1(a)"]


@pytest.mark.parametrize("entry", BAD_ENTRIES)
def test_an_entry_that_permits_nobody_is_refused(entry: str) -> None:
    with pytest.raises(BadField) as error:
        check_permit(entry)
    assert error.value.field == "smtp_permission_list"


def box(name: str, *permits: str, age: int = 0) -> Faxbox:
    return Faxbox(id=name, account_id="a", name=name, created_at=NOW - timedelta(days=age), permits=permits)


CHOICES = [
    ([box("domain", "@a.com", age=9), box("exact", "x@a.com")], "exact"),
    ([box("expression", ".*", age=9), box("domain", "@a.com")], "domain"),
    ([box("young", "@a.com", age=1), box("old", "@a.com", age=2)], "old"),
    ([box("nobody"), box("one", "@b.com", "x@a.com")], "one"),
    ([box("both", ".*", "x@a.com"), box("domain", "@a.com", age=9)], "both"),
]


@pytest.mark.parametrize(("boxes", "chosen"), CHOICES)
def test_which_box_wins(boxes: list[Faxbox], chosen: str) -> None:
    assert permitted_box(boxes, "x@a.com").name == chosen


@pytest.mark.parametrize("boxes", [[], [box("empty")], [box("other", "@b.com")]])
def test_nobody_is_permitted_by_default(boxes: list[Faxbox]) -> None:
    with pytest.raises(NotPermitted):
        permitted_box(boxes, "x@a.com")
