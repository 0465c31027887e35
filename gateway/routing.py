"""Routing: recipient address -> the faxboxes that may send, and the number that is dialled.

What the database says of a domain is kept for a moment; a change of an account wakes it (`Wake.ACCOUNTS`) and is seen
at once, in other processes too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.accounts import Account, Faxbox
from gateway.bounces import PREFIX, BounceAddresses
from gateway.clock import Clock
from gateway.errors import NotFound, UnknownDomain
from gateway.fax import DsnRequest
from gateway.numbers import to_e164
from gateway.options import NONE, FaxOptions
from gateway.spending import Scope, check_number, scope_of
from gateway.store import accounts
from gateway.store.engine import Store
from gateway.store.ledger import scopes
from gateway.store.wake import ACCOUNTS, Wake

POSTMASTER = "postmaster"

KEPT_FOR = timedelta(seconds=5)
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxRoute:
    account: Account
    faxbox: Faxbox
    number: str
    """The local part as written."""
    destination: str
    """E.164 with `+`."""
    options: FaxOptions = NONE
    dsn: DsnRequest | None = None
    """What the sender has asked to be told of it."""
    limited: bool = False
    """Whether those who pay have limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxTarget:
    """A number at a served domain, before it is known who sends."""

    account: Account
    boxes: tuple[Faxbox, ...]
    """Those that mail to the domain may use; the oldest first."""
    number: str
    """The local part as written."""
    destination: str
    """E.164 with `+`."""
    limited: bool = False
    """Whether the account, or one above it, has limits."""

    def through(self, faxbox: Faxbox, dsn: DsnRequest | None = None) -> FaxRoute:
        """The way of a fax through this faxbox. Raises NotPermitted where it may not dial the number."""
        scope = scope_of("faxbox", faxbox)
        check_number((scope,), self.destination)
        return FaxRoute(
            account=self.account,
            faxbox=faxbox,
            number=self.number,
            destination=self.destination,
            dsn=dsn,
            limited=self.limited or scope.has_limits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRoute:
    """`postmaster@` a served domain, or `postmaster` alone (RFC 5321 4.5.1)."""

    account: Account | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceRoute:
    """The envelope sender of one of our mails."""

    notice_id: str


Served = tuple[Account, list[Faxbox], tuple[Scope, ...]] | None
"""Whose domain it is, its faxboxes, and the accounts that pay."""


class Routing:
    def __init__(self, store: Store, wake: Wake, clock: Clock, bounces: BounceAddresses | None = None) -> None:
        self._store = store
        self._bounces = bounces
        self._clock = clock
        self._changed = wake.event(ACCOUNTS)
        self._kept: dict[str, tuple[datetime, Served]] = {}

    async def owner(self, domain: str) -> Account | None:
        """The account that mail to `domain` is for; None where nobody owns it. Raises OurTrouble."""
        served = await self._served(domain.lower())
        return None if served is None else served[0]

    async def route(self, local: str, domain: str) -> FaxTarget | OperatorRoute | BounceRoute:
        """Where a recipient leads; which of the faxboxes sends is for `smtp.senders` to say.

        Raises UnknownDomain, BadNumber, NotFound; NotPermitted where the account may not dial the number; OurTrouble
        when the database cannot say.
        """
        if not domain and local.lower() == POSTMASTER:
            return OperatorRoute(account=None, address=local)
        bounces = self._bounces if self._bounces and self._bounces.domain == domain.lower() else None
        if bounces is not None and local.lower().startswith(PREFIX):
            if (notice_id := bounces.notice_of(local)) is None:
                raise NotFound("There is no such address.")
            return BounceRoute(notice_id=notice_id)
        served = await self._served(domain.lower())
        if served is None and bounces is not None and local.lower() == POSTMASTER:
            return OperatorRoute(account=None, address=f"{local}@{domain}")
        if served is None:
            raise UnknownDomain(f"{domain} is not served here.")
        account, boxes, above = served
        if local.lower() == POSTMASTER:
            return OperatorRoute(account=account, address=f"{local}@{domain}")
        destination = to_e164(local, account.country)
        check_number(above, destination)
        return FaxTarget(
            account=account,
            boxes=tuple(boxes),
            number=local,
            destination=destination,
            limited=any(scope.has_limits for scope in above),
        )

    async def _served(self, domain: str) -> Served:
        if self._changed.is_set():
            self._changed.clear()
            self._kept.clear()
        now = self._clock.now()
        kept = self._kept.get(domain)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        async with self._store.read() as connection:
            found = await accounts.served(connection, domain)
            served = found and (*found, await connection.run_sync(scopes, (found[0].id, None)))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[domain] = now, served
        return served
