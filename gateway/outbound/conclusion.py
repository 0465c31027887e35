"""What follows from a call: the fax is done, dialled again later, or ended, written down with the call record and the
notices in one transaction.

Every change expects the fax as its claim left it and raises LostClaim otherwise: whoever has it now decides.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import retry
from gateway.alerts import Operator
from gateway.clock import Clock
from gateway.explanations import explain
from gateway.fax import Attempt, CallResult, Fax, Status
from gateway.languages import said
from gateway.means import learned, plain
from gateway.notices import about_end, about_trouble
from gateway.ports import Line
from gateway.resuming import of_document
from gateway.store import accounts, attempts, destinations, faxes, notices, queue
from gateway.store.engine import Store
from gateway.store.wake import DIAL, NOTICES, Wake

log = logging.getLogger(__name__)

UNKNOWN = said("The outcome is unknown: the fax may have arrived. Please ask the recipient before you send it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What concluding needs."""

    store: Store
    lines: Sequence[Line]
    wake: Wake
    clock: Clock
    operator: Operator

    async def conclude(self, fax: Fax, attempt: Attempt, result: CallResult, *, stopped: bool = False) -> None:
        """Decide what follows from the result. `stopped`: we have hung up because the gateway stops, which is no fault
        of the far end and uses up none of the tries."""
        now = self.clock.now()
        cancelled = await self.is_cancelled(fax)
        verdict = retry.decide(replace(fax, attempts=attempt.number), result, now)
        whole = of_document(result, attempt.first_page, fax.pages)
        error = explain(whole, attempt.first_page - 1).sentence
        match verdict:
            case retry.Done():
                await self.end(fax, attempt, Status.COMPLETED, result, "")
            case _ if cancelled:
                await self.end(fax, attempt, Status.CANCELLED, result, said("Cancelled; the call was hung up."))
            case _ if stopped:
                await self.again(
                    fax, attempt, result, retry.RetryAt(now, counted=False), said("The gateway was stopped.")
                )
            case retry.GiveUp():
                log.info("fax %s: given up: %s", fax.id, verdict.reason)
                await self.end(fax, attempt, Status.FAILED, result, error, counted=verdict.counted)
            case retry.RetryAt():
                await self.again(fax, attempt, result, verdict, error)

    async def unknown(self, fax: Fax, attempt: Attempt) -> None:
        """Nobody can say how the call ended: a second fax would be worse than none, and the sender is told."""
        await self.end(fax, attempt, Status.FAILED, None, UNKNOWN, outcome="unknown")

    async def redial(self, fax: Fax, attempt: Attempt | None) -> None:
        """Nothing can have reached the far end: due again at once, and not counted."""
        if await self.is_cancelled(fax):
            await self.end(fax, attempt, Status.CANCELLED, None, said("Cancelled."), counted=False)
        else:
            await self.again(fax, attempt, None, retry.RetryAt(self.clock.now(), counted=False), "")

    async def is_cancelled(self, fax: Fax) -> bool:
        async with self.store.read() as connection:
            return (await faxes.find(connection, fax.id)).cancel_requested

    async def again(
        self,
        fax: Fax,
        attempt: Attempt | None,
        result: CallResult | None,
        verdict: retry.RetryAt,
        error: str,
    ) -> None:
        """Back to pending."""
        now = self.clock.now()
        async with self.store.begin() as connection:
            if attempt is not None:
                await attempts.finish(connection, attempt.id, "failed", result, counted=verdict.counted)
            await faxes.move(
                connection,
                fax,
                Status.PENDING,
                now,
                due_at=verdict.at,
                tries=fax.tries + verdict.counted,
                result=_of_fax(fax, attempt, result),
                error=error,
            )
            await queue.release_slots(connection, fax.id)
            alerted = await self._alert(connection, fax, attempt, result)
        log.info("fax %s: %s next call at %s", fax.id, error, verdict.at)
        await self.wake.notify(DIAL, *([NOTICES] if alerted else []))

    async def end(
        self,
        fax: Fax,
        attempt: Attempt | None,
        status: Status,
        result: CallResult | None,
        error: str,
        *,
        outcome: str = "",
        counted: bool = True,
    ) -> None:
        """The fax has ended, and who is to know is told."""
        now = self.clock.now()
        async with self.store.begin() as connection:
            if attempt is not None:
                await attempts.finish(connection, attempt.id, outcome or status, result, counted=counted)
            await faxes.move(
                connection,
                fax,
                status,
                now,
                tries=fax.tries + (attempt is not None and counted),
                result=_of_fax(fax, attempt, result),
                error=error,
            )
            if status is Status.COMPLETED and attempt is not None:
                await self._learn(connection, fax, attempt)
            await connection.run_sync(notices.add, await about_end(connection, fax, status, now))
            await queue.release_slots(connection, fax.id)
            await self._alert(connection, fax, attempt, result)
        log.info("fax %s: %s %s", fax.id, status, error)
        await self.wake.notify(DIAL, NOTICES)

    async def _alert(
        self, connection: AsyncConnection, fax: Fax, attempt: Attempt | None, result: CallResult | None
    ) -> bool:
        """Write to the operator of a trouble of ours; whether there was anything to write."""
        line = attempt.line if attempt else ""
        mails = await about_trouble(connection, self.operator, fax, line, result, self.clock.now())
        await connection.run_sync(notices.add, mails)
        return bool(mails)

    async def _learn(self, connection: AsyncConnection, fax: Fax, attempt: Attempt) -> None:
        """Keep with what means the fax got through."""
        line = next((line for line in self.lines if line.name == attempt.line), None)
        if line is None or attempt.t38 is None:
            return  # what is plain there cannot be said
        box = await accounts.known_faxbox(connection, fax.faxbox_id)
        usual = plain(box.t38 if box else None, line.status().t38)
        known = await destinations.find(connection, fax.account_id, fax.destination)
        found = learned(known, attempt.means, usual, self.clock.now())
        if found != known:
            log.info("fax %s: %s is remembered of %s", fax.id, found.means if found else "nothing", fax.destination)
            await destinations.remember(connection, fax.account_id, fax.destination, found)


def _of_fax(fax: Fax, attempt: Attempt | None, result: CallResult | None) -> CallResult | None:
    """What the fax shows as its result after this call; what it showed before, where the call has none."""
    return fax.result if attempt is None or result is None else of_document(result, attempt.first_page, fax.pages)
