"""What an account and a faxbox may be made of: values as people write them go in, as they are stored come out. Pure.

A value that cannot be used raises BadField naming it, dotted as the API has it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from gateway import callers
from gateway.accounts import SENDER_POLICIES, SIGNATURE_POLICIES, Account, Faxbox, Scanner, check_permit
from gateway.errors import BadField, BadNumber, NotFound
from gateway.networks import network
from gateway.numbers import to_e164
from gateway.organizations import is_public
from gateway.spending import KINDS, is_entry

T = TypeVar("T")

MOST = 100
"""Entries of a list."""

MOST_CALLERS = 1000
"""Entries of a list of callers."""

MOST_RETRIES = 20
MOST_CALLS = 10_000

MOST_DAYS = 36500

CALLBACK_METHODS = ("post", "put")
CALLBACK_TYPES = ("json", "www-url-form-encoded")


def account(given: Account) -> Account:
    country = given.country.upper()
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise BadField("country", f"{given.country!r} is no ISO 3166 country with telephone numbers.")
    if not 1 <= given.max_calls <= MOST_CALLS:
        raise BadField("max_calls", f"An account makes 1 to {MOST_CALLS} calls at a time.")
    if given.keep_days is not None and not 1 <= given.keep_days <= MOST_DAYS:
        raise BadField("keep_days", f"Faxes are kept for 1 to {MOST_DAYS} days, or for ever without it.")
    if given.sender_policy not in SENDER_POLICIES:
        raise BadField("sender_policy", f"One of {', '.join(SENDER_POLICIES)}.")
    if given.signature_policy not in SIGNATURE_POLICIES:
        raise BadField("signature_policy", f"One of {', '.join(SIGNATURE_POLICIES)}.")
    signing = dict.fromkeys(_signing_domain(name) for name in _bounded("signing_domains", given.signing_domains))
    domains = {domain("domains", name) for name in _bounded("domains", given.domains)}
    return replace(
        given,
        name=_name(given.name),
        # In the order in which the database gives them.
        domains=tuple(sorted(domains)),
        country=country,
        timezone=_timezone("timezone", given.timezone),
        number_rules=_rules(given.number_rules),
        signing_domains=tuple(signing),
        trusted_networks=_networks("trusted_networks", given.trusted_networks),
        blocked_callers=_callers("blocked_callers", given.blocked_callers, country),
        allowed_callers=_callers("allowed_callers", given.allowed_callers, country),
    )


def language(code: str, there_are: Sequence[str]) -> str:
    found = code.strip().replace("-", "_")
    if found not in there_are:
        raise BadField("language", f"There is no language {code[:40]!r}; there are {', '.join(there_are)}.")
    return found


def faxbox(given: Faxbox, country: str) -> Faxbox:
    """`country` is the account's: in whose dialling habits numbers are read."""
    for entry in _bounded("smtp_permission_list", given.permits):
        check_permit(entry)
    inbound, outbound = "notifications.inbound.email.send_to", "notifications.outbound.email.send_to"
    numbers = (number("number", written, country) for written in given.numbers)
    if not 0 <= given.retries <= MOST_RETRIES:
        raise BadField("retries", f"0 to {MOST_RETRIES} retries.")
    custom_address, address_domain = _custom_address(given.custom_address)
    return replace(
        given,
        name=_name(given.name),
        numbers=tuple(dict.fromkeys(numbers)),
        custom_address=custom_address,
        address_domain=address_domain,
        caller_id=number("caller_id", given.caller_id, country) if given.caller_id.strip() else "",
        caller_name=line("caller_name", given.caller_name),
        fax_header=line("fax_header", given.fax_header),
        fax_identity=_station_id(given.fax_identity),
        timezone=_timezone("fax_timezone", given.timezone) if given.timezone.strip() else "",
        inbound_email=tuple(address(inbound, one) for one in _bounded(inbound, given.inbound_email)),
        outbound_email=tuple(address(outbound, one) for one in _bounded(outbound, given.outbound_email)),
        notifications=notifications(given.notifications, country),
        number_rules=_rules(given.number_rules),
        trusted_networks=_networks("trusted_networks", given.trusted_networks),
        scanners=tuple(_scanner(one) for one in _bounded("scanners", given.scanners)),
        blocked_callers=_callers("blocked_callers", given.blocked_callers, country),
        allowed_callers=_callers("allowed_callers", given.allowed_callers, country),
    )


def notifications(given: Mapping[str, Any], country: str) -> dict[str, object]:
    """Ways to be told that are not mail, as `Faxbox.notifications` has them; parts that say nothing are left out."""
    kept: dict[str, object] = {}
    for direction, ways in given.items():
        told: dict[str, object] = {}
        field = f"notifications.{direction}"
        if numbers := (ways.get("sms") or {}).get("send_to"):
            where = f"{field}.sms.send_to"
            told["sms"] = {"send_to": [number(where, written, country) for written in _bounded(where, numbers)]}
        callback = ways.get("callback") or {}
        if callback.get("url"):
            told["callback"] = _callback(f"{field}.callback", callback)
        if told:
            kept[direction] = told
    return kept


