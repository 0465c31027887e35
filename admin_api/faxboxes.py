"""The faxboxes of an account, with the fields of Kazoo's.

How mail reaches a faxbox. Mail to NUMBER@ a domain of the account is sent by whichever of its faxboxes permits the
sender. Beside that a faxbox can have two names of its own, and mail to NUMBER@ one of them is sent by it alone:

    smtp_email_address           made by us, read-only: a random name below a domain of the account; it is made anew
                                 when the account loses that domain, and empty while it has none
    custom_smtp_email_address    chosen: a domain, or an address at one. Only what follows the `@` decides, as in Kazoo;
                                 the superuser takes any domain, an account's admin one below the account's own

As in Kazoo these are called addresses and are domains, which their DNS must lead here. Each belongs to one faxbox or
account of the installation: to take another's is a conflict (409).
"""

from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from admin_api import paging
from admin_api.auth import account_of, actor, caller
from admin_api.changes import decided, given, of_fields, partial_of
from admin_api.envelope import revision_of, success
from admin_api.faxbox_fields import FaxboxDetail, FaxboxFields, settings, shown
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation
from admin_api.revisions import check_if_match, not_modified
from gateway.accounts import Faxbox
from gateway.administration import Administration
from gateway.errors import NotFound
from gateway.ownership import SUPERUSERS_OF_BOXES
from gateway.store import accounts
from gateway.store.engine import Store
from gateway.store.listing import Place

PATH = f"{ACCOUNT}/faxboxes"
FIXED = ("id", "created", "numbers", "smtp_email_address", "callback_secret")


@dataclass(frozen=True, slots=True)
class Faxboxes:
    store: Store
    administration: Administration

    def operations(self) -> list[Operation]:
        item = f"{PATH}/{{faxbox_id}}"
        return [
            Operation(
                method="GET",
                path=PATH,
                answer=self.get_list,
                summary="The faxboxes",
                query=paging.ListQuery,
                gives=list[FaxboxDetail],
            ),
            Operation(
                method="PUT",
                path=PATH,
                answer=self.put,
                summary="Make a faxbox",
                scope="admin",
                body=FaxboxFields,
                gives=FaxboxDetail,
                status=201,
            ),
            Operation(method="GET", path=item, answer=self.get, summary="A faxbox", gives=FaxboxDetail),
            Operation(
                method="POST",
                path=item,
                answer=self.change,
                summary="Replace a faxbox: what is not given is cleared",
                scope="admin",
                body=FaxboxFields,
                gives=FaxboxDetail,
            ),
            Operation(
                method="PATCH",
                path=item,
                answer=self.change,
                summary="Change the fields of a faxbox that are given (RFC 7396)",
                scope="admin",
                body=partial_of(FaxboxFields),
                gives=FaxboxDetail,
            ),
            Operation(
                method="DELETE",
                path=item,
                answer=self.delete,
                summary="Delete a faxbox; 409 while its faxes are in progress",
                scope="admin",
                gives=FaxboxDetail,
            ),
            Operation(
                method="POST",
                path=f"{item}/callback_secret",
                answer=self.new_secret,
                summary="Sign its callbacks with a new secret, for 24 hours with the former one too",
                scope="admin",
                gives=FaxboxDetail,
            ),
        ]

    def _acting(self, request: Request) -> Administration:
        return self.administration.by(actor(request))

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/faxboxes"""
        query = paging.asked(paging.ListQuery, request)
        async with self.store.read() as connection:
            found = await accounts.faxbox_page(connection, account_of(request), query.window())
        page = paging.page(query, found, lambda box: Place(box.created_at, box.id))
        revision = revision_of([(box.id, box.revision) for box in page.items])
        boxes = [seen(request, box) for box in page.items]
        return not_modified(request, revision) or success(request, boxes, revision=revision, paging=page.envelope)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/faxboxes/{faxbox_id}"""
        async with self.store.read() as connection:
            box = await accounts.faxbox(connection, _id(request), account_of(request))
        return not_modified(request, str(box.revision)) or _answer(request, box)

    async def put(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/faxboxes"""
        data = await given(request)
        made = settings(of_fields(FaxboxFields, data, {}, FIXED))
        made["address_domain"] = made.pop("custom_address")
        superuser = caller(request).superuser
        box = await self._acting(request).add_faxbox(account_of(request), **made, superuser=superuser)
        return _answer(request, box, status=201)

    async def change(self, request: Request) -> Response:
        """POST and PATCH /accounts/{account_id}/faxboxes/{faxbox_id}"""
        data = await given(request)
        superuser = caller(request).superuser

        def decide(box: Faxbox) -> Faxbox:
            check_if_match(request, str(box.revision))
            now = shown(box)
            # What only the superuser sets is kept when somebody else replaces the rest.
            kept = {} if superuser else {name: now[name] for name in SUPERUSERS_OF_BOXES}
            return replace(box, **settings(decided(request, FaxboxFields, {**kept, **data}, now, FIXED)))

        box = await self._acting(request).change_faxbox(account_of(request), _id(request), decide, superuser=superuser)
        return _answer(request, box)

    async def delete(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}/faxboxes/{faxbox_id}"""
        deleted: list[Faxbox] = []

        def check(box: Faxbox) -> None:
            check_if_match(request, str(box.revision))
            deleted.append(box)

        await self._acting(request).delete_faxbox(account_of(request), _id(request), check)
        return success(request, seen(request, deleted[0]))

    async def new_secret(self, request: Request) -> Response:
        """POST /accounts/{account_id}/faxboxes/{faxbox_id}/callback_secret"""

        def check(box: Faxbox) -> None:
            check_if_match(request, str(box.revision))

        box = await self._acting(request).new_callback_secret(account_of(request), _id(request), check)
        return _answer(request, box)


def seen(request: Request, box: Faxbox) -> dict[str, Any]:
    """A faxbox as this caller may see it."""
    whole = shown(box)
    if "admin" not in caller(request).scopes:
        del whole["callback_secret"]
    return whole


def _answer(request: Request, box: Faxbox, status: int = 200) -> Response:
    return success(request, seen(request, box), revision=str(box.revision), status=status)


def _id(request: Request) -> str:
    faxbox_id = str(request.path_params["faxbox_id"])
    if not is_id(faxbox_id):
        raise NotFound("There is no such faxbox.")
    return faxbox_id
