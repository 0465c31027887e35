"""One call of a fax, from the claim to its end.

The attempt, its call id and the next due time are written before dialling, so that after a crash the line can be asked
about that very call. A duplicate fax is worse than a late one: a call whose outcome nobody knows is not dialled again.
A call that outlived its worker is followed on by whoever takes its fax over.
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import retry
from gateway.accounts import Account, Faxbox
from gateway.clock import Clock
from gateway.documents.header import HeaderLine, sent_image
from gateway.errors import FaxgateError, NotFound, Refused
from gateway.fax import Attempt, CallResult, Fax, Progress, Status
from gateway.outbound import plan
from gateway.outbound.conclusion import Conclusion
from gateway.outbound.fetch import Fetching
from gateway.outbound.prepare import GIVE_UP_AFTER, PUT_OFF
from gateway.outbound.progress import ProgressWriter
from gateway.ownership import is_anothers
from gateway.ports import CallOrder, CallState, Documents, Line
from gateway.store import accounts, attempts, destinations, faxes
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim

log = logging.getLogger(__name__)

OnTheLine = Callable[[Callable[[Progress], None]], Awaitable[CallResult]]
"""A call on a line, which is given where its progress goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """What calling needs."""

    store: Store
    documents: Documents
    lines: Sequence[Line]
    clock: Clock
    lease: timedelta
    fetching: Fetching
    conclusion: Conclusion
    spool: Path
    """Where an image lies as a call sends it: with its header line, without the pages that are through."""
    _fetches: dict[str, asyncio.Task[Fax]] = field(default_factory=dict)
    """Documents that are being fetched for a fax now."""
    _live: dict[str, tuple[Line, str]] = field(default_factory=dict)
    """The calls that run under our claims: fax id -> line, call id."""
    _stopped: set[str] = field(default_factory=set)
    """Faxes whose call we have hung up, or do not begin, because the gateway stops."""

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
        """Hang up because the gateway stops."""
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
            calls = await attempts.of_fax(connection, fax.id)
            remembered = await destinations.find(connection, fax.account_id, fax.destination)
            caller_id = await _caller_id(connection, fax, box, account)
        try:
            image = await self.documents.open(fax.image_key)
        except NotFound as error:
            await self.conclusion.end(fax, None, Status.FAILED, None, error.text)
            return
        status = line.status()
        attempt = plan.next_call(fax, box, account, status, calls, remembered, caller_id, self.clock.now())
        header = plan.header_line(fax, attempt, box, account)
        drawn = replace(header, text="") if status.prints_header else header
        async with AsyncExitStack() as stack:
            if attempt.first_page > 1 or drawn.text:
                try:
                    image = await stack.enter_async_context(self._sent(image, attempt.first_page, drawn))
                except (OSError, ValueError) as error:
                    log.error("fax %s: is sent as it was prepared, with nothing drawn or left out: %s", fax.id, error)
                    attempt = replace(attempt, first_page=1)
            printed = plan.header_line(fax, attempt, box, account).text if status.prints_header else ""
            await self._dial(fax, attempt, line, plan.order(fax, attempt, box, account, image, printed))

    @asynccontextmanager
    async def _sent(self, image: Path, first_page: int, header: HeaderLine) -> AsyncIterator[Path]:
        """What the call sends of the image. Raises OSError, ValueError."""
        folder = Path(tempfile.mkdtemp(prefix="sent-", dir=self.spool))
        try:
            sent = folder / "fax.tiff"
            await asyncio.to_thread(lambda: sent.write_bytes(sent_image(image.read_bytes(), first_page, header)))
            yield sent
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _dial(self, fax: Fax, attempt: Attempt, line: Line, order: CallOrder) -> None:
        await self._begin(fax, attempt)
        if self.clock.now() >= attempt.started_at + self.lease:
            # This process was asleep since it wrote the attempt down: somebody else may have dialled meanwhile.
            raise LostClaim(f"the lease of fax {fax.id} ran out before its call began")
        if fax.id in self._stopped:
            await self.conclusion.redial(fax, attempt)
            return
        log.info("fax %s: calling %s, call %s on %s", fax.id, fax.destination, attempt.id, line.name)
        await self._watch(fax, attempt, line, lambda progress: line.call(order, progress))

    async def _fetch(self, fax: Fax) -> Fax | None:
        """The fax with its document; None where it has ended, or is put off."""
        fetch = self._fetches[fax.id] = asyncio.create_task(self.fetching.fetch(fax), name=f"fetch {fax.id}")
        try:
            await asyncio.wait({fetch})
        finally:
            del self._fetches[fax.id]
            fetch.cancel()
        if fetch.cancelled():
            await self.conclusion.redial(fax, None)
            return None
        try:
            fetched = fetch.result()
        except Refused as error:
            log.info("fax %s: %s %s", fax.id, error, error.detail)
            await self.conclusion.end(fax, None, Status.FAILED, None, error.text)
        except FaxgateError as error:
            log.error("fax %s: its document cannot be prepared now: %s %s", fax.id, error, error.detail)
            now = self.clock.now()
            if now - fax.wanted_at < GIVE_UP_AFTER:
                put_off = retry.RetryAt(now + PUT_OFF, counted=False)
                await self.conclusion.again(fax, None, None, put_off, error.text)
            else:
                await self.conclusion.end(fax, None, Status.FAILED, None, error.text)
        except Exception:
            # A fault of ours that would come again: the sender hears of it instead of waiting for ever.
            log.exception("fax %s: its document could not be fetched", fax.id)
            await self.conclusion.end(fax, None, Status.FAILED, None, "The document could not be retrieved.")
        else:
            if not await self.conclusion.is_cancelled(fax):
                return fetched
            await self.conclusion.end(fax, None, Status.CANCELLED, None, "Cancelled before it was sent.")
        return None

    async def _begin(self, fax: Fax, attempt: Attempt) -> None:
        now = attempt.started_at
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
                progress=Progress(call_id=attempt.id, stage="dialling", page=attempt.first_page - 1, pages=fax.pages),
            )

    async def _watch(self, fax: Fax, attempt: Attempt, line: Line, call: OnTheLine, *, settled: bool = False) -> None:
        """Have the call run to its end, writing down how far it has got, and conclude it. `settled`: the line has been
        asked about it before."""
        writer = ProgressWriter(self.store, self.clock, fax, before=attempt.first_page - 1)
        self._live[fax.id] = line, attempt.id
        try:
            result = await call(writer.progress)
        except Exception:
            # The line does not know how the call ended; perhaps its record does.
            log.exception("fax %s: call %s broke off", fax.id, attempt.id)
            result = None
        finally:
            self._live.pop(fax.id, None)
            await writer.close()
        if result is None:
            await self._ask(replace(fax, attempts=attempt.number), attempt, follow=not settled)
            return
        await self.conclusion.conclude(fax, attempt, result, stopped=fax.id in self._stopped)
        await line.forget(attempt.id)

    async def settle(self, fax: Fax) -> None:
        """Find out what became of the call of a fax that its worker left behind, claimed by us now; one that still
        runs is followed to its end. Raises LostClaim when the fax was taken over meanwhile."""
        async with self.store.read() as connection:
            calls = await attempts.of_fax(connection, fax.id)
        attempt = calls[-1] if calls else None
        if attempt is None or attempt.outcome:
            log.warning("fax %s was claimed but not dialled: back into the queue", fax.id)
            await self.conclusion.redial(fax, None)
        else:
            await self._ask(fax, attempt, follow=True)

    async def _ask(self, fax: Fax, attempt: Attempt, *, follow: bool) -> None:
        """Ask the line about a call in doubt. What cannot be said now is left: the lease runs out, and the line is
        asked again."""
        line = next((line for line in self.lines if line.name == attempt.line), None)
        record = None if line is None else await line.settle(attempt.id)
        state = CallState.UNKNOWN if record is None else record.state
        log.warning("fax %s: call %s was in doubt and is %s", fax.id, attempt.id, state)
        match state:
            case CallState.LIVE:
                assert line is not None
                # Where it is live here it runs under a claim that was lost while this process slept.
                if follow and fax.id not in self._live and fax.id not in self._stopped:
                    await self._follow(fax, attempt, line)
                return
            case CallState.UNREACHABLE:
                return
            case CallState.ENDED:
                assert record is not None
                assert record.result is not None
                await self.conclusion.conclude(fax, attempt, record.result, stopped=fax.id in self._stopped)
            case CallState.UNANSWERED:
                await self.conclusion.redial(fax, attempt)
            case CallState.UNKNOWN:
                await self.conclusion.unknown(fax, attempt)
        if line is not None:
            await line.forget(attempt.id)

    async def _follow(self, fax: Fax, attempt: Attempt, line: Line) -> None:
        pages = plan.pages_of(attempt, fax)
        await self._watch(fax, attempt, line, lambda progress: line.follow(attempt.id, pages, progress), settled=True)


async def _caller_id(connection: AsyncConnection, fax: Fax, box: Faxbox | None, account: Account) -> str:
    """Under which number it calls: what was ordered, or the faxbox's, where that has become another account's since."""
    ordered, own = (plan.e164(written, account) for written in (fax.from_number, box.number if box else ""))
    return own if ordered != own and await is_anothers(connection, ordered, account.id) else ordered
