"""Gets the document of a fax that names a URL: fetched, rendered, stored; in `processing`, before the first call.

No call has begun, so a crash costs nothing but fetching again. What may pass (no connection, an overloaded server) is
tried again at once, as often as the fax has retries but a few times at most; after that the fax has failed, as the
Faxes API says it: "could not retrieve file, http response NNN".
"""

import asyncio
import logging
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.documents import refusals
from gateway.documents.installed import taken
from gateway.documents.kinds import NEVER_HTML, Kind, kind_of, suffix_of
from gateway.documents.normalise import Source
from gateway.errors import NotPermitted
from gateway.fax import Document, DocumentRequest, Fax
from gateway.fetching import Fetcher, NotRetrieved
from gateway.ids import new_id
from gateway.outbound.prepare import Preparation
from gateway.ports import NewDocument
from gateway.spending import LimitPassed
from gateway.storage import key_for
from gateway.store import faxes
from gateway.store.ledger import settle

log = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the tries; there are no more of them than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What fetching needs."""

    fetcher: Fetcher
    preparation: Preparation

    async def fetch(self, fax: Fax) -> Fax:
        """The claimed fax with its image. Raises NotRetrieved, DocumentRefused and NotPermitted, which end it;
        OurTrouble, which puts it off; LostClaim when it was taken over meanwhile."""
        assert fax.request is not None
        prepared = self.preparation
        folder = Path(tempfile.mkdtemp(prefix="fetch-", dir=prepared.spool))
        try:
            file, kind, name = source = await self.retrieved(fax, fax.request, folder)
            size = file.stat().st_size
            image = await prepared.render(fax, [source])
            key = key_for(new_id(), kind, prepared.clock.now())
            await prepared.documents.put([NewDocument(key, file)])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        documents = (Document(key=key, name=name, content_type=kind, bytes=size),)
        found = replace(
            fax, documents=documents, pdf_key=image.pdf_key, image_key=image.image_key, pages=image.pages, error=""
        )
        now = prepared.clock.now()
        try:
            async with prepared.store.begin() as connection:
                await connection.run_sync(settle, fax, image.pages, now)
                await faxes.change(
                    connection,
                    fax,
                    now,
                    documents=found.documents,
                    pdf_key=found.pdf_key,
                    image_key=found.image_key,
                    pages=found.pages,
                    error="",
                )
        except LimitPassed as passed:
            raise NotPermitted(passed.error.text) from passed
        return found

    async def retrieved(self, fax: Fax, request: DocumentRequest, folder: Path) -> Source:
        """The document, in `folder`. Raises NotRetrieved, DocumentRefused."""
        file = folder / "document"
        name = await self._retrieve(fax, request, file)
        return file, await asyncio.to_thread(_kind, file, name), name

    async def _retrieve(self, fax: Fax, request: DocumentRequest, file: Path) -> str:
        for pause in PAUSES[: fax.retries]:
            try:
                return await self.fetcher.fetch(request, file)
            except NotRetrieved as error:
                if not error.may_pass:
                    raise
                log.info("fax %s: %s; again in %g s. %s", fax.id, error, pause, error.detail)
            await asyncio.sleep(pause)
        return await self.fetcher.fetch(request, file)


def _kind(file: Path, name: str) -> Kind:
    """What the bytes are. Raises DocumentRefused for what cannot be faxed."""
    kind = kind_of(file, name)
    if kind is Kind.HTML and suffix_of(name) in NEVER_HTML:
        raise refusals.web_page(name)
    if kind not in taken():
        raise refusals.not_taken(name, kind)
    return kind
