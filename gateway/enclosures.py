"""What goes along with a letter: the fax itself, or a small picture of its first page, as its faxbox has it.

A picture that cannot be made is left out: the letter is worth more. So is the document of a sent fax that is gone; the
mail that a received fax comes by is nothing without it.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.accounts import BOTH, LINK, NOTHING, PDF, PICTURE, TIFF, WHOLE_FAX, Faxbox
from gateway.documents.page import thumbnail_png
from gateway.errors import FaxgateError, NotFound
from gateway.fax import Direction, Fax
from gateway.languages import said
from gateway.ports import Documents
from gateway.sandbox import Sandbox

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    pdf: bytes | None = None
    tiff: bytes | None = None
    picture: bytes | None = None
    """PNG of the first page."""
    link: str = ""
    """Where the fax is, when it is not attached."""


EMPTY = Enclosed()


def wanted(fax: Fax, box: Faxbox | None) -> frozenset[str]:
    """Which of pdf, tiff and picture a letter about the fax is to have."""
    shows, attach = (box.mail_shows, box.mail_attach) if box else (PICTURE, PDF)
    if shows == NOTHING or not fax.image_key:
        return frozenset()
    if fax.direction is Direction.INBOUND or shows == WHOLE_FAX:
        return {LINK: frozenset[str](), BOTH: frozenset({PDF, TIFF})}.get(attach, frozenset({attach}))
    return frozenset({PICTURE}) if shows == PICTURE else frozenset()


def discreet(fax: Fax, box: Faxbox | None) -> Fax:
    """The fax as those may know it who are told of it: without a word of what it is about where its faxbox shows
    nothing."""
    if box is None or box.mail_shows != NOTHING:
        return fax
    error = fax.error
    for name in (*(document.name for document in fax.documents), *(part.name for part in fax.left_out)):
        error = error.replace(name, said("the document")) if name else error
    return replace(
        fax,
        error=error,
        subject="",
        from_name="",
        to_name="",
        message="",
        documents=tuple(replace(document, name="") for document in fax.documents),
        left_out=tuple(replace(part, name="", reason="") for part in fax.left_out),
    )


def link_to(public_url: str, fax: Fax) -> str:
    """Where the document of a fax is; empty where it has none, or nobody has said where the API is."""
    if not public_url or not fax.image_key:
        return ""
    box = "outbox" if fax.direction is Direction.OUTBOUND else "junk" if fax.junk else "inbox"
    return f"{public_url}/v2/accounts/{fax.account_id}/faxes/{box}/{fax.id}/attachment"


@dataclass(frozen=True, slots=True)
class Enclosures:
    documents: Documents
    sandbox: Sandbox
    public_url: str = ""
    """Of the API; without it mails say that a fax is kept, not where."""

    async def of(self, fax: Fax, box: Faxbox | None) -> Enclosed:
        """Raises NotFound where the document of a received fax is gone."""
        wants = wanted(fax, box)
        return Enclosed(
            pdf=await self._content(fax, fax.pdf_key) if PDF in wants and fax.pdf_key else None,
            tiff=await self._content(fax, fax.image_key) if TIFF in wants else None,
            picture=await self._picture(fax) if PICTURE in wants else None,
            link="" if wants else link_to(self.public_url, fax),
        )

    def kept(self, fax: Fax) -> Enclosed:
        """Only where the fax is."""
        return Enclosed(link=link_to(self.public_url, fax))

    async def _content(self, fax: Fax, key: str) -> bytes | None:
        try:
            path: Path = await self.documents.open(key)
        except NotFound:
            if fax.direction is Direction.INBOUND:
                raise
            log.error("fax %s: its document %s is gone: it is told of without", fax.id, key)
            return None
        return await asyncio.to_thread(path.read_bytes)

    async def _picture(self, fax: Fax) -> bytes | None:
        try:
            return await self.sandbox.run(thumbnail_png, await self.documents.open(fax.image_key), 1)
        except FaxgateError as error:
            log.warning("fax %s: no picture of it in a letter: %s %s", fax.id, error, error.detail)
            return None
