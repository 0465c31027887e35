"""Makes faxes: new ones, sent again, sent on; and cancels them.

A new fax is described by JSON (its document at a URL), by a multipart body (the JSON and the documents), or by the
query, with the document as the body. JSON is read whatever its Content-Type says: a plain `curl -d` announces a form.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from admin_api.answers import FaxDetail, FaxPreview
from admin_api.auth import account_of, actor
from admin_api.envelope import success
from admin_api.fax_fields import ChangedFax, Forward, NewFax, Resubmit
from admin_api.faxes import shown
from admin_api.ids import is_id
from admin_api.multipart import Body, read_document, read_multipart
from admin_api.operations import ACCOUNT, Operation, read_json, validated
from admin_api.removing import check_revision
from admin_api.representation import fax_preview
from gateway import options
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import BadField, NoDocument, NotFound, Refused, Unavailable
from gateway.fax import Direction, DocumentRequest, Fax
from gateway.outbound.cancel import cancel
from gateway.outbound.order import Changes, Order, Orders
from gateway.outbound.preview import OrderPreview, Previews
from gateway.store import faxes
from gateway.store.engine import Store
from gateway.store.idempotency import Once
from gateway.store.wake import Wake

SEND = "send"
DOCUMENT_TYPES = ("application/pdf", "image/tiff", "image/png", "image/jpeg", "image/gif")
"""What a bare body may be."""
JSON_TYPES = ("", "application/json", "text/json", "application/x-www-form-urlencoded", "text/plain")
"""How JSON may be announced; anything else is refused in words of its own when it is no JSON."""
MOST_KEY = 255
OPTIONS = tuple(name for name in options.NAMES if name != "to")
"""Fields of a fax that are options of it; `to` is `to_name` here."""
OF_QUERY = tuple(name for name in OPTIONS if name != "password")
"""Those that may stand in a URL, which many write into their logs."""
OF_PREVIEW = ("dry_run", "show_from", "show_pages")
"""Those that count in the URL whatever the body is: who asks there for a preview must not have sent a fax."""


class UnsupportedMediaType(Refused):
    http, code = 415, "unsupported_media_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    store: Store
    wake: Wake
    clock: Clock
    orders: Orders
    previews: Previews | None

    def operations(self) -> list[Operation]:
        made = [
            Operation(
                method="PUT",
                path=f"{ACCOUNT}/faxes{alias}",
                answer=self.create,
                summary="Send a fax",
                scope=SEND,
                body=NewFax,
                uploads=DOCUMENT_TYPES,
                gives=FaxDetail,
                gives_dry=FaxPreview,
                status=202,
            )
            for alias in ("", "/outgoing")
        ]
        made += [
            Operation(
                method="DELETE",
                path=f"{ACCOUNT}/faxes/outgoing/{{fax_id}}",
                answer=self.cancel,
                summary="Cancel a fax; a live call is hung up",
                scope=SEND,
                gives=FaxDetail,
            ),
            Operation(
                method="PUT",
                path=f"{ACCOUNT}/faxes/outbox/{{fax_id}}",
                answer=self.resubmit,
                summary="Send a fax again, as a new one",
                scope=SEND,
                body=ChangedFax,
                action="resubmit",
                gives=FaxDetail,
                status=202,
            ),
            Operation(
                method="PUT",
                path=f"{ACCOUNT}/faxes/inbox/{{fax_id}}",
                answer=self.forward,
                summary="Send a received fax on, as a new one",
                scope=SEND,
                body=ChangedFax,
                action="forward",
                gives=FaxDetail,
                status=202,
            ),
        ]
        return made

    async def create(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/faxes"""
        key = _key(request)
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=self.orders.spool))
        try:
            data, body = await _read(request, folder)
            new = validated(NewFax, _with_preview(data, request.query_params))
            if new.document is None and not body.uploads:
                raise NoDocument("There is nothing to fax: give document.url, or send the document along.")
            order = Order(
                account_id=account_of(request),
                to_number=new.to_number,
                from_number=new.from_number,
                to_name=new.to_name,
                from_name=new.from_name,
                retries=new.retries,
                faxbox_id=new.faxbox_id,
                notifications=new.notifications.model_dump(exclude_unset=True, exclude_none=True),
                # A document that came along is the one that is meant.
                request=None if body.uploads or new.document is None else DocumentRequest(**new.document.model_dump()),
                uploads=body.uploads,
                options=_options(new),
                once=None if key is None else _once(request, key, new, body.digest),
                actor=actor(request),
            )
            if new.dry_run:
                return success(request, fax_preview(await self._previewed(order, new)))
            return await self._queued(request, await self.orders.place(order))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _previewed(self, order: Order, new: NewFax) -> OrderPreview:
        if self.previews is None:
            raise Unavailable("This process makes no previews: leave dry_run out.")
        return await self.previews.of(order, new.show_from, new.show_pages)

    async def resubmit(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/faxes/outbox/{fax_id}"""
        key, body = _key(request), await read_json(request)
        _refuse_preview(request.query_params, body)
        asked = validated(Resubmit, body)
        fax = await self._find(request, Direction.OUTBOUND)
        once = None if key is None else _once(request, key, asked, fax.id)
        return await self._queued(
            request, await self.orders.resubmit(fax.account_id, fax.id, _changes(asked.data, actor(request)), once)
        )

    async def forward(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/faxes/inbox/{fax_id}"""
        key, body = _key(request), await read_json(request)
        _refuse_preview(request.query_params, body)
        asked = validated(Forward, body)
        fax = await self._find(request, Direction.INBOUND)
        once = None if key is None else _once(request, key, asked, fax.id)
        return await self._queued(
            request, await self.orders.forward(fax.account_id, fax.id, _changes(asked.data, actor(request)), once)
        )

    async def cancel(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}/faxes/outgoing/{fax_id}"""
        fax = await self._find(request, Direction.OUTBOUND, ended=None)
        await cancel(
            self.store, self.wake, self.clock, fax.account_id, fax.id, actor(request), partial(check_revision, request)
        )
        async with self.store.read() as connection:
            fax = await faxes.find(connection, fax.id, fax.account_id)
        return await shown(self.store, request, fax, 200)

    async def _find(self, request: Request, direction: Direction, ended: bool | None = True) -> Fax:
        """The fax of the address. Raises NotFound."""
        fax_id = request.path_params["fax_id"]
        if not is_id(fax_id):
            raise NotFound("There is no such fax.")
        async with self.store.read() as connection:
            fax = await faxes.find(connection, fax_id, account_of(request))
        if fax.direction is not direction or (ended and fax.ended_at is None) or fax.junk:
            raise NotFound("There is no such fax here.")
        return fax

    async def _queued(self, request: Request, fax: Fax) -> Response:
        return await shown(self.store, request, fax, 202)


async def _read(request: Request, folder: Path) -> tuple[object, Body]:
    """What describes the fax, and its documents. Raises BadField, TooLarge, UnsupportedMediaType."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said.startswith("multipart/"):
        body = await read_multipart(request, folder, NewFax.model_fields.keys() - {"document"})
        if body.described is None:
            raise BadField("body", "No part describes the fax: one is application/json.")
        return _data_of(body.described), body
    if said in DOCUMENT_TYPES:
        return _of_query(request.query_params), await read_document(
            request, folder, request.query_params.get("name", "")
        )
    try:
        described = await read_json(request)
    except BadField as error:
        if said in JSON_TYPES or said.endswith("+json"):
            raise
        taken = ", ".join(("application/json", "multipart/form-data", "multipart/mixed", *DOCUMENT_TYPES))
        raise UnsupportedMediaType(f"{said[:100]} is not taken here; what is: {taken}.") from error
    return _data_of({"data": {}, **described}), Body()


def _data_of(described: dict[str, Any]) -> object:
    """What describes the fax. Raises BadField for a preview that is asked for where nobody would look."""
    if "data" in described and (beside := next((name for name in OF_PREVIEW if name in described), None)):
        raise BadField(beside, f"{beside} stands within data.")
    return described.get("data", described)


def _of_query(query: QueryParams) -> dict[str, Any]:
    """The fields as they stand in a query: `to_number=...&notifications.email.send_to=...`."""
    found: dict[str, Any] = {}
    for name in ("to_number", "from_number", "to_name", "from_name", "retries", "faxbox_id", *OF_QUERY):
        if name in query:
            found[name] = query[name]
    for name in ("to_number", "from_number"):
        if found.get(name, "").startswith(" "):  # a plus sign that was not escaped
            found[name] = "+" + found[name].lstrip(" ")
    for way in ("email", "sms"):
        if send_to := query.getlist(f"notifications.{way}.send_to"):
            found.setdefault("notifications", {})[way] = {"send_to": send_to}
    return found


def _with_preview(data: object, query: QueryParams) -> object:
    """Raises BadField where the URL says one thing, and itself or the body another: a fax cannot be called back."""
    if not isinstance(data, dict):
        return data
    asked: dict[str, Any] = {}
    for name in OF_PREVIEW:
        said = [*query.getlist(name), *([data[name]] if name in data else [])]
        if len({_spelling(value) for value in said}) > 1:
            raise BadField(name, f"{name} is given twice, and differently.")
        if said:
            asked[name] = said[-1]
    return {**data, **asked}


def _spelling(value: object) -> str:
    """True in JSON is `true` in a URL."""
    return str(value).lower()


def _refuse_preview(query: QueryParams, body: dict[str, Any]) -> None:
    """Raises BadField where a preview is asked of what would send. Its pages have been made already."""
    data = body.get("data")
    for name in OF_PREVIEW:
        if name in query or name in body or (isinstance(data, dict) and name in data):
            raise BadField(name, f"{name} is for new faxes only: the pages of this one are in its attachment.")


def _key(request: Request) -> str | None:
    """The Idempotency-Key. Raises BadField."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    key = key.strip()
    if not key or len(key) > MOST_KEY or not key.isprintable():
        raise BadField("Idempotency-Key", f"An Idempotency-Key has 1 to {MOST_KEY} printable characters.")
    return key


def _once(request: Request, key: str, asked: BaseModel, documents: str) -> Once:
    whole = json.dumps([asked.model_dump(mode="json"), documents], sort_keys=True)
    return Once(account_id=account_of(request), key=key, digest=hashlib.sha256(whole.encode()).hexdigest())


def _changes(data: ChangedFax, asking: Actor) -> Changes:
    told = data.notifications
    return Changes(
        to_number=data.to_number,
        to_name=data.to_name,
        from_number=data.from_number,
        from_name=data.from_name,
        retries=data.retries,
        faxbox_id=data.faxbox_id,
        notifications=None if told is None else told.model_dump(exclude_unset=True, exclude_none=True),
        options=_options(data),
        actor=asking,
    )


def _options(data: NewFax | ChangedFax) -> dict[str, str]:
    """The options that are given, as `gateway.options` reads them."""
    return {name: str(value) for name in OPTIONS if (value := getattr(data, name, None)) is not None}
