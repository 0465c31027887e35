"""uvicorn's HTTP protocol with the limits that it lacks: a client that keeps us waiting for the rest of its request, or
for reading its answer, is sent away, what is no request is told why, and there are never more connections than the rest
of the gateway can live with.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from admin_api.browsers import SAFE
from gateway.ids import new_id
from gateway.networks import neighbours

CHECKED_EVERY = 0.1
"""Of the patience: how late a connection may be found out."""
LINGER = 2.0
"""Seconds in which a client that is still sending can read why it is refused, before the socket goes."""


class Impatient(H11Protocol):
    patience = 30.0
    """Seconds for a whole request head, for each piece of a body, and for reading some 48 KiB of an answer."""
    most_connections = 1000
    most_of_one_peer = 500
    """Half, so that no peer shuts the others out; as many as that, because a proxy in front of us is one peer."""
    whole_body = 20.0
    """How many patiences a body may take in all."""

    _peer = ""
    _heard_at = 0.0
    _waiting_since: float | None = None
    _body_since: float | None = None
    _full_since: float | None = None
    _closing_since: float | None = None
    _refused = False
    _watching: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._peer = neighbours(str(self.client[0])) if self.client else ""
        own = sum(1 for other in self.connections if getattr(other, "_peer", "") == self._peer)
        if len(self.connections) > self.most_connections or own > self.most_of_one_peer:
            self._answer(503, "too_many_connections", "There are too many connections.", {"Retry-After": "1"})
            self._refused = True
            transport.close()
        self._heard_at = self._waiting_since = self.loop.time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watching is not None:
            self._watching.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._heard_at = self.loop.time()
        super().data_received(data)

    def pause_writing(self) -> None:
        self._full_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._full_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What has come is no request: too long a head is 431, the rest 400 (h11 says which)."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431:
            self._refuse(status, "head_too_large", "The head of the request is too large.")
        else:
            self._refuse(status, "bad_request", "This is no HTTP request.")

    def _watch(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing():
            # What was written is sent first; but not to a client that does not read it.
            self._closing_since = now if self._closing_since is None else self._closing_since
            if now - self._closing_since > self.patience:
                self.transport.abort()
                return
        elif self._full_since is not None and now - self._full_since > self.patience:
            self.transport.abort()
            return
        elif not self._refused and self._is_late(now):
            self._send_away()
        self._watching = self.loop.call_later(self.patience * CHECKED_EVERY, self._watch)

    def _is_late(self, now: float) -> bool:
        state = cast("object", self.conn.their_state)
        if state is not h11.IDLE:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        if state is not h11.SEND_BODY:
            self._body_since = None
        elif self._body_since is None:
            self._body_since = now
        late_head = self._waiting_since is not None and now - self._waiting_since > self.patience
        late_body = self._body_since is not None and (
            now - self._heard_at > self.patience or now - self._body_since > self.patience * self.whole_body
        )
        return late_head or late_body

    def _send_away(self) -> None:
        """408 where a part of a request has come (RFC 9110 15.5.9); who has said nothing needs no answer."""
        if self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]:
            self._refuse(408, "too_slow", "The rest of the request did not come in time.")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, text: str) -> None:
        """Answer, unless an answer has begun, and hang up when that has been read."""
        self._refused = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(status, code, text)
        if self.cycle is not None:  # its application is not to answer too
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()  # closed with octets unread, the connection would be reset, and our words lost
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)

    def _answer(self, status: int, code: str, text: str, headers: dict[str, str] | None = None) -> None:
        """The envelope of `admin_api.envelope.failure`, where there is no request to answer."""
        told = {"data": {"message": text}, "error": str(status), "message": code}
        body = json.dumps({**told, "status": "error", "request_id": new_id()}).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        fields = [(name.encode(), value.encode()) for name, value in {**SAFE, **own, **(headers or {})}.items()]
        response = h11.Response(
            status_code=status,
            reason=HTTPStatus(status).phrase.encode(),
            headers=[*self.server_state.default_headers, *fields],
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
