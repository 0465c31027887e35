"""The listening socket of the API, and uvicorn behind it as one part of a process among others."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from admin_api.impatience import Impatient

BACKLOG = 512


class Server:
    """Starts and stops like the SMTP door. Not to be started again after `stop`."""

    def __init__(
        self,
        application: ASGIApp,
        *,
        patience: float = Impatient.patience,
        connections: int = Impatient.most_connections,
        connections_per_peer: int = Impatient.most_of_one_peer,
    ) -> None:
        """`patience`: seconds for a request's head, for each piece of its body, and for reading some of the answer."""
        limits = {"patience": patience, "most_connections": connections, "most_of_one_peer": connections_per_peer}
        self._application = application
        self._protocol = type("Protocol", (Impatient,), limits)
        self._stopping = asyncio.Event()
        self._uvicorn: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0
        """The port that is listened on, which is chosen by the system where 0 was asked for."""

    async def start(self, host: str, port: int, grace: int = 10) -> None:
        """Listen; `stop` waits `grace` seconds for running requests. Raises OSError where the address cannot be had."""
        listening = await _listen(host, port)
        self.port = int(listening.getsockname()[1])
        config = uvicorn.Config(
            self._serve,
            http=self._protocol,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=grace,
        )
        self._uvicorn = _Uvicorn(config)
        self._serving = asyncio.create_task(self._uvicorn.serve(sockets=[listening]), name="api")

    async def stop(self) -> None:
        self._stopping.set()
        if self._uvicorn is not None and self._serving is not None:
            self._uvicorn.should_exit = True
            await self._serving

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # An answer that has no end of its own must learn that the server stops, or it uses up all the grace.
        scope.setdefault("state", {})["stopping"] = self._stopping
        await self._application(scope, receive, send)


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the whole process, and what they mean is not decided here."""
        yield


async def _listen(host: str, port: int) -> socket.socket:
    """A socket that is connected to from now on."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, address = found[0]
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP: without it every
    # answer on a kept connection waits 40 ms for an acknowledgement, as its head and its body are two writes.
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
