"""Revisions as HTTP has them: the ETag of an answer, and the conditions of a request (RFC 9110 13)."""

import re

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Refused


class PreconditionFailed(Refused):
    """If-Match names a revision that is not there any more."""

    http, code = 412, "precondition_failed"


_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')


def etag(revision: str) -> str:
    return f'"{revision}"'


def not_modified(request: Request, revision: str) -> Response | None:
    """304 where If-None-Match names this revision, else None: then answer as usual, with `etag(revision)`."""
    if not names(request.headers.get("if-none-match", ""), revision):
        return None
    return Response(status_code=304, headers={"ETag": etag(revision), "Cache-Control": "private, no-cache"})


def check_if_match(request: Request, revision: str) -> None:
    """Raises PreconditionFailed where If-Match is given and names another revision than this, the one that is there
    now. Call it where nobody else can change the thing meanwhile."""
    condition = request.headers.get("if-match")
    if condition is not None and not names(condition, revision):
        raise PreconditionFailed("It has been changed since: fetch it again, its revision is another one now.")


def names(condition: str, revision: str) -> bool:
    """Whether a condition's list of tags has this revision. Kazoo's clients leave out the quotes.

    >>> names('W/"7", "8"', "8"), names("8", "8"), names("*", "8"), names('"9"', "8")
    (True, True, True, False)
    """
    return condition.strip() == "*" or any(revision in found for found in _TAG.findall(condition))
