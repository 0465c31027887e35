"""What a sender may choose, as it is written and as it is meant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import BadField
from gateway.options import HIGH, LOW, NAMES, NONE, FaxOptions, read, written

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")

TAGS = [
    ("[cover]", "cover", "yes"),
    ("[No  Cover]", "cover", "no"),
    ("[fine]", "resolution", "fine"),
    ("[Superfine]", "resolution", "superfine"),
    ("[standard]", "resolution", "standard"),
    ("[mode: photo]", "mode", "photo"),
    ("[to: Dr. Bob Müller]", "to", "Dr. Bob Müller"),
    ("[at: 2026-12-01 09:00]", "at", "2026-12-01 09:00"),
    ("[priority: high]", "priority", "high"),
    ("[cost code: 4711]", "cost_code", "4711"),
    ("[Cost-Code:4711]", "cost_code", "4711"),
    ("[password: s3cr:et ]", "password", "s3cr:et"),
]


@pytest.mark.parametrize(("tag", "name", "value"), TAGS)
def test_a_tag_of_the_subject(tag: str, name: str, value: str) -> None:
    assert written(f"The {tag} minutes", {}, NAMES).options == {name: value}
    assert written(f"The {tag} minutes", {}, NAMES).subject == "The minutes"
    kept = written(f"The {tag} minutes", {}, ())
    assert (kept.subject, kept.options, kept.ignored) == (f"The {tag} minutes", {}, (name,))


@pytest.mark.parametrize(
    "subject", ["[JIRA-12] Offer", "Re: [list] x", "[]", "[from: +1555]", "[to number: +1555]", "[", "a  b"]
)
def test_other_things_in_brackets_are_a_subject(subject: str) -> None:
    found = written(subject, {}, NAMES)
    assert (found.subject, found.options, found.ignored) == (subject, {}, ())


def test_fields_of_the_header() -> None:
    header = {"X-Fax-Cost-Code": " 4711 ", "x-fax-cover": "no", "X-Fax-Number": "+15550000000", "X-Fax-Mode": "text"}
    found = written("Offer", header, {"cost_code", "cover"})
    assert found.options == {"cost_code": "4711", "cover": "no"}
    assert found.ignored == ("mode",)


def test_the_same_option_twice() -> None:
    assert written("[fine] [fine]", {"X-Fax-Resolution": "fine"}, NAMES).options == {"resolution": "fine"}
    with pytest.raises(BadField, match="given twice"):
        written("[fine]", {"X-Fax-Resolution": "superfine"}, NAMES)


def test_a_password_given_twice_is_not_told() -> None:
    with pytest.raises(BadField, match=r"^The option password is given twice\.$"):
        written("[password: s3cr3t]", {"X-Fax-Password": "0ther"}, NAMES)


def test_what_is_meant() -> None:
    assert read({}, PARIS, NOW) == NONE
    found = read({"cover": "No", "resolution": "FINE", "mode": "photo", "to": "Bob", "cost_code": "4711"}, PARIS, NOW)
    assert found == FaxOptions(cover=False, resolution="fine", mode="photo", to="Bob", cost_code="4711")
    assert [read({"priority": word}, PARIS, NOW).priority for word in ("high", "Low")] == [HIGH, LOW]
    assert "secret" not in repr(read({"password": "secret"}, PARIS, NOW))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01 09:00", datetime(2026, 12, 1, 8, 0, tzinfo=UTC)),
        ("2026-12-01T09:00:30", datetime(2026, 12, 1, 8, 0, 30, tzinfo=UTC)),
        ("2026-12-01 09:00-05:00", datetime(2026, 12, 1, 14, 0, tzinfo=UTC)),
        ("2026-12-01T09:00Z", datetime(2026, 12, 1, 9, 0, tzinfo=UTC)),
        ("2026-11-28 12:56", datetime(2026, 11, 28, 11, 56, tzinfo=UTC)),
    ],
)
def test_a_time(text: str, at: datetime) -> None:
    assert read({"at": text}, PARIS, NOW).at == at


WRONG = [
    ("at", "tomorrow", "like 2026-12-01 09:00"),
    ("at", "2026-12-01", "like 2026-12-01 09:00"),
    ("at", "2026-11-28 12:00", "has passed"),
    ("at", "2027-12-01 09:00", "at most 90 days"),
    ("at", "9999-12-31 23:59-12:00", "within 90 days"),
    ("at", "0001-01-01 00:00", "within 90 days"),
    ("priority", "urgent", "high, normal, low"),
    ("resolution", "ultra", "standard, fine, superfine"),
    ("mode", "", "auto, text, photo"),
    ("cover", "maybe", "yes, no"),
    ("cost_code", "", "1 to 64"),
    ("cost_code", "x" * 65, "1 to 64"),
    ("to", "a\nb", "printable"),
    ("to", "\ud800", "printable"),
    ("cost_code", "\ud800", "printable"),
    ("password", "x" * 128, "1 to 127"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_what_cannot_be_understood_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadField, match=said) as caught:
        read({name: value}, PARIS, NOW)
    assert caught.value.field == name
