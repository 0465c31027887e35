"""Shows an order as it would be faxed: everything is checked and made as for the fax itself, and nothing is kept.

The fax of a preview exists in memory alone. Its pages are made by the code that makes those that are sent, so that what
is seen is what goes out; its call puts the header line above them.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.documents.normalise import Source
from gateway.documents.preview import Preview, preview
from gateway.errors import BadField, Busy, OurTrouble
from gateway.fax import Fax
from gateway.outbound.fetch import Fetching
from gateway.outbound.order import Order, Orders
from gateway.outbound.paper import has_cover
from gateway.outbound.submission import Submission, faxes_of
from gateway.routing import FaxRoute

MOST_AT_ONCE = 2
"""Previews of an account: a worker process is busy with each, and others want to fax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreview:
    route: FaxRoute
    cover: bool
    first: int
    """The page that is the first of those shown."""
    image: Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """What previews need."""

    orders: Orders
    fetching: Fetching
    _under_way: Counter[str] = field(default_factory=Counter)
    """Of which account how many are being made."""

    async def of(self, order: Order, first: int, most: int) -> OrderPreview:
        """The pages from `first` (from 1), `most` of them. A document at a URL is fetched, in one try.

        Raises as `Orders.place` does, and as preparing does: NotRetrieved, OurTrouble; BadField for a `first` behind
        the end; Busy; NotPermitted and OverLimit where the fax would be refused for its number or a limit.
        """
        with self._one_more(order.account_id):
            submission = await self.orders.checked(order)
            [fax] = faxes_of(submission, (), self.orders.clock.now())
            [route] = submission.routes
            await self.orders.submissions.check([fax], submission.counted_pages)
            preparation = self.fetching.preparation
            folder = _scratch(preparation.spool)
            try:
                async with preparation.made(fax, await self._sources(fax, submission, folder)) as made:
                    await self.orders.submissions.check([replace(fax, pages=made.pages)])
                    if first > made.pages:
                        raise BadField("show_from", f"The last page of the fax is page {made.pages}.")
                    image = await preparation.sandbox.run(preview, made.image, first, most)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return OrderPreview(route=route, cover=has_cover(fax, route.faxbox), first=first, image=image)

    async def _sources(self, fax: Fax, submission: Submission, folder: Path) -> list[Source]:
        if submission.request is not None:
            # A client is waiting: what may pass is told to it at once.
            return [await self.fetching.retrieved(replace(fax, retries=0), submission.request, folder)]
        return [
            (document.content, document.content_type, document.name)
            for document in submission.documents
            if isinstance(document.content, Path)
        ]

    @contextmanager
    def _one_more(self, account_id: str) -> Iterator[None]:
        if self._under_way[account_id] >= MOST_AT_ONCE:
            raise Busy(f"{MOST_AT_ONCE} previews of this account are being made; ask again when one is done.")
        self._under_way[account_id] += 1
        try:
            yield
        finally:
            self._under_way[account_id] -= 1
            if not self._under_way[account_id]:
                del self._under_way[account_id]


def _scratch(spool: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="preview-", dir=spool))
    except OSError as error:
        raise OurTrouble("The preview cannot be made right now.", detail=str(error)) from error
