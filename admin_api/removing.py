"""Removes faxes and their documents: `DELETE` in outbox, inbox and junk."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from admin_api.answers import FaxDetail
from admin_api.auth import account_of, actor
from admin_api.faxes import INBOX, JUNK, OUTBOX, Folder, shown
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation
from admin_api.revisions import check_if_match
from gateway.audit import Actor
from gateway.errors import NotFound
from gateway.fax import Direction, Fax
from gateway.removal import Removal

SEND = "send"
FOLDERS = {"outbox": OUTBOX, "inbox": INBOX, "junk": JUNK}


def check_revision(request: Request, fax: Fax) -> None:
    """Raises PreconditionFailed where If-Match is given and does not name the revision of the fax."""
    check_if_match(request, str(fax.revision))


@dataclass(frozen=True, slots=True)
class Removing:
    removal: Removal

    def operations(self) -> list[Operation]:
        made: list[Operation] = []
        for name, folder in FOLDERS.items():
            item = f"{ACCOUNT}/faxes/{name}/{{fax_id}}"
            made += [
                Operation(
                    method="DELETE",
                    path=item,
                    answer=partial(self.remove, folder),
                    summary="Remove a fax, its document and its notices",
                    scope=SEND,
                    gives=FaxDetail,
                ),
                Operation(
                    method="DELETE",
                    path=f"{item}/attachment",
                    answer=partial(self.remove_document, folder),
                    summary="Remove the document of a fax",
                    scope=SEND,
                    gives=FaxDetail,
                ),
            ]
        return made

    async def remove(self, folder: Folder, request: Request) -> Response:
        """DELETE /accounts/{account_id}/faxes/{folder}/{fax_id}"""
        fax = await self.removal.remove(*_named(folder, request))
        return await shown(self.removal.store, request, fax)

    async def remove_document(self, folder: Folder, request: Request) -> Response:
        """DELETE /accounts/{account_id}/faxes/{folder}/{fax_id}/attachment"""
        fax = await self.removal.remove_document(*_named(folder, request))
        return await shown(self.removal.store, request, fax)


def _check(request: Request, folder: Folder, fax: Fax) -> None:
    """Raises NotFound, PreconditionFailed."""
    if folder.junk is not bool(fax.junk):
        raise NotFound("There is no such fax here.")
    check_revision(request, fax)


def _named(folder: Folder, request: Request) -> tuple[str, str, Direction, Actor, partial[None]]:
    """What `Removal` takes. Raises NotFound."""
    fax_id = request.path_params["fax_id"]
    if not is_id(fax_id):
        raise NotFound("There is no such fax.")
    return account_of(request), fax_id, folder.direction, actor(request), partial(_check, request, folder)
