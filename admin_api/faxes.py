"""The four folders of an account's faxes: lists, items, documents.

`outgoing` and `incoming` list what is in progress, `outbox` and `inbox` what has ended. A client that made a fax goes
on asking `outgoing/{id}` for its status, so an item of outgoing and incoming is found there after its end, too.
"""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from admin_api import paging
from admin_api.attachments import attachment
from admin_api.auth import account_of
from admin_api.envelope import NotAcceptable, revision_of, success
from admin_api.ids import is_id
from admin_api.negotiation import preferred
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import fax_detail, fax_summary
from gateway.accounts import Faxbox
from gateway.errors import NotFound
from gateway.fax import ENDED, Direction, Fax, Status
from gateway.filenames import fax_filename
from gateway.ports import Documents
from gateway.store import accounts, faxes
from gateway.store.engine import Store
from gateway.wording import zone_of

PDF, TIFF = "application/pdf", "image/tiff"
_EXTENSIONS = {PDF: "pdf", TIFF: "tiff"}


@dataclass(frozen=True, slots=True)
class Folder:
    direction: Direction
    listed: frozenset[Status]
    shown: frozenset[Status]
    """What an item may be to be found here."""


_ALL = frozenset(Status)

OUTGOING = Folder(Direction.OUTBOUND, listed=_ALL - ENDED, shown=_ALL)
OUTBOX = Folder(Direction.OUTBOUND, listed=ENDED, shown=ENDED)
INCOMING = Folder(Direction.INBOUND, listed=_ALL - ENDED, shown=_ALL)
INBOX = Folder(Direction.INBOUND, listed=ENDED, shown=ENDED)
FOLDERS = {"outgoing": OUTGOING, "outbox": OUTBOX, "incoming": INCOMING, "inbox": INBOX}


@dataclass(frozen=True, slots=True)
class Faxes:
    store: Store
    documents: Documents

    def operations(self) -> list[Operation]:
        made: list[Operation] = []
        for name, folder in FOLDERS.items():
            list_path = f"{ACCOUNT}/faxes/{name}"
            item_path = f"{list_path}/{{fax_id}}"
            made += [
                Operation(
                    method="GET", path=list_path, answer=partial(self.get_list, folder), summary=f"The faxes of {name}"
                ),
                Operation(method="GET", path=item_path, answer=partial(self.get, folder), summary=f"A fax of {name}"),
            ]
            if name != "incoming":
                attachment_path = f"{item_path}/attachment"
                made.append(
                    Operation(
                        method="GET",
                        path=attachment_path,
                        answer=partial(self.get_attachment, folder),
                        summary="Its document",
                        media_types=(PDF, TIFF),
                    )
                )
        return made

    async def get_list(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}"""
        wanted = paging.wanted(request.query_params)
        async with self.store.read() as connection:
            found = await faxes.page(
                connection,
                account_of(request),
                folder.direction,
                folder.listed,
                before=wanted.before,
                limit=wanted.limit,
            )
        page = paging.page(wanted, found)
        revision = revision_of([(fax.id, fax.revision) for fax in page.items])
        return success(request, [fax_summary(fax) for fax in page.items], revision=revision, paging=page.envelope)

    async def get(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}/{fax_id}"""
        fax, box = await self._find(folder, request)
        return success(request, fax_detail(fax, box.timezone if box else ""), revision=str(fax.revision))

    async def get_attachment(self, folder: Folder, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/{folder}/{fax_id}/attachment"""
        fax, box = await self._find(folder, request)
        keys = {media_type: key for media_type, key in ((PDF, fax.pdf_key), (TIFF, fax.image_key)) if key}
        if not keys:
            raise NotFound(_why_none(fax))
        media_type = preferred(request.headers.get("accept"), list(keys))
        if media_type is None:
            raise NotAcceptable(f"The document can be had as {' or '.join(keys)}.")
        path = await self.documents.open(keys[media_type])
        async with self.store.read() as connection:
            zone = zone_of(box, await accounts.account(connection, fax.account_id))
        return await attachment(request, path, media_type, fax_filename(fax, zone, _EXTENSIONS[media_type]))

    async def _find(self, folder: Folder, request: Request) -> tuple[Fax, Faxbox | None]:
        """The fax of the address and its faxbox, which may have gone. Raises NotFound."""
        fax_id = request.path_params["fax_id"]
        if not is_id(fax_id):
            raise NotFound("There is no such fax.")
        async with self.store.read() as connection:
            fax = await faxes.find(connection, fax_id, account_of(request))
            if fax.direction is not folder.direction or fax.status not in folder.shown:
                raise NotFound("There is no such fax here.")
            try:
                box = await accounts.faxbox(connection, fax.faxbox_id) if fax.faxbox_id else None
            except NotFound:
                box = None
        return fax, box


def _why_none(fax: Fax) -> str:
    if fax.status not in ENDED:
        return "The document is not ready yet."
    return "The document has been removed." if fax.pages else "This fax has no document."
