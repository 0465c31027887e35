"""Hands a document out: streamed from its file, whole or one range of it."""

import asyncio
import os
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from admin_api.envelope import RangeNotSatisfiable
from admin_api.revisions import etag
from gateway.errors import NotFound

_SINGLE_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.IGNORECASE | re.ASCII)


class Attachment(FileResponse):
    """A file under a safe name. Starlette answers a Range header that is malformed in its own words, and takes many
    ranges: such a header is ignored, as RFC 9110 14.2 permits."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.stat_result is not None and not _usable(Request(scope), self.stat_result.st_size):
            scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
        await super().__call__(scope, receive, send)


async def attachment(request: Request, path: Path, media_type: str, filename: str, revision: str) -> Attachment:
    """Raises RangeNotSatisfiable, and NotFound where the file went meanwhile."""
    try:
        stat = await asyncio.to_thread(os.stat, path)
    except FileNotFoundError as error:
        raise NotFound("The document has been removed.") from error
    asked = request.headers.get("range", "")
    if "if-range" not in request.headers and range_start(asked, stat.st_size) == stat.st_size:
        raise RangeNotSatisfiable(stat.st_size)
    return Attachment(path, media_type=media_type, filename=filename, stat_result=stat, headers=_headers(revision))


def picture(png: bytes, filename: str, revision: str) -> Response:
    """A page to be looked at; its name is for whoever saves it."""
    disposition = {"Content-Disposition": f'inline; filename="{filename}"'}
    return Response(png, media_type="image/png", headers={**_headers(revision), **disposition})


def _headers(revision: str) -> dict[str, str]:
    return {
        "ETag": etag(revision),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
    }


def range_start(header: str, size: int) -> int | None:
    """Where the single range of a Range header begins in a file of `size` bytes; `size` itself where it begins behind
    the end; None where there is no such range, or a header that is to be ignored.

    >>> range_start("bytes=10-19", 100), range_start("bytes=-1", 100), range_start("bytes=100-", 100)
    (10, 99, 100)
    >>> range_start("bytes=9-1", 100), range_start("bytes=0-1,5-9", 100), range_start("lines=1-2", 100)
    (None, None, None)
    """
    found = _SINGLE_RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return max(size - int(suffix), 0)
    if last and int(last) < int(first):
        return None
    return min(int(first), size)


def _usable(request: Request, size: int) -> bool:
    start = range_start(request.headers.get("range", ""), size)
    return start is not None and start < size
