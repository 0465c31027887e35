"""What may stand before the @, and what is dialled for it."""

import re

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.errors import BadNumber
from gateway.numbers import to_e164

READ = [
    ("+15551234567", "US", "+15551234567"),
    ("15551234567", "US", "+15551234567"),
    ("555-123-4567", "US", "+15551234567"),
    ("(555) 123 4567", "US", "+15551234567"),
    ("555.123.4567", "US", "+15551234567"),
    ("1 (555) 123-4567", "US", "+15551234567"),
    ("00442071234567", "US", "+442071234567"),
    ("011442071234567", "US", "+442071234567"),
    ("011 44 20 7123 4567", "CA", "+442071234567"),
    ("FAX=+15551234567", "US", "+15551234567"),
    ("fax=+1-555-123-4567", "DE", "+15551234567"),
    ("FAX=555-123-4567", "US", "+15551234567"),
    ("01 23 45 67 89", "FR", "+33123456789"),
    ("0033123456789", "FR", "+33123456789"),
    ("0015551234567", "FR", "+15551234567"),
    ("030 123456", "DE", "+4930123456"),
    ("+49 (0)30 123456", "US", "+4930123456"),
    ("020 7123 4567", "GB", "+442071234567"),
    ("00 49 30 123456", "GB", "+4930123456"),
    ("06 698 1234", "IT", "+39066981234"),
    ("+39 06 698 1234", "US", "+39066981234"),
    ("0039066981234", "FR", "+39066981234"),
    ("03 1234 5678", "JP", "+81312345678"),
    ("010 44 2071234567", "JP", "+442071234567"),
    ("00442071234567", "JP", "+442071234567"),
    ("0011 44 2071234567", "AU", "+442071234567"),
    ("044 668 18 00", "CH", "+41446681800"),
    ("91 123 45 67", "ES", "+34911234567"),
    ("8 495 123-45-67", "RU", "+74951234567"),
    ("022 1234 5678", "IN", "+912212345678"),
    ("(11) 2345-6789", "BR", "+551123456789"),
    ("0114 496 0018", "GB", "+441144960018"),
    ("011 555 1234", "IT", "+390115551234"),
    ("030 123456", "DE", "+4930123456"),
    ("(0114) 96 0018", "GB", "+44114960018"),
    ("011 44 20 7123 4567", "JM", "+442071234567"),
]

EMERGENCIES = [
    ("911", "US"), ("9-1-1", "CA"), ("112", "DE"), ("110", "DE"), ("999", "GB"), ("000", "AU"), ("15", "FR"),
    ("+1911", "DE"), ("+49112", "US"), ("+44999", "GB"), ("FAX=+1911", "US"),
]  # fmt: skip

REFUSED = [
    ("", "US"), ("+", "US"), ("()", "US"), ("911", "US"), ("112", "DE"), ("1234567", "US"), ("+1555123456", "US"),
    ("+155512345678901", "US"), ("4155551234x12", "US"), ("4155551234 ext. 12", "US"), ("1-800-FLOWERS", "US"),
    ("15551234567", "FR"), ("+999123456789", "US"), ("1+5551234567", "US"), ("++15551234567", "US"),
    ("+1555123+4567", "US"), ("FAX=+15551234567/T33S=12", "US"), ("+15551234567/T33S=12", "US"),
    ("VOICE=+15551234567", "US"), ("FAX=FAX=+15551234567", "US"), ("FAX=", "US"), ("tel:+15551234567", "US"),
    ("+15551234567;ext=9", "US"), ("+15551234567,9", "US"), ("*67 5551234567", "US"), ("5551234567#", "US"),
    ("\u0665\u0665\u0665\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "US"), ("\uff15551234567", "US"),
    ("555\u20111234567", "US"), ("555\u00a0123 4567", "US"), ("555\t123 4567", "US"), ("5551234567\n", "US"),
    ("0114 496 00180", "GB"), ("01 14 42 34 56 789", "FR"), ("011 555 12345 67", "IT"),
    ("7946 0018", "GB"), ("1234 5678", "AU"), ("2345-6789", "BR"), ("123", "DE"), ("555-1234", "CA"),
    ("+1 555-1234", "US"),
    ("555\x00123 4567", "US"), ("4601234", "AG"), ("011 15 2345 6789", "AR"), ("1" * 65, "US"), ("bob", "US"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "country", "dialled"), READ)
def test_read(written: str, country: str, dialled: str) -> None:
    assert to_e164(written, country) == dialled


@pytest.mark.parametrize(("written", "country"), REFUSED)
def test_refused(written: str, country: str) -> None:
    with pytest.raises(BadNumber):
        to_e164(written, country)


def test_a_sub_address_is_named_in_the_refusal() -> None:
    with pytest.raises(BadNumber, match="sub-addresses"):
        to_e164("FAX=+15551234567/T33S=12", "US")


countries = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
prefixes = st.sampled_from(["", "+", "00", "011", "FAX=", "FAX=+"])


@given(st.text(max_size=40), countries)
def test_whatever_is_written_is_a_number_or_refused(written: str, country: str) -> None:
    check(written, country)


@given(prefixes, st.text("0123456789 ().-", max_size=20), countries)
def test_digits_are_neither_invented_nor_lost(prefix: str, rest: str, country: str) -> None:
    check(prefix + rest, country)


def check(written: str, country: str) -> None:
    try:
        dialled = to_e164(written, country)
    except BadNumber:
        return
    assert re.fullmatch(r"\+[0-9]{5,17}", dialled)
    number = phonenumbers.parse(dialled)
    assert phonenumbers.is_possible_number(number)
    digits = re.sub("[^0-9]", "", written)
    significant = phonenumbers.national_significant_number(number)
    assert digits.endswith(significant)
    # In front of it stands at most an exit code, a country code and a national prefix.
    assert len(digits) - len(significant) <= 4 + 3 + 5


@given(st.integers(0, 9_999_999), countries)
def test_an_international_number_means_the_same_everywhere(line: int, country: str) -> None:
    assert to_e164(f"+1555{line:07}", country) == f"+1555{line:07}"


@given(st.text(st.characters(categories=["L", "Nd", "S"]), min_size=1, max_size=3), st.integers(0, 10))
def test_no_letter_is_stripped(letters: str, place: int) -> None:
    assume(not re.fullmatch("[0-9]*", letters) and "+" not in letters and "=" not in letters)
    number = "5551234567"
    with pytest.raises(BadNumber):
        to_e164(number[:place] + letters + number[place:], "US")


@pytest.mark.parametrize(("written", "country"), EMERGENCIES)
def test_an_emergency_number_is_never_called(written: str, country: str) -> None:
    with pytest.raises(BadNumber, match="emergency number"):
        to_e164(written, country)


def test_what_only_begins_like_an_emergency_number_is_dialled() -> None:
    assert to_e164("155512345", "FR") == "+33155512345"
