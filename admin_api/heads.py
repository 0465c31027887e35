"""The most that the head of a request may be. h11 keeps no more than 16 KiB of a head that has no end yet, but takes
whatever ends within one read; here the bound is the same however it came.

Refused is also a head that says twice how long its body is: a proxy before us may see one request where we see two, and
the second is not one that it has let pass (RFC 9112 6.1, 11.2). Nothing more is heard on its connection.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from admin_api.envelope import failure
from gateway.errors import Refused

MOST_URL = 8192
"""Octets of path and query; RFC 9110 4.1 asks for at least 8000."""
MOST_FIELDS = 100
MOST_OCTETS = 16 * 1024


class UriTooLong(Refused):
    http, code = 414, "uri_too_long"


class HeadTooLarge(Refused):
    http, code = 431, "head_too_large"


class TwoLengths(Refused):
    http, code = 400, "bad_request"


class Heads:
    """ASGI middleware that refuses too large a head, or one that can be read in two ways."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = refused(scope) if scope["type"] == "http" else None
        answering = self.app if error is None else failure(Request(scope), error, {"Connection": "close"})
        await answering(scope, receive, send)


def refused(scope: Scope) -> Refused | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL:
        return UriTooLong(f"An address has at most {MOST_URL} bytes.")
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    if len(fields) > MOST_FIELDS:
        return HeadTooLarge(f"A request has at most {MOST_FIELDS} header fields.")
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in fields}:
        return TwoLengths("A request has a Content-Length or a Transfer-Encoding, not both.")
    if sum(len(name) + len(value) for name, value in fields) > MOST_OCTETS:
        return HeadTooLarge(f"The header of a request has at most {MOST_OCTETS} bytes.")
    return None
