"""The documents store on disk (`file://`): every document a file, durable before anybody refers to it.

A key is `2026-11-23/<id>.pdf`: one folder a day, so that documents that come together share a folder to be synced. A
crash may leave a file that no row names; it never leaves a row that names no file.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.errors import NotFound, OurTrouble
from gateway.ports import Documents, NewDocument
from gateway.storage_s3 import S3Documents

EXTENSIONS = {
    "application/pdf": "pdf",
    "image/tiff": "tiff",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "image/heif": "heic",
    "image/avif": "avif",
    "text/plain": "txt",
    "text/html": "html",
    "message/rfc822": "eml",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.presentation": "odp",
}


def key_for(document_id: str, content_type: str, now: datetime) -> str:
    """The key of a new document; `document_id` is one of ours, never text from outside."""
    return f"{now:%Y-%m-%d}/{document_id}.{EXTENSIONS.get(content_type, 'bin')}"


def documents_from_url(url: str, cache: Path) -> Documents:
    """The store that `FAXGATE_DOCUMENTS_URL` names; `cache` is a folder of this host for what lies elsewhere. Raises
    ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return S3Documents.from_url(url, cache)
    if parts.scheme != "file" or parts.netloc:
        raise ValueError(f"{parts.scheme or url}: is unknown; take file:///PATH or s3://BUCKET/PREFIX")
    return FileDocuments(Path(unquote(parts.path)))


class FileDocuments:
    """Documents in a folder of the local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # fsyncs that run at once are joined by the file system's journal, so a thread each is what makes them cheap.
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="documents")

    async def put(self, documents: Sequence[NewDocument]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.gather(*(loop.run_in_executor(self._threads, self._put, one) for one in documents))
        except OSError as error:
            raise OurTrouble("The document cannot be stored right now.", detail=str(error)) from error

    async def open(self, key: str) -> Path:
        path = self._folder / key
        if not path.is_file():
            raise NotFound("The document has been removed.")
        return path

    async def delete(self, keys: Sequence[str]) -> None:
        if keys:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._delete, keys)

    async def stored(self, since: datetime) -> AsyncIterator[tuple[str, datetime]]:
        for day in await asyncio.to_thread(lambda: sorted(self._folder.iterdir())):
            if day.name >= f"{since:%Y-%m-%d}":
                for key, moment in await asyncio.to_thread(_files, day):
                    yield key, moment

    def _put(self, document: NewDocument) -> None:
        path = self._folder / document.key
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync(self._folder)
        if isinstance(document.content, Path):
            shutil.move(document.content, path)
            _sync(path)
        else:
            with path.open("xb") as file:
                file.write(document.content)
                file.flush()
                os.fsync(file.fileno())
        _sync(path.parent)

    def _delete(self, keys: Sequence[str]) -> None:
        troubles = []
        for key in keys:
            try:
                (self._folder / key).unlink(missing_ok=True)
            except OSError as error:
                troubles.append(str(error))
        try:
            for folder in sorted({(self._folder / key).parent for key in keys}):
                if folder.is_dir():  # else a power cut could bring back what nobody knows of any more
                    _sync(folder)
        except OSError as error:
            troubles.append(str(error))
        if troubles:
            raise OurTrouble("The documents cannot be removed right now.", detail=troubles[0])


def _files(day: Path) -> list[tuple[str, datetime]]:
    with os.scandir(day) as entries:
        return [
            (f"{day.name}/{entry.name}", datetime.fromtimestamp(entry.stat().st_mtime, UTC))
            for entry in entries
            if entry.is_file()
        ]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
