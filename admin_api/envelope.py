"""The envelope around every answer, and the one place where our errors become HTTP.

A request that cannot be answered gets the same envelope with `status` `error`, the HTTP status as text in `error`, a
stable word in `message`, and words for people in `data`: `{"message": ...}`, or `{field: {code: {"message": ...}}}`
where one field of the request is at fault.
"""

import hashlib
import http
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadField, FaxgateError, NotFound, OverLimit, Refused

log = logging.getLogger(__name__)


class InvalidCredentials(Refused):
    """No token, or one that is unknown or has expired."""

    http, code = 401, "invalid_credentials"


class MethodNotAllowed(Refused):
    http, code = 405, "method_not_allowed"


class NotAcceptable(Refused):
    """The Accept header admits nothing that can be given."""

    http, code = 406, "not_acceptable"


class RangeNotSatisfiable(Refused):
    """The Range header asks for bytes beyond the end."""

    http, code = 416, "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The document has {size} bytes; the range that was asked for begins after them.")
        self.size = size


class BadFields(Refused):
    """Several fields of a request are at fault: (dotted field, code, message) of each."""

    http, code = 400, "invalid"

    def __init__(self, problems: Sequence[tuple[str, str, str]]) -> None:
        super().__init__("The request has fields that cannot be used.")
        self.problems = problems


class Envelope(Response):
    """JSON that is never kept by a cache: it repeats the token."""

    media_type = "application/json"

    def __init__(self, content: Mapping[str, Any], status_code: int = 200, headers: Mapping[str, str] | None = None):
        super().__init__(content, status_code, {"Cache-Control": "no-store", **(headers or {})})

    def render(self, content: Any) -> bytes:
        # "replace": a file name of a mail may hold bytes that were no text, kept as lone surrogates.
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def success(
    request: Request,
    data: object,
    *,
    revision: str | None = None,
    paging: Mapping[str, object] | None = None,
    status: int = 200,
) -> Response:
    """What was asked for. `paging` are the envelope's keys of a list; None as a value leaves its key out."""
    optional = {"revision": revision, **(paging or {}), "auth_token": _token(request)}
    return Envelope(
        {
            "data": data,
            "status": "success",
            "request_id": request.state.request_id,
            **{key: value for key, value in optional.items() if value is not None},
        },
        status,
        {} if revision is None else {"ETag": f'"{revision}"'},
    )


def failure(request: Request, error: FaxgateError, headers: Mapping[str, str] | None = None) -> Response:
    """Why it could not be had. Says nothing but the error's public text."""
    data: dict[str, Any] = {"message": error.text}
    if isinstance(error, BadField):
        data = {error.field: {error.code: data}}
    if isinstance(error, BadFields):
        data = {}
        for name, code, message in error.problems:
            data.setdefault(name, {})[code] = {"message": message}
    body = {
        "data": data,
        "error": str(error.http),
        "message": error.code,
        "status": "error",
        "request_id": request.state.request_id,
    }
    token = _token(request)
    return Envelope(body if token is None else {**body, "auth_token": token}, error.http, headers)


async def on_faxgate_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FaxgateError)
    if error.http >= 500 or error.detail:
        level = logging.ERROR if error.http >= 500 else logging.INFO
        log.log(level, "request %s: %s %s", request.state.request_id, error.text, error.detail)
    headers: dict[str, str] = {}
    if isinstance(error, InvalidCredentials):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 11.6.1: a 401 names a scheme
    if isinstance(error, OverLimit):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"  # RFC 9110 15.5.17
    return failure(request, error, headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own: no such address, a method that is not offered, a body that it cannot read."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return failure(request, NotFound("There is nothing at this address."))
        case 405:
            allowed = _sorted_methods((error.headers or {}).get("Allow", ""))
            text = f"{request.method} is not offered here; {allowed} can be used."
            return failure(request, MethodNotAllowed(text), {"Allow": allowed})
        case status:
            refused = Refused(error.detail)
            refused.http = status
            refused.code = http.HTTPStatus(status).phrase.lower().replace(" ", "_")
            return failure(request, refused, error.headers)


def revision_of(items: Sequence[tuple[str, int]]) -> str:
    """The revision of a list: another one whenever an item comes, goes or changes."""
    return hashlib.sha256(repr(items).encode()).hexdigest()[:32]


def _sorted_methods(allow: str) -> str:
    return ", ".join(sorted(method.strip() for method in allow.split(",")))


def _token(request: Request) -> str | None:
    caller = getattr(request.state, "caller", None)
    return None if caller is None else str(caller.token)
