"""The folders of an account's faxes: lists, items, documents.

`outgoing` and `incoming` list what is in progress, `outbox` and `inbox` what has ended, but for received faxes that are
not wanted (`gateway.callers`), which lie in `junk`. A client that made a fax goes
on asking `outgoing/{id}` for its status, so an item of outgoing and incoming is found there after its end, too.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.requests import Request
from starlette.responses import Response

from admin_api import paging
from admin_api.answers import FaxDetail, FaxSummary, Moment
from admin_api.attachments import attachment, picture
from admin_api.auth import account_of, actor
from admin_api.envelope import NotAcceptable, revision_of, success
from admin_api.ids import is_id
from admin_api.negotiation import preferred
from admin_api.operations import ACCOUNT, Operation, validated
from admin_api.representation import fax_detail, fax_summary, moment
from admin_api.revisions import not_modified
from gateway import audit
from gateway.accounts import Faxbox
from gateway.clock import Clock
from gateway.documents.page import THUMBNAIL, page_png, thumbnail_png
from gateway.errors import NotFound, Unavailable
from gateway.fax import ENDED, Direction, Fax, Status
from gateway.filenames import fax_filename
from gateway.ports import Documents
from gateway.sandbox import Sandbox
from gateway.store import accounts, faxes, history, listing
from gateway.store import audit as audit_log
from gateway.store.engine import Store
from gateway.store.listing import FAX_FIELDS, FAX_PRESENT, ListedFax, Place
from gateway.wording import zone_of

PDF, TIFF, PNG = "application/pdf", "image/tiff", "image/png"
_EXTENSIONS = {PDF: "pdf", TIFF: "tiff", PNG: "png"}

FaxQuery: Any = create_model(
    "FaxQuery",
    __base__=paging.ListQuery,
    **paging.filters(["status"], Literal[tuple(status.value for status in Status)]),
    **paging.filters([name for name in FAX_FIELDS if name != "status"]),
    **paging.keys([name for name in FAX_PRESENT if name != "status"]),
)


class AttachmentQuery(BaseModel):
    """Which page of a document, and how large, where it is asked for as a picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Annotated[int, paging.WHOLE] = Field(
        1, ge=1, le=10**6, description="Of `image/png`: which page, from 1. Other types hold all pages."
    )
    size: Annotated[
        Literal["full", "thumbnail"],
        Field(description=f"A thumbnail is `image/png`, grey, its longer side {THUMBNAIL} pixels."),
    ] = "full"


@dataclass(frozen=True, slots=True)
class Folder:
    direction: Direction
    listed: frozenset[Status]
    shown: frozenset[Status]
    """What an item may be to be found here."""
    junk: bool | None = False
    """Whether its faxes are not wanted; None where both are here."""

    def has(self, fax: Fax) -> bool:
        right = self.junk is None or self.junk is bool(fax.junk)
        return right and fax.direction is self.direction and fax.status in self.shown


_ALL = frozenset(Status)

OUTGOING = Folder(Direction.OUTBOUND, listed=_ALL - ENDED, shown=_ALL)
OUTBOX = Folder(Direction.OUTBOUND, listed=ENDED, shown=ENDED)
INCOMING = Folder(Direction.INBOUND, listed=_ALL - ENDED, shown=_ALL, junk=None)
INBOX = Folder(Direction.INBOUND, listed=ENDED, shown=ENDED)
JUNK = Folder(Direction.INBOUND, listed=ENDED, shown=ENDED, junk=True)
FOLDERS = {"outgoing": OUTGOING, "outbox": OUTBOX, "incoming": INCOMING, "inbox": INBOX, "junk": JUNK}
LISTED = {
    "outgoing": "Faxes being sent",
    "outbox": "Faxes sent, or given up",
    "incoming": "Faxes being received",
    "inbox": "Faxes received",
    "junk": "Faxes received that are not wanted",
}


