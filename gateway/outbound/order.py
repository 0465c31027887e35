"""Takes an order for a fax from a program: checked against the account, its documents looked into, then submitted.

An order comes with documents, with a URL, or with the pages of an earlier fax (sent again, or passed on). What is wrong
with a field raises BadField naming it; a document that cannot be faxed raises DocumentRefused before anything is
stored. When `place` returns, the fax is durably queued.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from email_validator import EmailNotValidError, validate_email

from gateway import options
from gateway.accounts import Account, Faxbox
from gateway.audit import GATEWAY, Actor
from gateway.clock import Clock
from gateway.documents import refusals
from gateway.documents.inspect import inspect
from gateway.documents.installed import taken
from gateway.documents.kinds import Kind, kind_of
from gateway.documents.unlock import unlock
from gateway.errors import BadField, BadNumber, Conflict, DocumentRefused, NotFound
from gateway.fax import Direction, DocumentRequest, Fax
from gateway.ids import new_id
from gateway.notices import recipients
from gateway.numbers import to_e164
from gateway.outbound.submission import MailedDocument, Origin, Particulars, Rendered, Submission
from gateway.outbound.submit import Submissions
from gateway.ownership import is_anothers
from gateway.ports import Documents
from gateway.routing import FaxRoute
from gateway.sandbox import Sandbox
from gateway.store import accounts, faxes, idempotency
from gateway.store.engine import Store
from gateway.store.idempotency import Once
from gateway.wording import zone_of

TIFF = "image/tiff"
REMOVED = "The document of this fax has been removed; it cannot be sent again."


class NotFaxable(DocumentRefused):
    """A kind of document that cannot be faxed at all."""

    http, code = 415, "unsupported_media_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A document as it came: a file that may be taken over."""

    name: str
    declared_type: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a program asks for. Numbers are as it wrote them."""

    account_id: str
    to_number: str
    from_number: str
    to_name: str = ""
    from_name: str | None = None
    retries: int = 1
    faxbox_id: str | None = None
    notifications: dict[str, object] = field(default_factory=dict)
    request: DocumentRequest | None = None
    uploads: Sequence[Upload] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    """As `gateway.options` reads them."""
    once: Once | None = None
    """The name that the client gave to its request."""
    actor: Actor = GATEWAY
    """Who asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different when a fax is sent again; None leaves it as it was."""

    to_number: str | None = None
    to_name: str | None = None
    from_number: str | None = None
    from_name: str | None = None
    retries: int | None = None
    faxbox_id: str | None = None
    notifications: dict[str, object] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    actor: Actor = GATEWAY
    """Who asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What taking orders needs."""

    store: Store
    documents: Documents
    submissions: Submissions
    sandbox: Sandbox
    clock: Clock
    spool: Path
    """A folder on the documents' file system, so that what comes in can be moved into the store."""
    max_pages: int

    async def place(self, order: Order) -> Fax:
        """Queue one fax. Raises BadField, BadNumber, DocumentRefused; Conflict where `once` is another request's."""
        if order.once is not None and (first := await self._first(order.once)) is not None:
            return first
        return await self._submit(order.account_id, await self.checked(order))

    async def checked(self, order: Order) -> Submission:
        """What would be submitted. Raises BadField, BadNumber, DocumentRefused."""
        route = await self._route(order)
        if route.options.password and order.request is not None:
            raise BadField("password", "A password opens what comes along with the order, not what is fetched.")
        documents, pages = await self._looked_into(order.uploads, route.options.password)
        return Submission(
            origin=Origin(id=new_id(), via="api", actor=order.actor),
            routes=(route,),
            documents=documents,
            counted_pages=pages,
            request=order.request,
            particulars=_particulars(order),
            once=order.once,
        )

    async def resubmit(self, account_id: str, fax_id: str, changes: Changes, once: Once | None = None) -> Fax:
        """A new fax of the same pages. Raises NotFound, BadField, BadNumber; Conflict where the pages are gone."""
        if once is not None and (first := await self._first(once)) is not None:
            return first
        old = await self._pages_of(account_id, fax_id)
        order = Order(
            account_id=account_id,
            to_number=old.to_number if changes.to_number is None else changes.to_number,
            from_number=old.from_number if changes.from_number is None else changes.from_number,
            to_name=old.to_name if changes.to_name is None else changes.to_name,
            from_name=old.from_name if changes.from_name is None else changes.from_name,
            retries=old.retries if changes.retries is None else changes.retries,
            faxbox_id=old.faxbox_id if changes.faxbox_id is None else changes.faxbox_id,
            notifications=old.notifications if changes.notifications is None else changes.notifications,
            options={**({"cost_code": old.cost_code} if old.cost_code else {}), **changes.options},
        )
        submission = Submission(
            origin=Origin(id=new_id(), via="api", sender=old.sender, subject=old.subject, actor=changes.actor),
            routes=(await self._route(order, known=old),),
            rendered=Rendered(fax_id=old.id, pdf_key=old.pdf_key, image_key=old.image_key, pages=old.pages),
            particulars=_particulars(order),
            once=once,
        )
        return await self._submit(account_id, submission)

    async def forward(self, account_id: str, fax_id: str, changes: Changes, once: Once | None = None) -> Fax:
        """A received fax, sent on to `to_number` from the box that received it; its pages are copied. Raises as
        `resubmit` does."""
        if once is not None and (first := await self._first(once)) is not None:
            return first
        received = await self._pages_of(account_id, fax_id)
        if changes.to_number is None:
            raise BadField("to_number", "To which number is the fax to be sent?")
        order = Order(
            account_id=account_id,
            to_number=changes.to_number,
            from_number=received.destination if changes.from_number is None else changes.from_number,
            to_name=changes.to_name or "",
            from_name=changes.from_name,
            retries=1 if changes.retries is None else changes.retries,
            faxbox_id=received.faxbox_id if changes.faxbox_id is None else changes.faxbox_id,
            notifications=changes.notifications or {},
            options=changes.options,
        )
        route = await self._route(order, known=received)
        folder = Path(tempfile.mkdtemp(prefix="forward-", dir=self.spool))
        try:
            source = await self.documents.open(received.image_key)
            copy = Path(await asyncio.to_thread(shutil.copyfile, source, folder / "fax.tiff"))
            submission = Submission(
                origin=Origin(id=new_id(), via="api", resubmitted_from=received.id, actor=changes.actor),
                routes=(route,),
                documents=(MailedDocument(name="fax.tiff", content_type=TIFF, content=copy),),
                particulars=_particulars(order),
                once=once,
            )
            return await self._submit(account_id, submission)
        except NotFound as error:
            raise Conflict(REMOVED) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _submit(self, account_id: str, submission: Submission) -> Fax:
        [fax_id] = await self.submissions.submit(submission)
        async with self.store.read() as connection:
            return await faxes.find(connection, fax_id, account_id)

    async def _first(self, once: Once) -> Fax | None:
        """The fax that a request of this name has made."""
        async with self.store.read() as connection:
            first = await idempotency.find(connection, once, self.clock.now())
            if first is None:
                return None
            if refusal := idempotency.refusal(first, once):
                raise refusal
            try:
                return await faxes.find(connection, first.fax_id, once.account_id)
            except NotFound as error:
                raise Conflict("The fax that this request made has been removed.") from error

    async def _pages_of(self, account_id: str, fax_id: str) -> Fax:
        async with self.store.read() as connection:
            fax = await faxes.find(connection, fax_id, account_id)
        if not fax.image_key:
            raise Conflict(REMOVED if fax.pages else "This fax has no document that could be sent.")
        return fax

    async def _route(self, order: Order, known: Fax | None = None) -> FaxRoute:
        """From which box, to which number. `known` is an earlier fax, whose sender's number may be used again unless it
        is somebody else's now."""
        async with self.store.read() as connection:
            account = await accounts.account(connection, order.account_id)
            boxes = await accounts.faxboxes(connection, order.account_id)
            numbers = {number.id for number in await accounts.numbers(connection, order.account_id)}
        _check_notifications(order.notifications, account)
        destination = _number("to_number", order.to_number, account)
        owner = None
        if known is None or order.from_number != _own_number(known):
            calling = _number("from_number", order.from_number, account)
            owner = _owner(calling, boxes, account)
            if owner is None and calling not in numbers:
                raise BadField("from_number", f"{order.from_number} is not a number of this account.")
        elif await self._given_away(order.from_number, boxes, account):
            raise BadField("from_number", f"{order.from_number} is not a number of this account any more.")
        box = _box(order, owner, boxes, strict=known is None or order.faxbox_id != known.faxbox_id)
        chosen = options.read(order.options, zone_of(box, account), self.clock.now())
        return FaxRoute(account=account, faxbox=box, number=order.to_number, destination=destination, options=chosen)

    async def _given_away(self, written: str, boxes: Sequence[Faxbox], account: Account) -> bool:
        """Whether it has become a number of another account, and is not a caller id here."""
        try:
            number = to_e164(written, account.country)
        except BadNumber:
            return False
        if _owner(number, boxes, account) is not None:
            return False
        async with self.store.read() as connection:
            return await is_anothers(connection, number, account.id)

    async def _looked_into(self, uploads: Sequence[Upload], password: str) -> tuple[tuple[MailedDocument, ...], int]:
        """The documents and how many pages they have, each opened in the sandbox as far as a second allows; preparing
        looks again."""
        documents, pages = [], 0
        for upload in uploads:
            kind = await asyncio.to_thread(_kind, upload)
            if password and kind is Kind.PDF:
                await self.sandbox.run(unlock, upload.file, upload.name, password)
            with suppress(TimeoutError):  # it takes longer than a client should wait: preparing will tell
                counted = await self.sandbox.quick(inspect, upload.file, kind.value, upload.name, self.max_pages)
                pages += counted or 0
            documents.append(MailedDocument(name=upload.name, content_type=kind.value, content=upload.file))
        if pages > self.max_pages:
            raise refusals.too_long("", self.max_pages)
        return tuple(documents), pages


