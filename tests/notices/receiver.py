"""A program that is called back: a real web server that answers as it is told and keeps what it was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Receiver:
    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; then 200."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Method, headers, body."""
    location: str = ""
    """Where a redirect leads."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, it hangs."""

    def __post_init__(self) -> None:
        self.answering.set()

    async def take(self, request: Request) -> Response:
        self.got.append((request.method, dict(request.headers), await request.body()))
        await self.answering.wait()
        status = self.answers.pop(0) if self.answers else 200
        return Response("as you say", status, headers={"location": self.location} if self.location else None)


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["GET", "POST", "PUT"])])
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    receiver.url = f"http://127.0.0.1:{port}/told"
    try:
        yield receiver
    finally:
        receiver.answering.set()
        server.should_exit = True
        await serving
