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
    most_of_one_peer = 500
    """Half, so that no peer shuts the others out; as many as that, because a proxy in front of us is one peer."""
    whole_body = 20.0
    """How many patiences a body may take in all."""

    _heard_at = 0.0
    _waiting_since: float | None = None
    _body_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        connections = self.server_state.connections
        own = sum(1 for other in connections if _host(other) == _host(self))
        if len(connections) > self.most_connections or own > self.most_of_one_peer:
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
        if state is not h11.SEND_BODY:
            self._body_since = None
        elif self._body_since is None:
            self._body_since = now
        late_body = self._body_since is not None and (
            now - self._heard_at > self.patience or now - self._body_since > self.patience * self.whole_body
        )
        if late_head or late_body:
            self.transport.close()
        else:
            self.loop.call_later(self.patience * CHECKED_EVERY, self._watch)


def _host(protocol: object) -> str:
    client = getattr(protocol, "client", None)
    return str(client[0]) if client else ""
