"""Takes received faxes out of junk: `PUT` in junk. The folder itself is one of `admin_api.faxes`."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from admin_api.answers import FaxDetail
from admin_api.auth import account_of, actor
from admin_api.faxes import shown
from admin_api.ids import is_id
from admin_api.notifications import Nothing
from admin_api.operations import ACCOUNT, Operation, read_json, validated
from admin_api.removing import check_revision
from gateway.errors import NotFound
from gateway.junk import Junk


class NotJunk(BaseModel):
    """A fax that is wanted after all."""

    action: Literal["not_junk"]
    data: Nothing = Nothing()


@dataclass(frozen=True, slots=True)
class TakingOut:
    junk: Junk

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="PUT",
                path=f"{ACCOUNT}/faxes/junk/{{fax_id}}",
                answer=self.take_out,
                summary="Take a fax out of junk: it goes to the inbox, and is told of as if it had come now",
                scope="send",
                body=Nothing,
                action="not_junk",
                gives=FaxDetail,
            )
        ]

    async def take_out(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/faxes/junk/{fax_id}"""
        validated(NotJunk, await read_json(request))
        fax_id = request.path_params["fax_id"]
        if not is_id(fax_id):
            raise NotFound("There is no such fax.")
        fax = await self.junk.take_out(account_of(request), fax_id, actor(request), partial(check_revision, request))
        return await shown(self.junk.store, request, fax)
