"""The body of a request that brings documents, written to disk part by part as it arrives.

`multipart/form-data` (RFC 7578), `multipart/mixed` and `multipart/related` (RFC 2046) are read alike: a part of JSON
describes the fax, every other part is a document, in order. A bare body is one document. Nothing is kept in memory but
the JSON, and nothing is larger than the limit.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import quopri
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from admin_api.operations import MOST_JSON
from gateway.errors import BadField, TooLarge
from gateway.outbound.order import Upload

MOST_BYTES = 35 << 20
"""Of a body in all."""
MOST_PARTS = 100
MOST_NAME = 255
_JSON = "application/json"


@dataclass(slots=True)
class Body:
    """What a body held."""

    described: dict[str, Any] | None = None
    """The object of the JSON part; None where there was none."""
    uploads: list[Upload] = field(default_factory=list)
    digest: str = ""
    """SHA-256 over the documents, in hex; the same for the same documents however they were wrapped."""


@dataclass(slots=True)
class _Part:
    file: Path
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        return parse_options_header(self.headers.get("content-type", ""))[0].decode("latin-1")

    @property
    def name(self) -> str:
        """The file name, for people."""
        for header, key in (("content-disposition", b"filename"), ("content-type", b"name")):
            options = parse_options_header(self.headers.get(header, ""))[1]
            if key in options:
                return options[key].decode("utf-8", "replace").replace("\0", "")[-MOST_NAME:]
        return ""

    @property
    def field(self) -> str:
        options = parse_options_header(self.headers.get("content-disposition", ""))[1]
        return options.get(b"name", b"").decode("utf-8", "replace")

    @property
    def describes(self) -> bool:
        """Whether it is the JSON: it says so, or it is a plain field of a form."""
        said = self.content_type
        return said == _JSON or said.endswith("+json") or (self.field == "data" and not self.name and not said)


async def read_multipart(request: Request, folder: Path, fields: Collection[str] = ()) -> Body:
    """`fields` describe a fax, and so belong into the JSON part. Raises BadField, TooLarge."""
    boundary = parse_options_header(request.headers.get("content-type", ""))[1].get(b"boundary", b"")
    if not boundary or len(boundary) > 200:
        raise BadField("content_type", "The Content-Type of a multipart body names its boundary.")
    splitter = _Splitter(boundary, folder)
    try:
        async for chunk in _limited(request):
            splitter.write(chunk)
        splitter.finish()
    except MultipartParseError as error:
        raise BadField("body", f"The multipart body cannot be read: {error}") from error
    finally:
        splitter.close()
    return await asyncio.to_thread(_sorted, splitter.parts, fields)


async def read_document(request: Request, folder: Path, name: str) -> Body:
    """The body as one document. Raises TooLarge, and BadField where it is empty."""
    file = folder / "0"
    with file.open("wb") as opened:
        async for chunk in _limited(request):
            opened.write(chunk)
    declared = parse_options_header(request.headers.get("content-type", ""))[0].decode("latin-1")
    body = Body(uploads=[Upload(name=name[-MOST_NAME:], declared_type=declared, file=file)])
    body.digest = await asyncio.to_thread(_digest, body.uploads)
    return body


async def _limited(request: Request) -> AsyncIterator[bytes]:
    announced = request.headers.get("content-length", "")
    received = int(announced) if announced.isdigit() and len(announced) < 18 else 0
    if received <= MOST_BYTES:
        received = 0
        try:
            async for chunk in request.stream():
                received += len(chunk)
                if received > MOST_BYTES:
                    break
                yield chunk
        except ClientDisconnect as error:
            raise BadField("body", "The body broke off.") from error
    if received > MOST_BYTES:
        raise TooLarge(f"The documents have at most {MOST_BYTES >> 20} MB together.")


class _Splitter:
    """Writes each part to a file of its own."""

    def __init__(self, boundary: bytes, folder: Path) -> None:
        self.parts: list[_Part] = []
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._headers: dict[str, str] = {}
        self._name = bytearray()
        self._value = bytearray()
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self.close,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> None:
        """Raises BadField where the last boundary never came: a document cut short must not be faxed."""
        self._parser.finalize()
        if not self._complete:
            raise BadField("body", "The multipart body ends before its last boundary.")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise BadField("body", f"A request has at most {MOST_PARTS} parts.")
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        part = _Part(self._folder / str(len(self.parts)), self._headers)
        if part.content_type.startswith("multipart/"):
            raise BadField("body", "A part is a multipart itself; send its documents one by one.")
        self.parts.append(part)
        self._file = part.file.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True


def _sorted(parts: list[_Part], fields: Collection[str]) -> Body:
    """What describes the fax, and what is a document of it. Blocks. Raises BadField for what describes it in vain, and
    would be faxed as a page of text: a password, or the wish for a preview."""
    body = Body()
    for part in parts:
        _decode(part)
        if part.describes and body.described is None:
            body.described = _described(part)
        elif part.describes and not part.name:
            raise BadField("body", "Two parts describe the fax: one is application/json.")
        elif part.field in fields and not part.name and not part.content_type:
            raise BadField(part.field, f"{part.field} stands in the part that is application/json.")
        elif part.name or part.content_type or part.file.stat().st_size:
            body.uploads.append(Upload(name=part.name, declared_type=part.content_type, file=part.file))
    body.digest = _digest(body.uploads)
    return body


def _decode(part: _Part) -> None:
    """Take off a transfer encoding: RFC 7578 4.7 has none, but MIME's own programs write it."""
    match part.headers.get("content-transfer-encoding", "").lower():
        case "" | "7bit" | "8bit" | "binary":
            return
        case "base64":
            try:
                part.file.write_bytes(base64.b64decode(part.file.read_bytes()))
            except binascii.Error as error:
                raise BadField("body", f"A part is no base64: {error}") from error
        case "quoted-printable":
            part.file.write_bytes(quopri.decodestring(part.file.read_bytes()))
        case other:
            raise BadField("body", f"A part is encoded as {other[:40]}, which is not known here.")


def _described(part: _Part) -> dict[str, Any]:
    if part.file.stat().st_size > MOST_JSON:
        raise TooLarge(f"The JSON part has at most {MOST_JSON} bytes.")
    try:
        found = json.loads(part.file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadField("body", f"The JSON part is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadField("body", 'The JSON part is an object: {"data": {...}}.')
    return found


def _digest(uploads: list[Upload]) -> str:
    whole = hashlib.sha256()
    for upload in uploads:
        with upload.file.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
