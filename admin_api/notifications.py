"""What was told to whom: the outbox of an account, each notification with every try, and sending one again."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, create_model
from starlette.requests import Request
from starlette.responses import Response

from admin_api import paging
from admin_api.answers import NotificationDetail, NotificationSummary
from admin_api.auth import account_of, actor
from admin_api.envelope import revision_of, success
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation, read_json, validated
from admin_api.representation import notification_detail, notification_summary
from admin_api.revisions import not_modified
from gateway import audit, urls
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.store import audit as audit_log
from gateway.store import notices
from gateway.store.engine import Store
from gateway.store.listing import Place
from gateway.store.notices import Notice
from gateway.store.wake import NOTICES, Wake

NotificationQuery: Any = create_model(
    "NotificationQuery",
    __base__=paging.ListQuery,
    **paging.filters(["fax_id", "recipient", "kind"]),
    **paging.filters(["way"], Literal["email", "sms", "callback"]),
    **paging.filters(["state"], Literal["pending", "sent", "failed", "unavailable", "bounced"]),
)


class Nothing(BaseModel):
    """Nothing is to be said."""


class Resend(BaseModel):
    """Tells once more."""

    action: Literal["resend"]
    data: Nothing = Nothing()


@dataclass(frozen=True, slots=True)
class Notifications:
    store: Store
    wake: Wake
    clock: Clock

    def operations(self) -> list[Operation]:
        path = f"{ACCOUNT}/notifications"
        return [
            Operation(
                method="GET",
                path=path,
                answer=self.get_list,
                summary="What was told to whom",
                query=NotificationQuery,
                gives=list[NotificationSummary],
            ),
            Operation(
                method="GET",
                path=f"{path}/{{notification_id}}",
                answer=self.get,
                summary="One of them, with every try",
                gives=NotificationDetail,
            ),
            Operation(
                method="PUT",
                path=f"{path}/{{notification_id}}",
                answer=self.resend,
                summary="Tell it once more; 409 while it is under way",
                scope="send",
                body=Nothing,
                action="resend",
                gives=NotificationDetail,
                status=202,
            ),
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/notifications"""
        query = paging.asked(NotificationQuery, request)
        async with self.store.read() as connection:
            found = await notices.page(connection, account_of(request), query.window(), query.only())
        page = paging.page(query, found, _place)
        states = [(f"{one.id} {one.state}", one.attempts) for one in page.items]
        revision = revision_of([*states, (page.next_start_key or "", 0)])
        shown = [notification_summary(one) for one in page.items]
        return not_modified(request, revision) or success(request, shown, revision=revision, paging=page.envelope)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/notifications/{notification_id}"""
        return await self._answer(request, 200)

    async def resend(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/notifications/{notification_id}"""
        async with self.store.read() as connection:
            notice = await notices.find(connection, _id(request), account_of(request))
        validated(Resend, await read_json(request))
        async with self.store.begin() as connection:
            now = self.clock.now()
            again = await notices.again(connection, notice.id, account_of(request), now)
            facts = {"kind": again.kind, "way": again.way, "recipient": urls.shown(again.recipient)}
            noted = audit.entry(
                actor(request), audit.RESENT, audit.FAX, again.fax_id or "", account_of(request), now, **facts
            )
            await connection.run_sync(audit_log.add, [noted])
        await self.wake.notify(NOTICES)
        return await self._answer(request, 202)

    async def _answer(self, request: Request, status: int) -> Response:
        async with self.store.read() as connection:
            notice = await notices.find(connection, _id(request), account_of(request))
            tries = await notices.tries(connection, notice.id)
        detail = notification_detail(notice, tries)
        revision = revision_of([(repr(detail), 0)])
        return not_modified(request, revision) or success(request, detail, revision=revision, status=status)


def _id(request: Request) -> str:
    found = str(request.path_params["notification_id"])
    if not is_id(found):
        raise NotFound("There is no such notification.")
    return found


def _place(notice: Notice) -> Place:
    return Place(notice.created_at, notice.id)
