"""Making accounts and faxboxes: checked, stored, and told to every running process. The command line and the API
use it. A value that cannot be used raises BadField naming it; a number or domain of somebody else raises Conflict."""

import secrets
from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from gateway.accounts import Account, Faxbox, check_permit
from gateway.clock import Clock
from gateway.errors import BadField, BadNumber
from gateway.ids import new_id
from gateway.numbers import to_e164
from gateway.store import accounts
from gateway.store.engine import Store
from gateway.store.wake import ACCOUNTS, Wake

SCOPES = ("read", "send", "admin")


class Administration:
    def __init__(self, store: Store, wake: Wake, clock: Clock) -> None:
        self._store = store
        self._wake = wake
        self._clock = clock

    async def add_account(
        self,
        name: str,
        *,
        domains: Sequence[str] = (),
        country: str = "US",
        timezone: str = "UTC",
        max_calls: int = 4,
        parent_id: str | None = None,
    ) -> tuple[Account, str]:
        """A new account, and a token with all rights on it, which is shown once and stored only as a hash."""
        now = self._clock.now()
        if country.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise BadField("country", f"{country!r} is no ISO 3166 country with telephone numbers.")
        if max_calls < 1:
            raise BadField("max_calls", "An account makes at least one call at a time.")
        account = Account(
            id=new_id(),
            name=_name(name),
            created_at=now,
            parent_id=parent_id,
            domains=tuple(_domain("domain", domain) for domain in domains),
            country=country.upper(),
            timezone=_timezone(timezone),
            max_calls=max_calls,
        )
        token = secrets.token_hex(32)
        async with self._store.begin() as connection:
            await accounts.add_account(connection, account)
            await accounts.add_token(connection, token, account.id, SCOPES, now)
        await self._wake.notify(ACCOUNTS)
        return account, token

    async def add_faxbox(
        self,
        account_id: str,
        name: str,
        *,
        numbers: Sequence[str] = (),
        permits: Sequence[str] = (),
        inbound_email: Sequence[str] = (),
        outbound_email: Sequence[str] = (),
        address_domain: str = "",
        caller_id: str = "",
        caller_name: str = "",
        fax_header: str = "",
        fax_identity: str = "",
        timezone: str = "",
        retries: int = 3,
        body_as_page: bool = False,
    ) -> Faxbox:
        """A new faxbox. Raises NotFound for an unknown account."""
        async with self._store.begin() as connection:
            account = await accounts.account(connection, account_id)
            box = Faxbox(
                id=new_id(),
                account_id=account.id,
                name=_name(name),
                created_at=self._clock.now(),
                numbers=tuple(dict.fromkeys(_number("number", number, account.country) for number in numbers)),
                permits=tuple(_permit(entry) for entry in permits),
                address_domain=_domain("domain", address_domain) if address_domain else "",
                caller_id=_number("caller_id", caller_id, account.country) if caller_id else "",
                caller_name=_line("caller_name", caller_name),
                fax_header=_line("fax_header", fax_header),
                fax_identity=_station_id(fax_identity),
                timezone=_timezone(timezone) if timezone else "",
                retries=_retries(retries),
                body_as_page=body_as_page,
                inbound_email=tuple(_address("deliver_to", address) for address in inbound_email),
                outbound_email=tuple(_address("notify", address) for address in outbound_email),
            )
            await accounts.add_faxbox(connection, box)
        await self._wake.notify(ACCOUNTS)
        return box


def _name(name: str) -> str:
    line = _line("name", name)
    if not line:
        raise BadField("name", "A name is needed.")
    return line


def _line(field: str, text: str) -> str:
    if len(text) > 128 or not all(character.isprintable() for character in text):
        raise BadField(field, "At most 128 characters on one line.")
    return text.strip()


def _station_id(text: str) -> str:
    # T.30 5.3.6.2.4: 20 characters; a longer one would be dropped or cut by the far end.
    if len(text) > 20 or not text.isascii() or not (text.isprintable() or not text):
        raise BadField("fax_identity", "A station identification has at most 20 ASCII characters.")
    return text.strip()


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadField("timezone", f"{name!r} is no time zone; take an IANA name like Europe/Paris.") from error
    return name


def _domain(field: str, name: str) -> str:
    try:
        return validate_email(f"x@{name}", check_deliverability=False, test_environment=True).ascii_domain.lower()
    except EmailNotValidError as error:
        raise BadField(field, f"{name!r} is no mail domain: {error}") from error


def _address(field: str, address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise BadField(field, f"{address!r} is no mail address: {error}") from error


def _number(field: str, number: str, country: str) -> str:
    try:
        return to_e164(number, country)
    except BadNumber as error:
        raise BadField(field, error.text) from error


def _permit(entry: str) -> str:
    check_permit(entry)
    return entry


def _retries(retries: int) -> int:
    if not 0 <= retries <= 20:
        raise BadField("retries", "0 to 20 retries.")
    return retries
