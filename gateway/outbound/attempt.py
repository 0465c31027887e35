"""One call of a fax, and what follows from its result.

The attempt, its call id and the next due time are written before dialling, so that after a crash the line can be asked
about that very call. A duplicate fax is worse than a late one: a call whose outcome nobody knows is not dialled again.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from gateway import retry
from gateway.accounts import Account, Faxbox
from gateway.clock import Clock
from gateway.errors import BadNumber, FaxgateError, NotFound, Refused
from gateway.explanations import explain
from gateway.fax import Attempt, CallResult, Direction, Fax, Progress, Status
from gateway.ids import new_id
from gateway.notices import about_end
from gateway.numbers import to_e164
from gateway.outbound.fetch import Fetching
from gateway.outbound.prepare import GIVE_UP_AFTER, PUT_OFF
from gateway.outbound.progress import ProgressWriter
from gateway.ports import CallOrder, CallState, Documents, Line
from gateway.store import accounts, attempts, faxes, notices, queue
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim
from gateway.store.wake import DIAL, NOTICES, Wake

log = logging.getLogger(__name__)

UNKNOWN = "The outcome is unknown: the fax may have arrived. Please ask the recipient before you send it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """What calling needs."""

    store: Store
    documents: Documents
    lines: Sequence[Line]
    wake: Wake
    clock: Clock
    lease: timedelta
    fetching: Fetching
    _fetches: dict[str, asyncio.Task[Fax]] = field(default_factory=dict)
    """Documents that are being fetched for a fax now."""
    _live: dict[str, tuple[Line, str]] = field(default_factory=dict)
    """Our calls now: fax id -> line, call id."""
    _stopped: set[str] = field(default_factory=set)
    """Faxes whose call we have hung up because the gateway stops."""

    def is_live(self, fax_id: str) -> bool:
        return fax_id in self._live

    async def hang_up(self, fax_id: str) -> None:
        """End the call of a fax, or the fetching of its document, if there is one here."""
        if fax_id in self._fetches:
            self._fetches[fax_id].cancel()
        if fax_id in self._live:
            line, call_id = self._live[fax_id]
            log.info("fax %s: hanging up call %s", fax_id, call_id)
            await line.hang_up(call_id)

    async def stop_call(self, fax_id: str) -> None:
        """Hang up because the gateway stops: that is no fault of the far end, and uses up none of the tries."""
        self._stopped.add(fax_id)
        await self.hang_up(fax_id)

    async def attempt(self, fax: Fax, line: Line) -> None:
        """Fetch the document of a claimed fax where that is still to do, and call once. Raises LostClaim when the fax
        was taken over meanwhile."""
        if fax.request is not None and not fax.image_key:
            fetched = await self._fetch(fax)
            if fetched is None:
                return
            fax = fetched
        async with self.store.read() as connection:
            account = await accounts.account(connection, fax.account_id)
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
        try:
            image = await self.documents.open(fax.image_key)
        except NotFound as error:
            await self._end(fax, None, Status.FAILED, None, error.text)
            return
        attempt = await self._begin(replace(fax, from_number=_e164(fax.from_number, account)), line)
        order = _order(fax, attempt, box, account, image)
        if self.clock.now() >= attempt.started_at + self.lease:
            # This process was asleep since it wrote the attempt down: somebody else may have dialled meanwhile.
            raise LostClaim(f"the lease of fax {fax.id} ran out before its call began")
        writer = ProgressWriter(self.store, self.clock, fax)
        log.info("fax %s: calling %s, call %s on %s", fax.id, fax.destination, attempt.id, line.name)
        self._live[fax.id] = line, attempt.id
        try:
            result = await line.call(order, writer.progress)
        except Exception:
            # The line does not know how the call ended; perhaps its record does.
            log.exception("fax %s: call %s broke off", fax.id, attempt.id)
            await self.settle(replace(fax, attempts=attempt.number))
            return
        finally:
            del self._live[fax.id]
            await writer.close()
        await self._conclude(fax, attempt, result)
        await line.forget(attempt.id)

    async def _fetch(self, fax: Fax) -> Fax | None:
        """The fax with its document; None where it has ended, or is put off."""
        fetch = self._fetches[fax.id] = asyncio.create_task(self.fetching.fetch(fax), name=f"fetch {fax.id}")
        try:
            await asyncio.wait({fetch})
        finally:
            del self._fetches[fax.id]
            fetch.cancel()
        if fetch.cancelled():
            await self._redial(fax, None)
            return None
        try:
            fetched = fetch.result()
        except Refused as error:
            log.info("fax %s: %s %s", fax.id, error, error.detail)
            await self._end(fax, None, Status.FAILED, None, error.text)
        except FaxgateError as error:
            log.error("fax %s: its document cannot be prepared now: %s %s", fax.id, error, error.detail)
            now = self.clock.now()
            if now - fax.created_at < GIVE_UP_AFTER:
                await self._again(fax, None, None, retry.RetryAt(now + PUT_OFF, counted=False), error.text)
            else:
                await self._end(fax, None, Status.FAILED, None, error.text)
        except Exception:
            # A fault of ours that would come again: the sender hears of it instead of waiting for ever.
            log.exception("fax %s: its document could not be fetched", fax.id)
            await self._end(fax, None, Status.FAILED, None, "The document could not be retrieved.")
        else:
            if not await self._is_cancelled(fax):
                return fetched
            await self._end(fax, None, Status.CANCELLED, None, "Cancelled before it was sent.")
        return None

    async def settle(self, fax: Fax) -> None:
        """Find out what became of the call of a fax that its worker left behind, claimed by us now."""
        async with self.store.read() as connection:
            calls = await attempts.of_fax(connection, fax.id)
        attempt = calls[-1] if calls else None
        if attempt is None or attempt.outcome:
            log.warning("fax %s was claimed but not dialled: back into the queue", fax.id)
            await self._redial(fax, None)
            return
        line = next((line for line in self.lines if line.name == attempt.line), None)
        record = None if line is None else await line.settle(attempt.id)
        state = CallState.UNKNOWN if record is None else record.state
        log.warning("fax %s: call %s was in doubt and is %s", fax.id, attempt.id, state)
        match state:
            case CallState.LIVE:
                return  # the lease runs out, and the line is asked again
            case CallState.ENDED:
                assert record is not None
                assert record.result is not None
                await self._conclude(fax, attempt, record.result)
            case CallState.UNANSWERED:
                await self._redial(fax, attempt)
            case CallState.UNKNOWN:
                await self._end(fax, attempt, Status.FAILED, None, UNKNOWN, outcome="unknown")
        if line is not None:
            await line.forget(attempt.id)

    async def _begin(self, fax: Fax, line: Line) -> Attempt:
        now = self.clock.now()
        attempt = Attempt(
            id=new_id(),
            fax_id=fax.id,
            account_id=fax.account_id,
            faxbox_id=fax.faxbox_id,
            direction=Direction.OUTBOUND,
            number=fax.attempts + 1,
            line=line.name,
            from_number=fax.from_number,
            to_number=fax.destination,
            started_at=now,
        )
        async with self.store.begin() as connection:
            await attempts.begin(connection, attempt)
            await faxes.change(
                connection,
                fax,
                now,
                attempts=attempt.number,
                first_dialled_at=fax.first_dialled_at or now,
                due_at=now + timedelta(seconds=60),
                lease_until=now + self.lease,
                progress=Progress(call_id=attempt.id, stage="dialling", pages=fax.pages),
            )
        return attempt

    async def _conclude(self, fax: Fax, attempt: Attempt, result: CallResult) -> None:
        """Decide what follows, and write it down with the call record and the notices in one transaction."""
        now = self.clock.now()
        cancelled = await self._is_cancelled(fax)
        verdict = retry.decide(replace(fax, attempts=attempt.number), result, now)
        error = explain(result).sentence
        match verdict:
            case retry.Done():
                await self._end(fax, attempt, Status.COMPLETED, result, "")
            case _ if cancelled:
                await self._end(fax, attempt, Status.CANCELLED, result, "Cancelled; the call was hung up.")
            case _ if fax.id in self._stopped:
                await self._again(fax, attempt, result, retry.RetryAt(now, counted=False), "The gateway was stopped.")
            case retry.GiveUp():
                log.info("fax %s: given up: %s", fax.id, verdict.reason)
                await self._end(fax, attempt, Status.FAILED, result, error, counted=verdict.counted)
            case retry.RetryAt():
                await self._again(fax, attempt, result, verdict, error)

    async def _redial(self, fax: Fax, attempt: Attempt | None) -> None:
        """Nothing can have reached the far end: due again at once, and not counted."""
        if await self._is_cancelled(fax):
            await self._end(fax, attempt, Status.CANCELLED, None, "Cancelled.", counted=False)
        else:
            await self._again(fax, attempt, None, retry.RetryAt(self.clock.now(), counted=False), "")

    async def _is_cancelled(self, fax: Fax) -> bool:
        async with self.store.read() as connection:
            return (await faxes.find(connection, fax.id)).cancel_requested

    async def _again(
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
                result=result or fax.result,
                error=error,
            )
            await queue.release_slots(connection, fax.id)
        log.info("fax %s: %s next call at %s", fax.id, error, verdict.at)
        await self.wake.notify(DIAL)

    async def _end(
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
                result=result or fax.result,
                error=error,
            )
            await connection.run_sync(notices.add, await about_end(connection, fax, status, now))
            await queue.release_slots(connection, fax.id)
        log.info("fax %s: %s %s", fax.id, status, error)
        await self.wake.notify(DIAL, NOTICES)


STATION_ID_LENGTH = 20
"""T.30 5.3.6.2.4-6: an identification has 20 characters."""


def _order(fax: Fax, attempt: Attempt, box: Faxbox | None, account: Account, image: Path) -> CallOrder:
    number = attempt.from_number
    station_id = (box.fax_identity if box else "") or number
    return CallOrder(
        call_id=attempt.id,
        number=fax.destination,
        image=image,
        pages=fax.pages,
        caller_id_number=number,
        caller_id_name=fax.from_name,
        local_station_id=_printable(station_id)[:STATION_ID_LENGTH],
        header_line=_printable((box.fax_header if box else "") or fax.from_name),
        timezone=(box.timezone if box else "") or account.timezone,
        t38=box.t38 if box else None,
    )


def _e164(written: str, account: Account) -> str:
    """What the line tells of the caller: the number as dialled, where what was written is one."""
    try:
        return to_e164(written, account.country)
    except BadNumber:
        return written


def _printable(text: str) -> str:
    """ASCII without controls: all that T.30 can carry."""
    return "".join(character for character in text if " " <= character <= "~").strip()