def _particulars(order: Order) -> Particulars:
    return Particulars(
        from_name=order.from_name,
        from_number=order.from_number,
        to_name=order.to_name,
        retries=order.retries,
        notifications=order.notifications,
    )


def _number(name: str, written: str, account: Account) -> str:
    """E.164. Raises BadField naming the field."""
    try:
        return to_e164(written, account.country)
    except BadNumber as error:
        raise BadField(name, error.text) from error


def _owner(number: str, boxes: Sequence[Faxbox], account: Account) -> Faxbox | None:
    """The box that answers the number, or else calls under it."""
    answering = (box for box in boxes if number in box.numbers)
    calling = (box for box in boxes if box.caller_id and _is(box.caller_id, number, account))
    return next(answering, None) or next(calling, None)


def _is(written: str, number: str, account: Account) -> bool:
    try:
        return to_e164(written, account.country) == number
    except BadNumber:
        return False


def _box(order: Order, owner: Faxbox | None, boxes: Sequence[Faxbox], *, strict: bool) -> Faxbox:
    """The box that was asked for; else the one whose number it is; else the account's first."""
    named = next((box for box in boxes if box.id == order.faxbox_id), None)
    if named is None and order.faxbox_id is not None and strict:
        raise BadField("faxbox_id", "The account has no such faxbox.")
    box = named or owner or next(iter(boxes), None)
    if box is None:
        raise Conflict("The account has no faxbox to send from; make one first.")
    return box


def _check_notifications(notifications: dict[str, object], account: Account) -> None:
    """Raise BadField for an address that no mail can reach, and for what is no telephone number."""
    for number in recipients(notifications, "sms"):
        _number("notifications.sms.send_to", number, account)
    for address in recipients(notifications, "email"):
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError as error:
            raise BadField("notifications.email.send_to", f"{address!r} is no address: {error}") from error


def _kind(upload: Upload) -> Kind:
    """What the bytes are. Raises DocumentRefused."""
    kind = kind_of(upload.file, upload.name)
    if kind not in taken():
        raise NotFaxable(refusals.not_taken(upload.name, kind, upload.declared_type).text)
    if kind is Kind.TEXT and upload.declared_type.startswith(("application/pdf", "image/")):
        raise refusals.broken(upload.name, f"text, declared as {upload.declared_type}")
    return kind


def _own_number(fax: Fax) -> str:
    """The number of an earlier fax that was ours."""
    return fax.destination if fax.direction is Direction.INBOUND else fax.from_number