def line(field: str, text: str) -> str:
    if len(text) > 128 or not all(character.isprintable() for character in text):
        raise BadField(field, "At most 128 characters on one line.")
    return text.strip()


def number(field: str, written: str, country: str) -> str:
    try:
        return to_e164(written.strip(), country)
    except BadNumber as error:
        raise BadField(field, error.text) from error


def sought_number(written: str, country: str) -> str:
    """A number in an address. Raises NotFound for what can be none: nobody has it."""
    try:
        return to_e164(written, country)
    except BadNumber as error:
        raise NotFound("There is no such number in this account.") from error


def domain(field: str, name: str) -> str:
    try:
        return validate_email(f"x@{name}", check_deliverability=False, test_environment=True).ascii_domain.lower()
    except EmailNotValidError as error:
        raise BadField(field, f"{name!r} is no mail domain: {error}") from error


def address(field: str, written: str) -> str:
    try:
        return validate_email(written, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise BadField(field, f"{written!r} is no mail address: {error}") from error


def _signing_domain(name: str) -> str:
    kept = domain("signing_domains", name)
    if is_public(kept):
        raise BadField("signing_domains", f"{kept} is everybody's: give the domain that signs, below it.")
    return kept


def _networks(field: str, written: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_network(field, one) for one in _bounded(field, written)))


def _network(field: str, written: str) -> str:
    try:
        found = network(written.strip())
    except ValueError as error:
        raise BadField(field, f"{error}; a network is written like 10.1.0.0/16 or 192.0.2.7") from error
    if found.prefixlen == 0:
        raise BadField(field, f"{found} is everybody: name the servers that may send.")
    return str(found)


def _scanner(given: Scanner) -> Scanner:
    if given.max_pages is not None and given.max_pages < 1:
        raise BadField("scanners.max_pages", "A scanner sends at least one page.")
    return replace(
        given,
        network=_network("scanners.network", given.network),
        sender=address("scanners.sender", given.sender.strip()),
        receipts_to=address("scanners.receipts_to", given.receipts_to.strip()) if given.receipts_to.strip() else "",
    )


def _name(name: str) -> str:
    kept = line("name", name)
    if not kept:
        raise BadField("name", "A name is needed.")
    return kept


def _bounded(field: str, entries: Sequence[T], most: int = MOST) -> Sequence[T]:
    if len(entries) > most:
        raise BadField(field, f"At most {most} entries.")
    return entries


def _callers(field: str, written: Sequence[str], country: str) -> tuple[str, ...]:
    entries = (callers.checked(field, one, country) for one in _bounded(field, written, MOST_CALLERS))
    return tuple(dict.fromkeys(entries))


def _custom_address(written: str) -> tuple[str, str]:
    """As it was written, and the domain in it."""
    field = "custom_smtp_email_address"
    if not written.strip():
        return "", ""
    if "@" not in written:
        name = domain(field, written.strip())
        return name, name
    whole = address(field, written.strip())
    return whole, domain(field, whole.rpartition("@")[2])


def _rules(given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {name: _entries(f"number_rules.{name}", entries) for name, entries in given.items() if entries}


def _entries(field: str, given: Sequence[str]) -> tuple[str, ...]:
    entries = [re.sub("[ ().-]", "", one) if one.startswith("+") else one for one in _bounded(field, given)]
    for entry in entries:
        if not is_entry(entry):
            kinds = ", ".join(KINDS)
            raise BadField(field, f"{entry!r} is no prefix like +4420, no country like GB, not * and none of {kinds}.")
    return tuple(dict.fromkeys(entries))


def _station_id(text: str) -> str:
    # T.30 5.3.6.2.4: 20 characters; a longer one would be dropped or cut by the far end.
    if len(text) > 20 or not text.isascii() or not (text.isprintable() or not text):
        raise BadField("fax_identity", "A station identification has at most 20 ASCII characters.")
    return text.strip()


def _timezone(field: str, name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadField(field, f"{name!r} is no time zone; take an IANA name like Europe/Paris.") from error
    return name


def _callback(field: str, given: Mapping[str, Any]) -> dict[str, object]:
    url = given["url"]
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(url) > 2048 or not url.isprintable() or " " in url:
        raise BadField(f"{field}.url", "A callback is an http:// or https:// URL of at most 2048 characters.")
    method, kind = given.get("method") or "post", given.get("type") or "json"
    if method not in CALLBACK_METHODS:
        raise BadField(f"{field}.method", f"One of {', '.join(CALLBACK_METHODS)}.")
    if kind not in CALLBACK_TYPES:
        raise BadField(f"{field}.type", f"One of {', '.join(CALLBACK_TYPES)}.")
    return {"url": url, "method": method, "type": kind}
