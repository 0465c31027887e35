"""The audit log: who read, sent, changed and removed what. It can be read here, and nothing else."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, create_model
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from admin_api import paging
from admin_api.auth import account_of
from admin_api.envelope import revision_of, success
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import gregorian
from admin_api.revisions import not_modified
from gateway.audit import AuditEntry
from gateway.store import audit
from gateway.store.engine import Store
from gateway.store.listing import Place

_NAMES = ["actor", "action", "object", "object_id"]
AuditQuery: Any = create_model("AuditQuery", __base__=paging.ListQuery, **paging.filters(_NAMES))
WholeAuditQuery: Any = create_model(
    "WholeAuditQuery", __base__=paging.ListQuery, **paging.filters(["account_id", *_NAMES])
)


class AuditDetail(TypedDict):
    """What somebody did."""

    id: str
    account_id: str
    created: Annotated[int, Field(description="Gregorian seconds.")]
    actor: Annotated[
        str,
        Field(
            description="The id of a token, the address that a mail was proven to come from (`unproven` and the "
            "address where its account asks for no proof), `login` and the name that was logged in with, `operator` at "
            "the command line; empty for the gateway itself."
        ),
    ]
    peer: Annotated[str, Field(description="The IP address it was done from.")]
    action: Annotated[str, Field(description="As `sent`, `document read`, `told`, `removed`, `changed`.")]
    object: Annotated[str, Field(description="`fax`, `account`, `faxbox`, `number`, `token` or `credential`.")]
    object_id: str
    facts: Annotated[dict[str, Any], Field(description="What tells no content.")]


@dataclass(frozen=True, slots=True)
class Audit:
    store: Store

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{ACCOUNT}/audit",
                answer=self.get_list,
                summary="Who read, sent, changed and removed what",
                scope="admin",
                query=AuditQuery,
                gives=list[AuditDetail],
            ),
            Operation(
                method="GET",
                path="/audit",
                answer=self.get_whole_list,
                summary="The same of all accounts, also of deleted ones",
                scope="superuser",
                query=WholeAuditQuery,
                gives=list[AuditDetail],
            ),
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/audit"""
        return await self._list(request, paging.asked(AuditQuery, request), account_of(request))

    async def get_whole_list(self, request: Request) -> Response:
        """GET /audit"""
        return await self._list(request, paging.asked(WholeAuditQuery, request), None)

    async def _list(self, request: Request, query: Any, account_id: str | None) -> Response:
        async with self.store.read() as connection:
            found = await audit.page(connection, account_id, query.window(), query.only())
        page = paging.page(query, found, lambda entry: Place(entry.at, entry.id))
        # An entry never changes: which they are says all.
        revision = revision_of([*((entry.id, 1) for entry in page.items), (page.next_start_key or "", 0)])
        shown = [_shown(entry) for entry in page.items]
        return not_modified(request, revision) or success(request, shown, revision=revision, paging=page.envelope)


def _shown(entry: AuditEntry) -> AuditDetail:
    return {
        "id": entry.id,
        "account_id": entry.account_id,
        "created": gregorian(entry.at),
        "actor": entry.actor,
        "peer": entry.peer,
        "action": entry.action,
        "object": entry.object,
        "object_id": entry.object_id,
        "facts": dict(entry.facts),
    }
