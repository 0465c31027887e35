"""What has been spent of the limits of faxboxes, accounts and the accounts above them, and who pays for a fax.

Every fax is entered in the transaction that stores it, under a lock of the topmost account where any limit holds: of
two that take the last place at once, in two processes, one is refused. Who pays is there until that transaction ends:
a fax whose account or faxbox has been deleted since it was ordered would be nobody's, and is not entered.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, text, update

from gateway.errors import Unavailable
from gateway.fax import Fax
from gateway.spending import PAGES, WINDOWS, Counts, LimitPassed, Scope, Spent, Standing, check_number, excess, scope_of
from gateway.store import tables

_account, _faxbox, _spent = tables.account, tables.faxbox, tables.spent

KEPT_FOR = max(WINDOWS.values()) + timedelta(hours=1)

Payer = tuple[str, str | None]
"""An account and a faxbox of it."""


def scopes(connection: Connection, payer: Payer) -> tuple[Scope, ...]:
    """Who pays for a fax: its faxbox, its account, the accounts above, in this order."""
    account_id, faxbox_id = payer
    found: list[Scope] = []
    box = connection.execute(select(_faxbox).where(_faxbox.c.id == faxbox_id)).first()
    if box is not None:
        found.append(scope_of("faxbox", box))
    above: str | None = account_id
    asked: set[str] = set()
    while above is not None and above not in asked:
        asked.add(above)
        row = connection.execute(select(_account).where(_account.c.id == above)).first()
        if row is None:
            break
        found.append(scope_of("account", row))
        above = row.parent_id
    return tuple(found)


class Ledger:
    """The books, open in one transaction for the faxes of these payers."""

    def __init__(self, connection: Connection, payers: Iterable[Payer], now: datetime, *, writes: bool = True) -> None:
        """Whoever only looks (`writes` is false) waits for nobody, and may be overtaken."""
        self._connection = connection
        self._now = now
        asked = sorted(set(payers), key=str)
        if writes:
            # Whoever deletes an account, or a faxbox of it, locks the account (`gateway.store.accounts.account`).
            query = select(_account.c.id).where(_account.c.id.in_({account_id for account_id, _ in asked}))
            connection.execute(query.order_by(_account.c.id).with_for_update(read=True, key_share=True))
        self._scopes = {payer: scopes(connection, payer) for payer in asked}
        limited = {one[-1].id for one in self._scopes.values() if any(each.has_limits for each in one)}
        if writes and connection.dialect.name == "postgresql":
            # In the same order everywhere: each is held until the transaction ends.
            for top in sorted(limited):
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"spent by {top}"}
                )

    def enter(self, faxes: Sequence[Fax], counted_pages: int = 0, spender: str = "") -> None:
        """Enter the faxes of one submission, whose documents have at least so many pages, for `spender`, or the sender
        of each. Raises NotPermitted where a number may not be dialled, LimitPassed where a limit would be, Unavailable
        where who pays has been deleted, and then none of them is entered."""
        pages = self.check_all(faxes, counted_pages, spender)
        rows = [
            {
                "payer_id": scope.id,
                "fax_id": fax.id,
                "sender": _spender(fax, spender),
                "destination": fax.destination,
                "pages": pages[fax.id],
                "at": self._now,
            }
            for fax in faxes
            for scope in self._payers(fax)
        ]
        if rows:
            self._connection.execute(insert(_spent), rows)

    def check_all(self, faxes: Sequence[Fax], counted_pages: int = 0, spender: str = "") -> dict[str, int]:
        """As `enter`, which enters them too: the pages of each."""
        for fax in faxes:
            self._check_payers(fax)
            check_number(self._payers(fax), fax.destination)
        pages = {fax.id: fax.pages or counted_pages for fax in faxes}
        self._check_limits(faxes, pages, spender)
        return pages

    def check(self, payer: Payer, sender: str, destination: str) -> None:
        """Whether there is room for one more fax, which has a page at least. Raises LimitPassed."""
        one = Spent(faxes=1, pages=1, destinations=frozenset({destination}))
        for scope in self._scopes[payer]:
            for whose, limits in scope.limited(sender.lower()):
                self._check(scope, whose, limits, one)

    def has_faxed(self, payer: Payer, sender: str, destination: str) -> bool:
        """Whether this sender has sent anything there for as long as the books go back."""
        own = and_(_spent.c.payer_id == payer[0], _spent.c.sender == sender.lower())
        found = select(_spent.c.fax_id).where(own, _spent.c.destination == destination).limit(1)
        return self._connection.execute(found).first() is not None

    def standing(self, payer: Payer, sender: str) -> list[Standing]:
        """The limits that hold for faxes of this sender."""
        found: list[Standing] = []
        for scope in self._scopes[payer]:
            for whose, limits in scope.limited(sender.lower()):
                for what, windows in limits.items():
                    for window, most in windows.items():
                        spent = self._spent(scope, whose, self._now - WINDOWS[window]).of(what)
                        found.append(
                            Standing(scope=scope, sender=whose, what=what, window=window, most=most, spent=spent)
                        )
        return found

    def settle(self, fax: Fax, pages: int) -> None:
        """The fax has this many pages, which was not known when it was entered. Raises LimitPassed."""
        self._connection.execute(update(_spent).where(_spent.c.fax_id == fax.id).values(pages=0))
        entered = self._connection.execute(select(_spent.c.sender).where(_spent.c.fax_id == fax.id).limit(1)).scalar()
        more = Spent(pages=pages)
        for scope in self._payers(fax):
            for sender, limits in scope.limited(_spender(fax, entered)):
                self._check(scope, sender, {PAGES: limits.get(PAGES, {})}, more)
        self._connection.execute(update(_spent).where(_spent.c.fax_id == fax.id).values(pages=pages))

    def _payers(self, fax: Fax) -> tuple[Scope, ...]:
        return self._scopes[fax.account_id, fax.faxbox_id]

    def _check_payers(self, fax: Fax) -> None:
        there = {scope.id for scope in self._payers(fax)}
        if not {fax.account_id, fax.faxbox_id or fax.account_id} <= there:
            raise Unavailable("The faxbox or its account has been deleted just now; send it again.")

    def _check_limits(self, faxes: Sequence[Fax], pages: Mapping[str, int], spender: str) -> None:
        wanted: dict[tuple[str, str], tuple[Scope, Counts, Spent]] = {}
        for fax in faxes:
            one = Spent(faxes=1, pages=pages[fax.id], destinations=frozenset({fax.destination}))
            for scope in self._payers(fax):
                for sender, limits in scope.limited(_spender(fax, spender)):
                    _, _, before = wanted.get((scope.id, sender), (scope, limits, Spent()))
                    wanted[scope.id, sender] = scope, limits, before.with_(one)
        for (_, sender), (scope, limits, spent) in wanted.items():
            self._check(scope, sender, limits, spent)

    def _check(self, scope: Scope, sender: str, limits: Counts, wanted: Spent) -> None:
        for window, length in WINDOWS.items():
            if not any(window in most for most in limits.values()):
                continue
            since = self._now - length
            if passed := excess(scope, sender, limits, window, self._spent(scope, sender, since), wanted):
                raise LimitPassed(passed, self._room_in(scope, sender, since))

    def _spent(self, scope: Scope, sender: str, since: datetime) -> Spent:
        own = _of(scope, sender, since)
        counted = select(func.count(), func.coalesce(func.sum(_spent.c.pages), 0)).where(own)
        faxes, pages = self._connection.execute(counted).one()
        called = self._connection.execute(select(_spent.c.destination).distinct().where(own)).scalars()
        return Spent(faxes=faxes, pages=pages, destinations=frozenset(called))

    def _room_in(self, scope: Scope, sender: str, since: datetime) -> timedelta:
        """When the first of what was spent leaves the window."""
        first = self._connection.execute(select(func.min(_spent.c.at)).where(_of(scope, sender, since))).scalar()
        return timedelta(0) if first is None else first - since


def settle(connection: Connection, fax: Fax, pages: int, now: datetime) -> None:
    """As `Ledger.settle`."""
    Ledger(connection, [(fax.account_id, fax.faxbox_id)], now).settle(fax, pages)


def _spender(fax: Fax, named: str | None) -> str:
    return (named or fax.sender).lower()


def _of(scope: Scope, sender: str, since: datetime) -> ColumnElement[bool]:
    own = and_(_spent.c.payer_id == scope.id, _spent.c.at > since)
    return and_(own, _spent.c.sender == sender) if sender else own


def prune(connection: Connection, now: datetime) -> None:
    """Forget what no limit looks back to."""
    connection.execute(delete(_spent).where(_spent.c.at < now - KEPT_FOR))
