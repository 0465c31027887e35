"""uvicorn's HTTP protocol with time limits: a client that keeps us waiting for the rest of its request is sent away,
and there are never more connections than the rest of the gateway can live with."""

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CHECKED_EVERY = 0.1
"""Of the patience: how late a connection may be found out."""


class Impatient(H11Protocol):
    patience = 30.0
    """Seconds for a whole request head, and for each piece of its body."""
    most_connections = 1000

    _heard_at = 0.0
    _waiting_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.server_state.connections) > self.most_connections:
            transport.abort()
            return
        self._heard_at = self._waiting_since = self.loop.time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        super().data_received(data)

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        now = self.loop.time()
        state = cast("object", self.conn.their_state)
        if state is not h11.IDLE:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        late_head = self._waiting_since is not None and now - self._waiting_since > self.patience
        late_body = state is h11.SEND_BODY and now - self._heard_at > self.patience
        if late_head or late_body:
            self.transport.close()
        else:
            self.loop.call_later(self.patience * CHECKED_EVERY, self._watch)
