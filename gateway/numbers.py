"""Telephone numbers: what somebody wrote before the `@` -> the E.164 number that is dialled.

Pure. A local part that is not plainly a telephone number is an error (BadNumber): nothing is ever stripped into one,
because a wrong number gets somebody else's papers.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, ValidationResult

from gateway.errors import BadNumber

WRITTEN = re.compile(r"\+?[0-9 ().-]+", re.ASCII)
"""All that may stand in a number. Letters would be vanity numbers or extensions, and those are not guessed at."""

MAX_WRITTEN = 64
"""Characters (RFC 5321 4.5.3.1.1)."""

EXIT_CODE = "00"
"""What most of the world dials before a country code. A region's own (`011` in North America) is in libphonenumber's
metadata, and only there: elsewhere `011` begins area codes (Sheffield, Turin), and a digit too many would be abroad."""


def to_e164(local_part: str, country: str) -> str:
    """The number to dial, `+` and digits, as somebody in `country` (ISO 3166) means `local_part` (already unquoted).

    Raises BadNumber.

    >>> to_e164("555-123-4567", "US"), to_e164("FAX=+15551234567", "DE"), to_e164("06 698 1234", "IT")
    ('+15551234567', '+15551234567', '+39066981234')
    """
    written = _without_rfc3192(local_part)
    if len(written) > MAX_WRITTEN or not WRITTEN.fullmatch(written) or not re.search("[0-9]", written):
        raise BadNumber(f"{local_part[:MAX_WRITTEN]} is not a telephone number; {_FORM}")
    digits = re.sub("[^0-9]", "", written)
    if _is_emergency(digits, country, international=written.startswith("+")):
        raise BadNumber(f"{local_part} is an emergency number: a fax never calls it.")
    if written.startswith("+"):
        number = _possible("+" + digits, digits, None)
    else:
        number = _possible(digits, digits, country) or _with_exit_code(digits)
    if number is None:
        raise BadNumber(f"{local_part} cannot be a telephone number: it has too few or too many digits; {_FORM}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_FORM = "write it like +15551234567."


def _without_rfc3192(local_part: str) -> str:
    """Take `FAX=` off (RFC 3192 2). Its `/T33S=` names an extension behind a fax server, which is not dialled."""
    written, slash, qualifier = local_part.partition("/")
    if slash:
        if qualifier.upper().startswith("T33S="):
            raise BadNumber("Fax sub-addresses (T33S) are not supported.")
        raise BadNumber(f"{local_part[:MAX_WRITTEN]} is not a telephone number; {_FORM}")
    service, equals, number = written.partition("=")
    if not equals:
        return written
    if service.upper() != "FAX":
        raise BadNumber(f"{service[:MAX_WRITTEN]}= is not a fax address (RFC 3192): write FAX=+15551234567.")
    return number


def _is_emergency(digits: str, country: str, *, international: bool) -> bool:
    """Whether somebody who dials these digits gets the police or an ambulance: there, or in their own country."""
    if not international:
        return bool(phonenumbers.is_emergency_number(digits, country))
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return any(
        phonenumbers.is_emergency_number(digits[length:], region)
        for length in (1, 2, 3)
        for region in known.get(int(digits[:length]), ())
    )


def _with_exit_code(digits: str) -> PhoneNumber | None:
    """`00...` read as international, asked only where the reading of the region is impossible."""
    if not digits.startswith(EXIT_CODE):
        return None
    international = digits.removeprefix(EXIT_CODE)
    return _possible("+" + international, international, None)


def _is_local(number: PhoneNumber) -> bool:
    """Whether it is what neighbours dial, without its area code: possible then only as some other kind of number."""
    reason = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.FIXED_LINE)
    return reason == ValidationResult.IS_POSSIBLE_LOCAL_ONLY and not phonenumbers.is_valid_number(number)


def _possible(text: str, digits: str, country: str | None) -> PhoneNumber | None:
    """`text` as a number that can exist and whose digits are those that were written; None where there is none."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE or number.extension:
        return None
    if _is_local(number):
        return None
    significant = phonenumbers.national_significant_number(number)
    if significant.startswith("00"):
        return None  # an exit code: no plan has such numbers, but Japan's lengths alone would allow them
    # Some plans complete a local number with an area code or put a mobile prefix in (Argentina). That is guessing.
    return number if digits.endswith(significant) else None
