"""What became of each mail: the smtplog of an account, and the superuser's, of mails that belong to no account."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import create_model
from starlette.requests import Request
from starlette.responses import Response

from admin_api import paging
from admin_api.answers import SmtplogDetail, SmtplogSummary
from admin_api.auth import account_of
from admin_api.envelope import revision_of, success
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import smtplog_detail, smtplog_summary
from admin_api.revisions import not_modified
from gateway.errors import NotFound
from gateway.smtplog import SmtplogEntry
from gateway.store import smtplog
from gateway.store.engine import Store
from gateway.store.listing import Place

SmtplogQuery: Any = create_model(
    "SmtplogQuery",
    __base__=paging.ListQuery,
    **paging.filters(["from", "faxbox_id"]),
    **paging.filters(["status"], Literal["accepted", "refused"]),
)


@dataclass(frozen=True, slots=True)
class Smtplog:
    store: Store

    def operations(self) -> list[Operation]:
        own = f"{ACCOUNT}/faxes/smtplog"
        return [
            Operation(
                method="GET",
                path=own,
                answer=self.get_list,
                summary="Mails that came",
                query=SmtplogQuery,
                gives=list[SmtplogSummary],
            ),
            Operation(
                method="GET",
                path=f"{own}/{{entry_id}}",
                answer=self.get,
                summary="What became of one",
                gives=SmtplogDetail,
            ),
            Operation(
                method="GET",
                path="/smtplog",
                answer=self.get_unowned_list,
                summary="Mails of no account",
                scope="superuser",
                query=SmtplogQuery,
                gives=list[SmtplogSummary],
            ),
            Operation(
                method="GET",
                path="/smtplog/{entry_id}",
                answer=self.get_any,
                summary="One of any account",
                scope="superuser",
                gives=SmtplogDetail,
            ),
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/smtplog"""
        return await self._list(request, account_of(request))

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/smtplog/{entry_id}"""
        return await self._item(request, account_of(request))

    async def get_unowned_list(self, request: Request) -> Response:
        """GET /smtplog"""
        return await self._list(request, None)

    async def get_any(self, request: Request) -> Response:
        """GET /smtplog/{entry_id}"""
        return await self._item(request, None)

    async def _list(self, request: Request, account_id: str | None) -> Response:
        query = paging.asked(SmtplogQuery, request)
        async with self.store.read() as connection:
            found = await smtplog.page(connection, account_id, query.window(), query.only())
        page = paging.page(query, found, _place)
        # What a list shows of an entry never changes: which they are says all.
        revision = revision_of([*((entry.id, 1) for entry in page.items), (page.next_start_key or "", 0)])
        shown = [smtplog_summary(entry) for entry in page.items]
        return not_modified(request, revision) or success(request, shown, revision=revision, paging=page.envelope)

    async def _item(self, request: Request, account_id: str | None) -> Response:
        entry_id = request.path_params["entry_id"]
        if not is_id(entry_id):
            raise NotFound("There is no such smtplog entry.")
        async with self.store.read() as connection:
            entry = await smtplog.find(connection, entry_id, account_id)
        detail = smtplog_detail(entry)
        revision = revision_of([(repr(detail), 0)])
        return not_modified(request, revision) or success(request, detail, revision=revision)


def _place(entry: SmtplogEntry) -> Place:
    return Place(entry.received_at, entry.id)
