"""A fax comes in: `receiving` while the call runs, then stored and mailed.

The line tells of the call (`gateway.ports.IncomingCalls`). The fax's id is the call's, so that a line that tells of a
call again, after a crash or in several processes at once, changes nothing: whoever is first writes it, and the others
find it told. When `ended` returns, image, PDF, status and notices are committed.
"""

import asyncio
import logging
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.alerts import Operator
from gateway.callers import why_junk
from gateway.clock import Clock
from gateway.documents.received import received as to_pdf
from gateway.errors import FaxgateError
from gateway.explanations import explain_received
from gateway.fax import Attempt, CallResult, Direction, Fax, Progress, Status
from gateway.ids import new_id
from gateway.notices import about_received, about_trouble
from gateway.outbound.progress import describe
from gateway.ports import Documents, IncomingCall, NewDocument
from gateway.sandbox import Sandbox
from gateway.storage import key_for
from gateway.store import accounts, attempts, faxes, notices
from gateway.store.engine import Store
from gateway.store.faxes import LostClaim
from gateway.store.wake import NOTICES, Wake

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What receiving needs; implements `gateway.ports.IncomingCalls`."""

    store: Store
    documents: Documents
    sandbox: Sandbox
    wake: Wake
    clock: Clock
    spool: Path
    operator: Operator

    async def answers(self, number: str) -> str | None:
        async with self.store.read() as connection:
            box = await accounts.faxbox_by_number(connection, number)
        if box is None:
            return None
        return box.fax_identity or number

    async def began(self, call: IncomingCall) -> None:
        now = self.clock.now()
        async with self.store.begin() as connection:
            if await faxes.known(connection, call.call_id) is not None:
                return
            box = await accounts.faxbox_by_number(connection, call.to_number)
            if box is None:
                log.error("call %s to %s: no faxbox owns the number any more", call.call_id, call.to_number)
                return
            account = await accounts.account(connection, box.account_id)
            fax = Fax(
                id=call.call_id,
                account_id=box.account_id,
                faxbox_id=box.id,
                direction=Direction.INBOUND,
                status=Status.RECEIVING,
                created_at=call.started_at,
                updated_at=now,
                via="line",
                from_number=call.from_number,
                to_name=box.name,
                to_number=call.to_number,
                destination=call.to_number,
                retries=0,
                attempts=1,
                junk=why_junk(call.from_number, box, account, account.country),
                progress=Progress(call_id=call.call_id, stage="answered"),
            )
            # The call record decides who is first; and it stays where the fax was removed since.
            if not await attempts.begin_once(connection, _call_record(fax, call)):
                return
            await connection.run_sync(faxes.add, [fax])
        unwanted = f" (junk: {fax.junk})" if fax.junk else ""
        log.info("fax %s: incoming from %s to %s%s", fax.id, call.from_number, call.to_number, unwanted)

    async def progressed(self, progress: Progress) -> None:
        log.info("fax %s: incoming, %s", progress.call_id, describe(progress))
        with suppress(LostClaim):  # it has ended meanwhile
            async with self.store.begin() as connection:
                fax = await faxes.known(connection, progress.call_id)
                if fax is not None and fax.status is Status.RECEIVING:
                    await faxes.change(connection, fax, self.clock.now(), pages=progress.page, progress=progress)

    async def ended(self, call: IncomingCall, result: CallResult, image: Path | None) -> bool:
        await self.began(call)
        async with self.store.read() as connection:
            fax = await faxes.known(connection, call.call_id)
        if fax is None or fax.status is not Status.RECEIVING:
            return fax is None or image is None or bool(fax.image_key)  # told before, or deleted, or nobody's
        keys = await self._keep(image) if image is not None and result.pages else ("", "")
        try:
            await self._finish(fax, call.line, _status(result, image), result, *keys)
        except LostClaim:
            # What we have stored of it belongs to nobody, and is swept.
            log.info("fax %s: another process was told of its end at the same time", fax.id)
        return True

    async def _finish(
        self, fax: Fax, line: str, status: Status, result: CallResult, pdf_key: str, image_key: str
    ) -> None:
        """Raises LostClaim where it is told already."""
        ended = replace(fax, status=status, result=result, pages=result.pages)
        now = self.clock.now()
        async with self.store.begin() as connection:
            await faxes.move(
                connection,
                fax,
                status,
                now,
                result=result,
                pages=result.pages,
                pdf_key=pdf_key,
                image_key=image_key,
                error="" if status is Status.RECEIVED else explain_received(result).sentence,
            )
            await attempts.finish(connection, fax.id, status, result)
            # Of junk a digest tells (`gateway.junk`).
            if not fax.junk and (status is not Status.FAILED or _was_machine(result)):
                await connection.run_sync(notices.add, await about_received(connection, ended, now))
            trouble = await about_trouble(connection, self.operator, fax, line, result, now)
            await connection.run_sync(notices.add, trouble)
        log.info("fax %s: %s, %d pages", fax.id, status, result.pages)
        await self.wake.notify(NOTICES)

    async def _keep(self, image: Path) -> tuple[str, str]:
        """Store the image as received and as PDF. The line keeps its own file until `ended` has returned."""
        now = self.clock.now()
        pdf_key, image_key = (key_for(new_id(), kind, now) for kind in ("application/pdf", "image/tiff"))
        folder = Path(tempfile.mkdtemp(prefix="received-", dir=self.spool))
        try:
            pdf, copy = folder / "fax.pdf", folder / "fax.tiff"
            await asyncio.to_thread(shutil.copyfile, image, copy)
            try:
                await self.sandbox.run(to_pdf, copy, pdf)
            except FaxgateError as error:
                # The image is what the far end sent; that we cannot draw it must not lose it.
                log.error("a received image cannot be made a PDF: %s %s", error, error.detail)
                await self.documents.put([NewDocument(image_key, copy)])
                return "", image_key
            await self.documents.put([NewDocument(pdf_key, pdf), NewDocument(image_key, copy)])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return pdf_key, image_key


def _was_machine(result: CallResult) -> bool:
    """Whether a fax machine has called: nobody is told of people who dial the number by mistake."""
    return bool(result.remote_station_id or result.rate)


def _status(result: CallResult, image: Path | None) -> Status:
    if image is None or result.pages == 0:
        return Status.FAILED
    return Status.RECEIVED if result.success else Status.PARTIAL


def _call_record(fax: Fax, call: IncomingCall) -> Attempt:
    return Attempt(
        id=call.call_id,
        fax_id=fax.id,
        account_id=fax.account_id,
        faxbox_id=fax.faxbox_id,
        direction=Direction.INBOUND,
        number=1,
        line=call.line,
        from_number=call.from_number,
        to_number=call.to_number,
        started_at=call.started_at,
    )
