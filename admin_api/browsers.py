"""What every answer tells a browser: take it for what it says it is, run nothing, frame nothing, keep nothing, tell
nobody where it was read. What an answer says itself stands: a cache may hold a document that is asked for again by its
ETag (`private, no-cache`), where an envelope, which repeats the token, must not be held at all (`no-store`).
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ONLY_TLS = ("Strict-Transport-Security", "max-age=31536000")
"""Never said without TLS (RFC 6797 7.2), which is the proxy's: the scheme is what it says."""


class ForBrowsers:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                if scope.get("scheme") == "https":
                    headers.setdefault(*ONLY_TLS)
            await send(message)

        await self.app(scope, receive, answer)
