"""Removes faxes that have ended, and their documents, for good.

Gone are the row, the files (but those that another fax still refers to) and the notices; with the last fax of a mail
also the mail's subject and the names of its attachments in the smtplog. What remains is the call records and an audit
entry, both without content, and for a day a digest by which the same mail is known when it comes again
(`gateway.store.repeats`). The files go behind the commit, which has written down which (`gateway.erasure`): nobody
waits for the documents store with a write of his own, and a crash between the two leaves nothing that is not erased
later. So is what the store cannot erase just now; nobody can have it by then.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit, erasure
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound, OurTrouble
from gateway.fax import ENDED, Direction, Fax
from gateway.ports import Documents
from gateway.store import audit as audit_log
from gateway.store import erasures, faxes, repeats, smtplog
from gateway.store.engine import Store
from gateway.store.erasures import Erasure

log = logging.getLogger(__name__)

ERASED_WITHIN = 10.0
"""Seconds that whoever removes a fax waits for the documents store."""

Check = Callable[[Fax], None]
"""Raises where the fax is not as the caller expects it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What removing needs."""

    store: Store
    documents: Documents
    clock: Clock

    async def remove(self, account_id: str, fax_id: str, direction: Direction, actor: Actor, check: Check) -> Fax:
        """Remove a fax; returns it as it was. Raises NotFound, and Conflict while it is in progress."""
        fax, going = await self.take_away(account_id, fax_id, direction, actor, check)
        await self._erase(going)
        return fax

    async def take_away(
        self, account_id: str, fax_id: str, direction: Direction, actor: Actor, check: Check
    ) -> tuple[Fax, list[Erasure]]:
        """Remove a fax, and leave its documents to be erased: the fax as it was, and these. Raises as `remove`."""
        async with self.store.begin() as connection:
            fax = await self._ended(connection, account_id, fax_id, direction, check)
            going = await self._let_go(connection, fax)
            await faxes.delete_ended(connection, fax)
            await connection.run_sync(repeats.keep, fax, self.clock.now())
            if fax.submission_id and not await faxes.of_submission(connection, fax.submission_id):
                await smtplog.blank(connection, fax.submission_id)
            await connection.run_sync(audit_log.add, [audit.of_fax(actor, audit.REMOVED, fax, self.clock.now())])
        return fax, going

    async def remove_document(
        self, account_id: str, fax_id: str, direction: Direction, actor: Actor, check: Check
    ) -> Fax:
        """Remove the document of a fax and keep the rest; returns the fax as it is then. Raises as `remove` does, and
        NotFound where there is no document."""
        async with self.store.begin() as connection:
            fax = await self._ended(connection, account_id, fax_id, direction, check)
            if not faxes.keys_of(fax):
                raise NotFound("The document has been removed." if fax.pages else "This fax has no document.")
            going = await self._let_go(connection, fax)
            await faxes.change(connection, fax, self.clock.now(), documents=(), pdf_key="", image_key="")
            await connection.run_sync(
                audit_log.add, [audit.of_fax(actor, audit.DOCUMENT_REMOVED, fax, self.clock.now())]
            )
            bare = await faxes.find(connection, fax_id, account_id)
        await self._erase(going)
        return bare

    async def _ended(
        self, connection: AsyncConnection, account_id: str, fax_id: str, direction: Direction, check: Check
    ) -> Fax:
        await connection.run_sync(faxes.lock_documents, account_id)
        fax = await faxes.find(connection, fax_id, account_id)
        if fax.direction is not direction:
            raise NotFound("There is no such fax here.")
        check(fax)
        if fax.status not in ENDED:
            raise Conflict(f"The fax is {fax.status}; it can be removed when it has ended.")
        return fax

    async def _let_go(self, connection: AsyncConnection, fax: Fax) -> list[Erasure]:
        """Write down what is to be erased: the documents that no other fax refers to. Nobody can come to refer to them
        again: their fax goes in the same transaction. Raises Conflict."""
        needed, now = await faxes.keys_in_use(connection, fax), self.clock.now()
        going = [
            Erasure(key=key, account_id=fax.account_id, fax_id=fax.id, since=now, due_at=now)
            for key in dict.fromkeys(faxes.keys_of(fax))
            if key not in needed
        ]
        await erasures.add(connection, going)
        return going

    async def _erase(self, going: list[Erasure]) -> None:
        """What is committed is done, whatever comes now: the housekeeping makes up for it."""
        try:
            await erasure.erase(self.store, self.documents, self.clock.now(), going, ERASED_WITHIN)
        except (OurTrouble, TimeoutError) as error:
            log.warning("documents of a removed fax are left to be erased by the housekeeping: %r", error)
