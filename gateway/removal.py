"""Removes faxes that have ended, and their documents, for good.

Gone are the row, the files (but those that another fax still refers to) and the notices; with the last fax of a mail
also the mail's subject and the names of its attachments in the smtplog. What remains is the call records and an audit
entry, both without content. The files go before the commit: should the process die between the two, the fax has no
document any more and can be removed again, whereas the other order could leave a file that nobody knows of.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound
from gateway.fax import ENDED, Direction, Fax
from gateway.ports import Documents
from gateway.store import audit as audit_log
from gateway.store import faxes, smtplog
from gateway.store.engine import Store

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
        async with self.store.begin() as connection:
            fax = await self._ended(connection, account_id, fax_id, direction, check)
            await self._delete_files(connection, fax)
            await faxes.delete_ended(connection, fax)
            if fax.submission_id and not await faxes.of_submission(connection, fax.submission_id):
                await smtplog.blank(connection, fax.submission_id)
            await connection.run_sync(audit_log.add, [audit.of_fax(actor, audit.REMOVED, fax, self.clock.now())])
        return fax

    async def remove_document(
        self, account_id: str, fax_id: str, direction: Direction, actor: Actor, check: Check
    ) -> Fax:
        """Remove the document of a fax and keep the rest; returns the fax as it is then. Raises as `remove` does, and
        NotFound where there is no document."""
        async with self.store.begin() as connection:
            fax = await self._ended(connection, account_id, fax_id, direction, check)
            if not faxes.keys_of(fax):
                raise NotFound("The document has been removed." if fax.pages else "This fax has no document.")
            await self._delete_files(connection, fax)
            await faxes.change(connection, fax, self.clock.now(), documents=(), pdf_key="", image_key="")
            await connection.run_sync(
                audit_log.add, [audit.of_fax(actor, audit.DOCUMENT_REMOVED, fax, self.clock.now())]
            )
            return await faxes.find(connection, fax_id, account_id)

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

    async def _delete_files(self, connection: AsyncConnection, fax: Fax) -> None:
        needed = await faxes.keys_in_use(connection, fax)
        await self.documents.delete([key for key in faxes.keys_of(fax) if key not in needed])
