"""A submission: documents and where to fax them, and the faxes that it makes. Values, and one pure function."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gateway.accounts import NEVER
from gateway.audit import GATEWAY, Actor
from gateway.bounces import Returned
from gateway.fax import Direction, Document, DocumentRequest, Fax, LeftOut, Status
from gateway.ids import new_id
from gateway.routing import FaxRoute
from gateway.smtplog import SmtplogEntry
from gateway.store.idempotency import Once


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedDocument:
    """A document of a mail that will be faxed, its bytes in memory or in a spool file that may be taken over."""

    name: str
    content_type: str
    content: bytes | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a submission comes from."""

    id: str
    """The faxes of one submission share it; the id of the smtplog entry where it came by mail."""
    via: str
    """`smtp`, `api` or `cli`."""
    sender: str = ""
    """The verified address that receipts go to; empty where there is none."""
    subject: str = ""
    message_id: str = ""
    resubmitted_from: str = ""
    """The fax whose pages these are."""
    actor: Actor = GATEWAY
    """Who sends it, for the audit log."""
    spender: str = ""
    """Who spends what each sender may (`gateway.spending.Scope.sender_limits`); empty for the sender of each fax."""

    @classmethod
    def of_mail(cls, entry: SmtplogEntry, identity: str, *, spender: str = "", actor: str = "") -> "Origin":
        """`identity` is who sends it, and is told of it; empty where that is nobody. `actor` as `Actor.name`."""
        return cls(
            id=entry.id,
            via="smtp",
            sender=identity,
            subject=entry.subject,
            message_id=entry.message_id,
            actor=Actor(actor or identity, entry.host),
            spender=spender,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What a submitter says of the fax itself; what is None is the faxbox's."""

    from_name: str | None = None
    from_number: str | None = None
    """As written."""
    to_name: str = ""
    retries: int | None = None
    notifications: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The fax image that another fax has already; both refer to the same files from now on."""

    fax_id: str
    pdf_key: str
    image_key: str
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Documents and where to fax them, complete: one fax for each route."""

    origin: Origin
    entry: SmtplogEntry | None = None
    """The smtplog entry of a mail."""
    routes: tuple[FaxRoute, ...]
    documents: tuple[MailedDocument, ...] = ()
    request: DocumentRequest | None = None
    """Where the document is to be fetched; there are no `documents` then."""
    rendered: Rendered | None = None
    """Set where the pages of an earlier fax are sent again; there are no `documents` then."""
    counted_pages: int = 0
    """Pages of the documents, as far as they have been counted."""
    particulars: Particulars = field(default_factory=Particulars)
    once: Once | None = None
    """Set where the client has named its request: made again, it makes no new fax."""
    message: str = ""
    """What was written beside the documents."""
    left_out: tuple[LeftOut, ...] = ()
    repeat_of: str = ""
    """What makes the same mail the same again: its Message-ID (its Date where it has none) and a digest of its
    body."""
    operator_mail: bytes | None = None
    """The whole message, when a recipient was `postmaster@`."""
    returned: Returned | None = None
    """Set where the mail has come to a bounce address."""


def faxes_of(submission: Submission, documents: tuple[Document, ...], now: datetime) -> list[Fax]:
    """The faxes that it makes, one for each route. Pure but for their ids."""
    origin, told, rendered = submission.origin, submission.particulars, submission.rendered
    ready = submission.request is not None or rendered is not None
    return [
        Fax(
            id=new_id(),
            account_id=route.account.id,
            faxbox_id=route.faxbox.id,
            direction=Direction.OUTBOUND,
            # What is fetched is fetched by the worker before the first call; what is rendered is ready.
            status=Status.PENDING if ready else Status.ATTACHING_FILES,
            created_at=now,
            updated_at=now,
            due_at=max(now, route.options.at or now) if ready else now,
            send_at=route.options.at,
            priority=route.options.priority,
            cost_code=route.options.cost_code,
            cover=route.options.cover,
            resolution=route.options.resolution,
            mode=route.options.mode,
            via=origin.via,
            submission_id=origin.id,
            sender=origin.sender,
            subject=origin.subject,
            message=submission.message if _may_have_cover(route) else "",
            message_id=origin.message_id,
            dsn=route.dsn,
            repeat_key=_repeat_key(route, origin.sender, submission.repeat_of),
            resubmitted_from=rendered.fax_id if rendered else origin.resubmitted_from,
            from_name=(route.faxbox.caller_name or route.faxbox.name) if told.from_name is None else told.from_name,
            from_number=route.faxbox.number if told.from_number is None else told.from_number,
            to_name=route.options.to or told.to_name,
            to_number=route.number,
            destination=route.destination,
            retries=route.faxbox.retries if told.retries is None else told.retries,
            notifications=told.notifications,
            request=submission.request,
            documents=documents,
            pdf_key=rendered.pdf_key if rendered else "",
            image_key=rendered.image_key if rendered else "",
            pages=rendered.pages if rendered else 0,
            left_out=submission.left_out,
        )
        for route in submission.routes
    ]


def _may_have_cover(route: FaxRoute) -> bool:
    return route.faxbox.cover_page != NEVER if route.options.cover is None else route.options.cover


def _repeat_key(route: FaxRoute, sender: str, repeat_of: str) -> str | None:
    if not repeat_of:
        return None
    parts = (route.faxbox.id, sender.lower(), route.destination, repeat_of)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
