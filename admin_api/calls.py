"""The call records of an account, both directions: what billing reads. They survive their faxes.

JSON comes in pages like every list. CSV is for a spreadsheet or a billing run, so it holds every call of the range,
however many, in one answer; it is read and written piece by piece. A piece that cannot be read breaks the answer off:
the client sees that it is not whole.
"""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import create_model
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_api import paging
from admin_api.answers import Call
from admin_api.auth import account_of
from admin_api.envelope import NotAcceptable, revision_of, success
from admin_api.negotiation import preferred
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import call
from admin_api.revisions import not_modified
from gateway.fax import Attempt
from gateway.store import attempts
from gateway.store.engine import Store
from gateway.store.listing import Only, Place, Window

JSON, CSV = "application/json", "text/csv"

AT_ONCE = 1000
"""Calls that a CSV holds in memory."""

COLUMNS = tuple(Call.__annotations__)

CallQuery: Any = create_model(
    "CallQuery",
    __base__=paging.ListQuery,
    **paging.filters(["direction"], Literal["outbound", "inbound"]),
    **paging.filters(["counted"], paging.YesNo),
    **paging.filters([name for name in attempts.FIELDS if name not in ("direction", "counted")]),
)


@dataclass(frozen=True, slots=True)
class Calls:
    store: Store

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{ACCOUNT}/calls",
                answer=self.get_list,
                summary="Call records, as JSON or CSV",
                query=CallQuery,
                gives=list[Call],
                media_types=(JSON, CSV),
            )
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/calls"""
        query = paging.asked(CallQuery, request)
        media_type = preferred(request.headers.get("accept"), (JSON, CSV))
        if media_type is None:
            raise NotAcceptable(f"Calls can be had as {JSON} or {CSV}.")
        if media_type == CSV:
            rows = self._rows(account_of(request), query.window(), query.only())
            headers = {
                "Cache-Control": "no-store",
                "Content-Disposition": 'attachment; filename="calls.csv"',
                "Vary": "Accept",
            }
            return StreamingResponse(rows, media_type=CSV, headers=headers)
        async with self.store.read() as connection:
            found = await attempts.page(connection, account_of(request), query.window(), query.only())
        page = paging.page(query, found, _place)
        # A call record changes once, when the call ends.
        states = [(attempt.id, int(attempt.outcome != "")) for attempt in page.items]
        revision = revision_of([*states, (page.next_start_key or "", 0)])
        shown = [call(attempt) for attempt in page.items]
        return not_modified(request, revision) or success(request, shown, revision=revision, paging=page.envelope)

    async def _rows(self, account_id: str, window: Window, only: Only) -> AsyncIterator[str]:
        yield _line(COLUMNS)
        start = window.start
        while True:
            piece = replace(window, start=start, limit=AT_ONCE + 1)
            async with self.store.read() as connection:
                found = await attempts.page(connection, account_id, piece, only)
            yield "".join(_line(call(attempt).values()) for attempt in found[:AT_ONCE])
            if len(found) <= AT_ONCE:
                return
            start = _place(found[AT_ONCE])


def _place(attempt: Attempt) -> Place:
    return Place(attempt.started_at, attempt.id)


def _line(values: Any) -> str:
    """One line of RFC 4180."""
    written = io.StringIO()
    csv.writer(written).writerow([_cell(value) for value in values])
    return written.getvalue()


def _cell(value: object) -> object:
    """A value for a spreadsheet. What a far machine calls itself is text from outside, and a spreadsheet takes a text
    that begins with one of these for a formula; telephone numbers with a plus sign are left as they are."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value[:1] in "=@+-\t\r" and not value.lstrip("+").replace(" ", "").isdigit():
        return f"'{value}" if value else value
    return "" if value is None else value
