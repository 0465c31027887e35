"""Live events of an account's faxes, as server-sent events (WHATWG HTML, 9.2).

A stream reads the account's events from the database, a batch at a time, and the next batch when the client has taken
the last one: a slow client costs no memory. It sleeps until somebody, anywhere, commits an event. It ends when its
client goes, when the server stops, and when its token is no longer good; a client then comes back with Last-Event-ID.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_api.auth import account_of, caller
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation, validated
from admin_api.representation import gregorian
from gateway.clock import Clock
from gateway.errors import BadField, Busy, FaxgateError
from gateway.store import events, faxes, tokens
from gateway.store.engine import Store
from gateway.store.events import Event
from gateway.store.wake import EVENTS, Wake

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/event-stream"
BATCH = 200
MOST_STREAMS = 100
"""Open streams of one account, in this process."""
HEARTBEAT_SECONDS = 15.0
GATHER_SECONDS = 0.05
"""A stream looks for more at most so often, however many events are committed."""
RETRY_MILLISECONDS = 1000


class EventsQuery(BaseModel):
    """What a stream is asked for."""

    model_config = ConfigDict(extra="ignore")

    last_event_id: str = Field(
        "",
        pattern="^[0-9]{0,18}$",
        description="Go on after this event, as the header Last-Event-ID, which wins, does. Without either, the stream"
        " begins with what happens from now on; 0 begins with the oldest event that is kept (a day at most).",
    )
    fax_id: str = Field("", description="Tell of this fax alone.")


@dataclass(frozen=True, slots=True)
class Events:
    store: Store
    wake: Wake
    clock: Clock
    _open: Counter[str] = field(default_factory=Counter)

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{ACCOUNT}/faxes/events",
                answer=self.get,
                summary="Live events: changes of status and progress of the account's faxes",
                query=EventsQuery,
                media_types=(MEDIA_TYPE,),
            )
        ]

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/faxes/events"""
        account_id = account_of(request)
        query = validated(EventsQuery, dict(request.query_params))
        if "last-event-id" in request.headers:
            query = validated(EventsQuery, {**query.model_dump(), "last_event_id": request.headers["last-event-id"]})
        if query.fax_id:
            await self._check_fax(account_id, query.fax_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=headers)
        if self._open[account_id] >= MOST_STREAMS:
            raise Busy(f"The account has {MOST_STREAMS} open streams of events already; close one.")
        return StreamingResponse(self._stream(request, account_id, query), media_type=MEDIA_TYPE, headers=headers)

    async def _check_fax(self, account_id: str, fax_id: str) -> None:
        if not is_id(fax_id):
            raise BadField("fax_id", "fax_id is the id of a fax.")
        async with self.store.read() as connection:
            await faxes.find(connection, fax_id, account_id)

    async def _stream(self, request: Request, account_id: str, query: EventsQuery) -> AsyncIterator[str]:
        stopping: asyncio.Event = getattr(request.state, "stopping", None) or asyncio.Event()
        self._open[account_id] += 1
        try:
            with self.wake.listening(EVENTS) as woken:
                async for text in self._texts(account_id, query, woken, stopping, caller(request).token):
                    yield text
        except FaxgateError as error:
            # The answer has begun: all that is left is to end it, and the client comes back for the rest.
            log.warning("request %s: events end: %s %s", request.state.request_id, error, error.detail)
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]

    async def _texts(
        self, account_id: str, query: EventsQuery, woken: asyncio.Event, stopping: asyncio.Event, token: str
    ) -> AsyncIterator[str]:
        last, beginning = await self._begin(account_id, query.last_event_id)
        yield beginning
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_SECONDS
        while not stopping.is_set():
            woken.clear()
            async with self.store.read() as connection:
                found = await events.after(connection, account_id, last, BATCH)
            if found:
                last = found[-1].sequence
                if shown := [text(event) for event in found if query.fax_id in ("", event.fax_id)]:
                    yield "".join(shown)
            if loop.time() >= beat:
                if not await self._is_good(token):
                    return
                if not found:
                    last = await self._quiet_position(account_id, last)
                yield f":\nid: {last}\n\n"
                beat = loop.time() + HEARTBEAT_SECONDS
            if len(found) < BATCH:
                await _first_of(stopping, woken, beat - loop.time(), at_least=GATHER_SECONDS if found else 0)

    async def _begin(self, account_id: str, asked: str) -> tuple[int, str]:
        """The number after which the stream goes on, and what it says first."""
        async with self.store.read() as connection:
            now_at = await events.position(connection, account_id)
            gone = bool(asked) and await events.is_gone(connection, int(asked))
        beginning = f"retry: {RETRY_MILLISECONDS}\n"
        if gone:
            data = {"message": "Events after the last one that you saw have been removed: read the lists again."}
            return now_at, f"{beginning}id: {now_at}\nevent: reset\ndata: {json.dumps(data)}\n\n"
        last = int(asked) if asked else now_at
        # An id without data is no event, but what the client comes back with (9.2.6).
        return last, f"{beginning}id: {last}\n\n"

    async def _quiet_position(self, account_id: str, last: int) -> int:
        """How far other accounts' events have brought the numbers, so that a quiet account is not left behind by the
        removal of old events."""
        async with self.store.read() as connection:
            position = await events.position(connection, account_id)
            return last if await events.after(connection, account_id, last, 1) else position

    async def _is_good(self, token: str) -> bool:
        """Whether the token has been neither revoked nor expired since the stream began."""
        async with self.store.read() as connection:
            return await tokens.known(connection, token, self.clock.now()) is not None


def text(event: Event) -> str:
    """An event as it is sent. JSON has no line breaks, so `data` is one line."""
    data = {"fax_id": event.fax_id, "timestamp": gregorian(event.at), **event.data}
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.sequence}\nevent: {event.kind}\ndata: {written}\n\n"


async def _first_of(stopping: asyncio.Event, woken: asyncio.Event, seconds: float, *, at_least: float) -> None:
    """Wait until the server stops, or there may be more, or so much time has gone."""
    await asyncio.sleep(at_least)
    waiting = [asyncio.create_task(event.wait()) for event in (stopping, woken)]
    try:
        await asyncio.wait(waiting, timeout=max(seconds, 0), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
