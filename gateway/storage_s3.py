"""The documents store in an S3 bucket (`s3://`), and a folder of this host in which what is opened lies for a while.

A document is stored when the server has acknowledged it. `open` asks the server each time whether the document is still
there: what another host has deleted is not handed out, although its copy may lie here for another `UNUSED_SECONDS`.
Trouble with the server raises OurTrouble.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.copies import Copies
from gateway.errors import NotFound, OurTrouble
from gateway.ports import NewDocument

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Transfers at a time."""
MOST_BYTES = 1 << 30
UNUSED_SECONDS = 3600.0
IN_USE_SECONDS = 600.0
CHUNK = 1 << 20

_RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}


class S3Documents:
    """Documents in a bucket."""

    def __init__(self, store: S3Store, cache: Copies) -> None:
        self._store = store
        self._cache = cache
        self._slots = asyncio.Semaphore(AT_ONCE)

    @classmethod
    def from_url(cls, url: str, cache: Path) -> "S3Documents":
        """`s3://bucket/prefix?endpoint=http://host:port&region=NAME`; credentials come from `AWS_*` variables, or from
        the instance. Raises ValueError."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := options.keys() - {"endpoint", "region"}:
            raise ValueError(f"{', '.join(sorted(unknown))}: is unknown; take endpoint and region")
        if not parts.hostname or parts.username or parts.port:
            raise ValueError("s3://BUCKET/PREFIX needs a bucket; credentials go into AWS_ACCESS_KEY_ID and the like")
        endpoint = options.get("endpoint", "") or os.environ.get("AWS_ENDPOINT_URL", "")
        config: S3Config = {"bucket": parts.netloc}
        if endpoint:
            config["endpoint"] = endpoint
        if "region" in options:
            config["region"] = options["region"]
        client: ClientConfig = {"allow_http": endpoint.startswith("http:"), "timeout": timedelta(seconds=120)}
        try:
            store = S3Store(
                prefix=parts.path.strip("/") or None, config=config, client_options=client, retry_config=_RETRIES
            )
        except BaseError as error:
            raise ValueError(str(error)) from error
        copies = Copies(cache, unused_seconds=UNUSED_SECONDS, in_use_seconds=IN_USE_SECONDS, most_bytes=MOST_BYTES)
        return cls(store, copies)

    async def put(self, documents: Sequence[NewDocument]) -> None:
        await asyncio.gather(*(self._put(one) for one in documents))

    async def open(self, key: str) -> Path:
        await self._cache.tidy()
        async with self._slots:
            with _troubles("The document cannot be had right now."):
                try:
                    await obstore.head_async(self._store, key)
                    return self._cache.find(key) or await self._fetch(key)
                except FileNotFoundError as error:
                    self._cache.remove([key])
                    # A bucket that is not there answers in the same words, and must not look like a removed document.
                    await obstore.list_with_delimiter_async(self._store)
                    raise NotFound("The document has been removed.") from error

    async def delete(self, keys: Sequence[str]) -> None:
        if keys:
            try:
                with _troubles("The documents cannot be removed right now."):
                    await obstore.delete_async(self._store, list(keys))
            finally:
                self._cache.remove(keys)
        await self._cache.tidy()

    async def stored(self, since: datetime) -> AsyncIterator[tuple[str, datetime]]:
        # Keys begin with the day, so that all before it need not be listed.
        with _troubles("The documents cannot be listed right now."):
            async for found in obstore.list(self._store, offset=f"{since:%Y-%m-%d}"):
                for one in found:
                    yield one["path"], one["last_modified"]

    async def _put(self, document: NewDocument) -> None:
        async with self._slots:
            with _troubles("The document cannot be stored right now."):
                await obstore.put_async(self._store, document.key, document.content)
                if isinstance(document.content, Path):
                    # Whoever brings a file is about to open it again: a rendered fax is dialled next.
                    await asyncio.to_thread(self._cache.take, document.key, document.content)

    async def _fetch(self, key: str) -> Path:
        found = await obstore.get_async(self._store, key)
        coming = self._cache.coming()
        try:
            with coming.open("xb") as file:
                async for chunk in found.stream(min_chunk_size=CHUNK):
                    file.write(chunk)
            return self._cache.take(key, coming)
        finally:
            coming.unlink(missing_ok=True)


@contextmanager
def _troubles(text: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise OurTrouble(text, detail=str(error)) from error
