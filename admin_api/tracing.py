"""Gives every request an id: in the envelope, in the `X-Request-Id` header and in the log.

It is also the last resort: what nobody expected is logged with its traceback and answered with an envelope that tells
nothing but the id under which it stands in the log.
"""

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin_api.envelope import failure
from gateway.errors import FaxgateError
from gateway.ids import new_id

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[0-9A-Za-z._-]{1,64}")
"""A client may name its request; anything that could confuse a log is replaced."""
QUIET = ("/healthz", 200)
"""Load balancers ask every other second: as long as all is well it is not worth a line of the log."""


class Tracing:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        began = time.monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception:
            log.exception("request %s: unexpected", request_id)
            if status:
                raise  # the answer has begun: only breaking it off still tells the client
            trouble = FaxgateError(f"Something went wrong here. The operator's log has it under {request_id}.")
            await failure(Request(scope), trouble)(scope, receive, answer)
        finally:
            # %r: a path is text from outside. The query is left out, it may hold what is nobody's business.
            milliseconds = (time.monotonic() - began) * 1000
            path, level = scope["path"], logging.INFO
            if (path, status) == QUIET:
                level = logging.DEBUG
            log.log(level, "request %s: %s %r %d %.1f ms", request_id, scope["method"], path, status, milliseconds)


def _request_id(given: str | None) -> str:
    return given if given is not None and _ACCEPTABLE.fullmatch(given) else new_id()
