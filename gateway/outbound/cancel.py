"""Cancels a fax: what has not begun ends at once, a live call is hung up and `cancelled` follows.

A call that completes meanwhile wins: its fax is `completed`.
"""

from collections.abc import Callable

from gateway import audit
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.fax import Fax, Status
from gateway.notices import about_withdrawal
from gateway.store import audit as audit_log
from gateway.store import faxes, notices
from gateway.store.engine import Store
from gateway.store.wake import CANCEL, NOTICES, Wake


async def cancel(
    store: Store,
    wake: Wake,
    clock: Clock,
    account_id: str,
    fax_id: str,
    actor: Actor,
    check: Callable[[Fax], None] | None = None,
) -> None:
    """Ask for the end of a fax, unless `check` raises. Raises NotFound, and Conflict for a fax that has ended."""
    async with store.begin() as connection:
        if check is not None:
            check(await faxes.find(connection, fax_id, account_id))
        now = clock.now()
        fax = await faxes.request_cancel(connection, fax_id, account_id, now)
        told = [] if fax.status is Status.PROCESSING else about_withdrawal(fax, now)
        await connection.run_sync(notices.add, told)
        noted = audit.entry(actor, audit.CANCELLED, audit.FAX, fax_id, account_id, now)
        await connection.run_sync(audit_log.add, [noted])
    await wake.notify(CANCEL, *([NOTICES] if told else []))
