"""A web server on loopback that documents lie on, and what it was asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

PDF = b"%PDF-1.7 a letter"


@dataclass
class Origin:
    """A web server that somebody's documents lie on, and what it was asked."""

    document: bytes = PDF
    url: str = ""
    port: int = 0
    asked: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def application(self) -> Starlette:
        async def document(request: Request) -> Response:
            self.asked.append(request)
            self.bodies.append(await request.body())
            return Response(self.document, media_type="application/pdf")

        async def refuse(request: Request) -> Response:
            self.asked.append(request)
            return PlainTextResponse("no", request.path_params["status"])

        async def redirect(request: Request) -> Response:
            self.asked.append(request)
            left = request.path_params["left"]
            return RedirectResponse(f"/redirect/{left - 1}" if left else "/fax.pdf", 302)

        async def leads(request: Request) -> Response:
            return RedirectResponse(request.query_params["to"])

        async def large(request: Request) -> Response:
            async def chunks() -> AsyncIterator[bytes]:
                for _ in range(40):  # 3.6 MB
                    yield b"%PDF-1.7 " * 10_000

            return StreamingResponse(chunks())

        async def compressed(request: Request) -> Response:
            return Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

        async def empty(request: Request) -> Response:
            return Response(b"")

        return Starlette(
            routes=[
                Route("/fax.pdf", document, methods=["GET", "POST"]),
                Route("/status/{status:int}", refuse),
                Route("/redirect/{left:int}", redirect, methods=["GET", "POST"]),
                Route("/leads", leads),
                Route("/large", large),
                Route("/compressed", compressed),
                Route("/empty", empty),
            ]
        )

    @asynccontextmanager
    async def served(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator["Origin"]:
        listening = socket.create_server((host, port))
        self.port = listening.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        config = uvicorn.Config(self.application(), lifespan="off", log_config=None, timeout_graceful_shutdown=0)
        server = _Quiet(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield self
        finally:
            server.should_exit = True
            await serving


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the test process."""
        yield
