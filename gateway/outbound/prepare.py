"""Makes the fax image: documents as mailed -> one normalised PDF -> the image, checked -> pending.

The documents are opened in a worker process with limits. One that is refused there ends the fax `failed`, and the
sender is told why; trouble of our own puts it off.
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.documents.normalise import Source
from gateway.documents.prepare import prepare as make_image
from gateway.errors import FaxgateError, OurTrouble, Refused
from gateway.fax import Fax, Status
from gateway.ids import new_id
from gateway.languages import said
from gateway.notices import about_end
from gateway.outbound.paper import cover_of, has_cover, rendering_of
from gateway.ports import Documents, NewDocument
from gateway.sandbox import Sandbox
from gateway.spending import LimitPassed
from gateway.stationery import Templates
from gateway.storage import key_for
from gateway.store import accounts, faxes, notices
from gateway.store.engine import Store
from gateway.store.ledger import settle
from gateway.store.wake import DIAL, NOTICES, Wake

log = logging.getLogger(__name__)

PUT_OFF = timedelta(seconds=60)
GIVE_UP_AFTER = timedelta(hours=24)
"""As with every trouble of ours: after a day the sender is told."""


@dataclass(frozen=True, slots=True)
class FaxImage:
    """What `render` has stored."""

    pdf_key: str
    image_key: str
    pages: int


@dataclass(frozen=True, slots=True)
class Made:
    """The same, not stored."""

    pdf: Path
    image: Path
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What preparing needs."""

    store: Store
    documents: Documents
    sandbox: Sandbox
    wake: Wake
    clock: Clock
    spool: Path
    """A folder on the documents' file system, so that what is made there can be moved into the store."""
    max_pages: int
    templates: Templates

    async def prepare(self, fax: Fax) -> None:
        """Prepare a claimed fax. Raises LostClaim when it was taken over or cancelled meanwhile."""
        try:
            image = await self._image(fax)
        except Refused as error:
            log.info("fax %s: document refused: %s", fax.id, error)
            await self._refuse(fax, error)
        except FaxgateError as error:
            log.error("fax %s cannot be prepared now: %s %s", fax.id, error, error.detail)
            if self.clock.now() - fax.created_at < GIVE_UP_AFTER:
                await self._put_off(fax, error)
            else:
                await self._refuse(fax, error)
        else:
            await self._ready(fax, image)

    async def _ready(self, fax: Fax, image: FaxImage) -> None:
        now = self.clock.now()
        try:
            async with self.store.begin() as connection:
                await connection.run_sync(settle, fax, image.pages, now)
                await faxes.move(
                    connection,
                    fax,
                    Status.PENDING,
                    now,
                    due_at=max(now, fax.send_at or now),
                    error="",
                    pdf_key=image.pdf_key,
                    image_key=image.image_key,
                    pages=image.pages,
                )
        except LimitPassed as passed:
            log.info("fax %s: %s", fax.id, passed)
            await self._refuse(fax, passed.error)
        else:
            await self.wake.notify(DIAL)

    async def _image(self, fax: Fax) -> FaxImage:
        async with self.store.read() as connection:
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
        # A cover names its recipient: only what has none can be sent to many as it is.
        shared = None if has_cover(fax, box) else await self._of_sibling(fax)
        return shared or await self.render(fax, await self._sources(fax))

    async def _of_sibling(self, fax: Fax) -> FaxImage | None:
        """The image of another fax of the same mail: rendered once, sent to many."""
        async with self.store.read() as connection:
            sibling = await faxes.rendered_sibling(connection, fax)
        return None if sibling is None else FaxImage(sibling.pdf_key, sibling.image_key, sibling.pages)

    async def _sources(self, fax: Fax) -> list[Source]:
        return [
            (await self.documents.open(document.key), document.content_type, document.name)
            for document in fax.documents
        ]

    async def render(self, fax: Fax, sources: Sequence[Source]) -> FaxImage:
        """Make and store the normalised PDF and the fax image of documents: (path, sniffed type, name) of each.

        Raises DocumentRefused, OurTrouble.
        """
        async with self.made(fax, sources) as made:
            now = self.clock.now()
            pdf_key, image_key = (key_for(new_id(), kind, now) for kind in ("application/pdf", "image/tiff"))
            await self.documents.put([NewDocument(pdf_key, made.pdf), NewDocument(image_key, made.image)])
        return FaxImage(pdf_key, image_key, made.pages)

    @asynccontextmanager
    async def made(self, fax: Fax, sources: Sequence[Source]) -> AsyncIterator[Made]:
        """The normalised PDF and the fax image, as files that go with the context. Raises as `render` does."""
        async with self.store.read() as connection:
            account = await accounts.account(connection, fax.account_id)
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
        cover = None
        if box is not None and has_cover(fax, box):
            template, logo = await asyncio.to_thread(self.templates.cover, account.id)
            say = await asyncio.to_thread(self.templates.language, account.id, account.language)
            cover = cover_of(fax, box, account, template, logo, self.clock.now(), say)
        try:
            folder = Path(tempfile.mkdtemp(prefix="prepare-", dir=self.spool))
        except OSError as error:
            raise OurTrouble(said("The document cannot be prepared right now."), detail=str(error)) from error
        try:
            pdf, image = folder / "fax.pdf", folder / "fax.tiff"
            rendering = rendering_of(fax, box, account)
            pages = await self.sandbox.run(make_image, sources, pdf, image, self.max_pages, rendering, cover)
            yield Made(pdf, image, pages)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _refuse(self, fax: Fax, error: FaxgateError) -> None:
        now = self.clock.now()
        async with self.store.begin() as connection:
            await faxes.move(connection, fax, Status.FAILED, now, error=error.text)
            await connection.run_sync(notices.add, await about_end(connection, fax, Status.FAILED, now))
        await self.wake.notify(NOTICES)

    async def _put_off(self, fax: Fax, error: FaxgateError) -> None:
        now = self.clock.now()
        async with self.store.begin() as connection:
            await faxes.change(
                connection, fax, now, due_at=now + PUT_OFF, claim_token=None, lease_until=None, error=error.text
            )
