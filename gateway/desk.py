"""The operator's desk: what the command line does on the database of a gateway, running or not.

A running gateway is woken and sees it at once.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from gateway import erasure, retention
from gateway.accounts import Account, Credential, Faxbox
from gateway.audit import OPERATOR, AuditEntry
from gateway.clock import Clock
from gateway.credentials import Credentials
from gateway.errors import BadField, NotFound
from gateway.history import Moment
from gateway.passwords import name_of
from gateway.ports import Documents
from gateway.removal import Removal
from gateway.store import accounts, audit, erasures, expiry, faxes, history, lines, tables
from gateway.store.engine import Store
from gateway.store.listing import Window
from gateway.store.wake import DIAL, Wake


class Desk:
    def __init__(self, store: Store, wake: Wake, documents: Documents, clock: Clock) -> None:
        self.store = store
        self.wake = wake
        self.clock = clock
        self.credentials = Credentials(store, clock)
        self.documents = documents

    async def close(self) -> None:
        await self.wake.stop()
        await self.store.close()

    async def accounts(self) -> list[Account]:
        async with self.store.read() as connection:
            return await accounts.all_accounts(connection)

    async def account_id(self, name: str) -> str:
        """The account of this id, or of this name if only one has it. Raises NotFound, BadField."""
        async with self.store.read() as connection:
            if name in await accounts.account_ids(connection):
                return name
            named = await accounts.accounts_by_name(connection, name)
        if not named:
            raise NotFound(f"There is no account {name}.")
        if len(named) > 1:
            raise BadField("account", f"{len(named)} accounts are called {name}: give the id.")
        return named[0]

    async def audit(self, account: str | None, most: int) -> list[AuditEntry]:
        """The last entries of the audit log, of one account or of all. Raises NotFound, BadField."""
        account_id = None if account is None else await self.account_id(account)
        async with self.store.read() as connection:
            return await audit.page(connection, account_id, Window(limit=most))

    async def purge(self, account: str, before: date) -> dict[str, Any]:
        """Remove the faxes of the account that ended before that day began where the account is. Raises NotFound."""
        account_id, zone = await self._purged(account)
        until = min(datetime.combine(before, time(), zone), self.clock.now())
        removal = Removal(store=self.store, documents=self.documents, clock=self.clock)
        removed = 0
        while more := await retention.purge(removal, account_id, until, actor=OPERATOR):
            removed += more
        await erasure.erase_due(self.store, self.documents, self.clock.now())
        async with self.store.read() as connection:
            stuck = await erasures.stuck(connection, account_id)
        return {
            "account_id": account_id,
            "before": until.isoformat(),
            "removed": removed,
            "documents_not_erased": stuck.documents if stuck else 0,
        }

    async def _purged(self, account: str) -> tuple[str, ZoneInfo]:
        """The account and its time zone; also one that has been deleted, by its id. Raises NotFound, BadField."""
        async with self.store.read() as connection:
            known = await accounts.account_ids(connection)
            if account not in known and await expiry.has_faxes(connection, account):
                return account, ZoneInfo("UTC")
        account_id = await self.account_id(account)
        async with self.store.read() as connection:
            return account_id, ZoneInfo((await accounts.account(connection, account_id)).timezone)

    async def faxboxes(self, account_id: str) -> list[Faxbox]:
        async with self.store.read() as connection:
            return await accounts.faxboxes(connection, account_id)

    async def credential(self, account: str, name: str) -> Credential:
        """The credential of this name in the account of this id or name. Raises NotFound, BadField."""
        sought = name_of(name)
        for one in await self.credentials.of_account(await self.account_id(account)):
            if one.name == sought:
                return one
        raise NotFound(f"There is no credential {name} in this account.")

    async def explain(self, fax_id: str) -> list[Moment]:
        """What happened to a fax, the oldest moment first. Raises NotFound."""
        async with self.store.read() as connection:
            return await history.of_fax(connection, await faxes.find(connection, fax_id))

    async def lines(self, configured: Sequence[str], *others: str) -> list[dict[str, Any]]:
        """The lines of the settings, these others, and what is drained beside them: as the database knows them,
        whichever processes they work in."""
        async with self.store.read() as connection:
            drained = await lines.draining(connection)
            names = list(dict.fromkeys((*configured, *others, *sorted(drained))))
            calls = await lines.under_way(connection, names)
        return [
            {
                "name": name,
                "configured": name in configured,
                "draining": name in drained,
                "since": drained.get(name),
                "calls": calls[name],
            }
            for name in names
        ]

    async def drain(self, name: str, configured: Sequence[str]) -> dict[str, Any]:
        """Give a line no more calls, in any process; those that run go on. Raises NotFound."""
        await self._known(name, configured)
        async with self.store.begin() as connection:
            await lines.drain(connection, name, self.clock.now())
        return await self._line(name, configured)

    async def resume(self, name: str, configured: Sequence[str]) -> dict[str, Any]:
        """Let a line have calls again. Raises NotFound."""
        await self._known(name, configured)
        async with self.store.begin() as connection:
            await lines.resume(connection, name)
        await self.wake.notify(DIAL)
        return await self._line(name, configured)

    async def _known(self, name: str, configured: Sequence[str]) -> None:
        known = [line["name"] for line in await self.lines(configured)]
        if name not in known:
            raise NotFound(f"There is no line {name}; there is {', '.join(known)}.")

    async def _line(self, name: str, configured: Sequence[str]) -> dict[str, Any]:
        return next(line for line in await self.lines(configured, name) if line["name"] == name)

    async def status(self) -> dict[str, Any]:
        """How many faxes are in which state, how many notices, by direction."""
        fax, notice = tables.fax, tables.notice
        async with self.store.read() as connection:
            faxes = await connection.execute(
                select(fax.c.direction, fax.c.status, func.count()).group_by(fax.c.direction, fax.c.status)
            )
            states = await connection.execute(select(notice.c.state, func.count()).group_by(notice.c.state))
            counted: dict[str, Any] = {"outbound": {}, "inbound": {}, "notices": dict(states.all())}
            for direction, status, count in faxes:
                counted[direction][status] = count
        return counted