@dataclass(frozen=True, slots=True)
class Faxes:
    store: Store
    documents: Documents
    clock: Clock
    sandbox: Sandbox | None
    """Where pictures of pages are made; None: nowhere."""

    def operations(self) -> list[Operation]:
        return [operation for name, folder in FOLDERS.items() for operation in self._of(name, folder)]

    def _of(self, name: str, folder: Folder) -> list[Operation]:
        list_path = f"{ACCOUNT}/faxes/{name}"
        item_path = f"{list_path}/{{fax_id}}"
        made = [
            Operation(
                method="GET",
                path=list_path,
                answer=partial(self.get_list, folder),
                summary=LISTED[name],
                query=FaxQuery,
                gives=list[FaxSummary],
            ),
            Operation(
                method="GET",
                path=item_path,
                answer=partial(self.get, folder),
                summary="One of them",
                gives=FaxDetail,
            ),
            Operation(
                method="GET",
                path=f"{item_path}/history",
                answer=partial(self.get_history, folder),
                summary="Its story, in words",
                gives=list[Moment],
            ),
        ]
        if name != "incoming":
            document = Operation(
                method="GET",
                path=f"{item_path}/attachment",
                answer=partial(self.get_attachment, folder),
                summary="Its document, or a page as a picture",
                query=AttachmentQuery,
                media_types=(PDF, TIFF, PNG),
            )
            made.append(document)
        return made

    async def get_list(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}"""
        query = paging.asked(FaxQuery, request)
        async with self.store.read() as connection:
            found = await listing.faxes(
                connection,
                account_of(request),
                folder.direction,
                _chosen(folder.listed, query),
                query.window(),
                query.only(),
                junk=folder.junk,
            )
        page = paging.page(query, found, _place)
        revision = revision_of([*((fax.id, fax.revision) for fax in page.items), (page.next_start_key or "", 0)])
        shown = [fax_summary(fax) for fax in page.items]
        return not_modified(request, revision) or success(request, shown, revision=revision, paging=page.envelope)

    async def get(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}/{fax_id}"""
        fax, box = await self._find(folder, request)
        revision = str(fax.revision)
        detail = fax_detail(fax, box.timezone if box else "")
        return not_modified(request, revision) or success(request, detail, revision=revision)

    async def get_history(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}/{fax_id}/history"""
        fax, _ = await self._find(folder, request)
        async with self.store.read() as connection:
            story = await history.of_fax(connection, fax)
        return success(request, [moment(happened) for happened in story])

    async def get_attachment(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}/{fax_id}/attachment"""
        query = validated(AttachmentQuery, paging.given(request))
        fax, box = await self._find(folder, request)
        keys = {PDF: fax.pdf_key, TIFF: fax.image_key, PNG: fax.image_key}
        small = query.size == "thumbnail"
        offered = [media_type for media_type, key in keys.items() if key and (media_type == PNG or not small)]
        if not offered:
            raise NotFound(_why_none(fax))
        media_type = preferred(request.headers.get("accept"), offered)
        if media_type is None:
            raise NotAcceptable(f"The document can be had as {', '.join(offered)}.")
        # A document never changes under its key, so the key (with the page, and how large) is its revision.
        picked = f"{query.page} {query.size}" if media_type == PNG else ""
        revision = revision_of([(f"{keys[media_type]} {picked}", 0)])
        if known := not_modified(request, revision):
            known.headers["Vary"] = "Accept"  # as the document itself would have it (RFC 9110 15.4.5)
            return known
        path = await self.documents.open(keys[media_type])
        if request.method == "GET":
            await self._note_read(request, fax, media_type, query)
        async with self.store.read() as connection:
            zone = zone_of(box, await accounts.account(connection, fax.account_id))
        if media_type != PNG:
            return await attachment(
                request, path, media_type, fax_filename(fax, zone, _EXTENSIONS[media_type]), revision
            )
        if self.sandbox is None:
            raise Unavailable("Pictures of pages cannot be made by this process.")
        png = await self.sandbox.run(thumbnail_png if small else page_png, path, query.page)
        return picture(png, fax_filename(fax, zone, f"{query.page}{'.small' if small else ''}.png"), revision)

    async def _note_read(self, request: Request, fax: Fax, media_type: str, query: AttachmentQuery) -> None:
        """Before anything is handed out."""
        facts: dict[str, object] = {"direction": fax.direction, "type": media_type}
        if media_type == PNG:
            facts["page"] = query.page
        noted = audit.entry(actor(request), audit.READ, audit.FAX, fax.id, fax.account_id, self.clock.now(), **facts)
        async with self.store.begin() as connection:
            await connection.run_sync(audit_log.add, [noted])

    async def _find(self, folder: Folder, request: Request) -> tuple[Fax, Faxbox | None]:
        """The fax of the address and its faxbox, which may have gone. Raises NotFound."""
        fax_id = request.path_params["fax_id"]
        if not is_id(fax_id):
            raise NotFound("There is no such fax.")
        async with self.store.read() as connection:
            fax = await faxes.find(connection, fax_id, account_of(request))
            if not folder.has(fax):
                raise NotFound("There is no such fax here.")
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
        return fax, box


def _chosen(listed: frozenset[Status], query: Any) -> frozenset[Status]:
    """The states of a folder that the filters leave: the store reads one range of its index for each."""
    return frozenset(
        status
        for status in listed
        if query.filter_status in (None, status.value) and query.filter_not_status != status.value
    )


def _place(fax: ListedFax) -> Place:
    return Place(fax.created_at, fax.id)


async def shown(store: Store, request: Request, fax: Fax, status: int = 200) -> Response:
    """A fax as the answer to what was done with it."""
    async with store.read() as connection:
        box = await accounts.known_faxbox(connection, fax.faxbox_id)
    return success(request, fax_detail(fax, box.timezone if box else ""), revision=str(fax.revision), status=status)


def _why_none(fax: Fax) -> str:
    if fax.status not in ENDED:
        return "The document is not ready yet."
    return "The document has been removed." if fax.pages else "This fax has no document."
