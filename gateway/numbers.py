"""Telephone numbers: what somebody wrote before the `@` -> the E.164 number that is dialled.

Pure. A local part that is not plainly a telephone number is an error (BadNumber): nothing is ever stripped into one,
because a wrong number gets somebody else's papers.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

from gateway.errors import BadNumber

WRITTEN = re.compile(r"\+?[0-9 ().-]+", re.ASCII)
"""All that may stand in a number. Letters would be vanity numbers or extensions, and those are not guessed at."""

MAX_WRITTEN = 64
"""Characters (RFC 5321 4.5.3.1.1)."""

EXIT_CODES = ("011", "00")
"""What people dial before a country code; the longer first."""


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


def _with_exit_code(digits: str) -> PhoneNumber | None:
    """`00...` and `011...` read as international, asked only where the national reading is impossible."""
    for code in EXIT_CODES:
        if digits.startswith(code):
            return _possible("+" + digits.removeprefix(code), digits.removeprefix(code), None)
    return None


def _possible(text: str, digits: str, country: str | None) -> PhoneNumber | None:
    """`text` as a number that can exist and whose digits are those that were written; None where there is none."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE or number.extension:
        return None
    significant = phonenumbers.national_significant_number(number)
    if significant.startswith("00"):
        return None  # an exit code: no plan has such numbers, but Japan's lengths alone would allow them
    # Some plans complete a local number with an area code or put a mobile prefix in (Argentina). That is guessing.
    return number if digits.endswith(significant) else None
