"""Faxes as stored, and the only place where a fax changes its status.

Every change says which status (and, of a claimed fax, which claim) it expects; a row that is not so any more raises
LostClaim, and the transaction with it is rolled back: whoever owns the fax now decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, and_, delete, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict, NotFound
from gateway.fax import (
    ENDED,
    TRANSITIONS,
    CallResult,
    Direction,
    Document,
    DocumentRequest,
    DsnRequest,
    Fax,
    LeftOut,
    Progress,
    Status,
)
from gateway.store import events, tables
from gateway.store.columns import storable, values

_fax = tables.fax

_documents = TypeAdapter(tuple[Document, ...])
_request = TypeAdapter(DocumentRequest | None)
_dsn = TypeAdapter(DsnRequest | None)
_left_out = TypeAdapter(tuple[LeftOut, ...])
_progress = TypeAdapter(Progress | None)
_result = TypeAdapter(CallResult | None)


class LostClaim(Exception):
    """The fax is not in the state, or not under the claim, that the change expected."""


def from_row(row: Mapping[Any, Any]) -> Fax:
    decoded = {
        "direction": Direction(row["direction"]),
        "status": Status(row["status"]),
        "request": _request.validate_python(row["request"]),
        "documents": _documents.validate_python(row["documents"]),
        "dsn": _dsn.validate_python(row["dsn"]),
        "left_out": _left_out.validate_python(row["left_out"]),
        "progress": _progress.validate_python(row["progress"]),
        "result": _result.validate_python(row["result"]),
    }
    return Fax(**{**row, **decoded})


def add(connection: Connection, faxes: Sequence[Fax]) -> None:
    if faxes:
        connection.execute(insert(_fax), [values(fax, _fax) for fax in faxes])
        for fax in faxes:
            events.note(connection, fax, events.STATUS, fax.updated_at)


async def move(
    connection: AsyncConnection,
    fax: Fax,
    to: Status,
    now: datetime,
    **changes: Any,
) -> None:
    """Change the status of `fax`, which must still be as given (status and claim), together with other columns.

    Whatever the new status is, the claim ends with it unless `claim_token` is among the changes.
    """
    if to not in TRANSITIONS[fax.status]:
        raise ValueError(f"a fax never goes from {fax.status} to {to}")
    ends = {"ended_at": now, "due_at": None} if to in ENDED else {}
    row = {"claim_token": None, "lease_until": None, "progress": None, **changes, **ends}
    await change(connection, fax, now, status=to, **row)


async def change(connection: AsyncConnection, fax: Fax, now: datetime, **changes: Any) -> None:
    """Change columns of `fax`, which must still be as given (status and claim)."""
    row = {name: storable(value) for name, value in changes.items()}
    query = (
        update(_fax)
        .where(_fax.c.id == fax.id, _fax.c.status == fax.status)
        .values(updated_at=now, revision=_fax.c.revision + 1, **row)
    )
    if fax.claim_token is not None:
        query = query.where(_fax.c.claim_token == fax.claim_token)
    if (await connection.execute(query)).rowcount != 1:
        raise LostClaim(f"fax {fax.id} is no longer {fax.status} under this claim; whoever has it now goes on")
    if "status" in changes:
        events.note(connection, replace(fax, **changes), events.STATUS, now)
    elif "progress" in changes:
        events.note(connection, replace(fax, **changes), events.PROGRESS, now)


async def find(connection: AsyncConnection, fax_id: str, account_id: str | None = None) -> Fax:
    """The fax, of `account_id` alone where that is given. Raises NotFound."""
    query = select(_fax).where(_fax.c.id == fax_id)
    if account_id is not None:
        query = query.where(_fax.c.account_id == account_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound(f"There is no fax {fax_id}.")
    return from_row(row)


async def known(connection: AsyncConnection, fax_id: str) -> Fax | None:
    row = (await connection.execute(select(_fax).where(_fax.c.id == fax_id))).mappings().first()
    return None if row is None else from_row(row)


async def rendered_sibling(connection: AsyncConnection, fax: Fax) -> Fax | None:
    """Another fax of the same mail and faxbox whose image is made already."""
    query = select(_fax).where(
        _fax.c.submission_id == fax.submission_id,
        _fax.c.faxbox_id == fax.faxbox_id,
        _fax.c.image_key != "",
        _fax.c.id != fax.id,
    )
    row = (await connection.execute(query.limit(1))).mappings().first()
    return None if row is None or not fax.submission_id else from_row(row)


async def request_cancel(connection: AsyncConnection, fax_id: str, account_id: str, now: datetime) -> Fax:
    """Cancel what has not begun; ask for the hang-up of what has. Returns the fax as it was.

    Raises NotFound, and Conflict for a fax that has ended.
    """
    fax = await find(connection, fax_id, account_id)
    if fax.status in ENDED or fax.direction is not Direction.OUTBOUND:
        raise Conflict(f"The fax is {fax.status} and cannot be cancelled.")
    if fax.status is Status.PROCESSING:
        query = update(_fax).where(_fax.c.id == fax.id, _fax.c.status == Status.PROCESSING)
        await connection.execute(query.values(cancel_requested=True, updated_at=now, revision=_fax.c.revision + 1))
    else:
        await move(connection, fax, Status.CANCELLED, now, cancel_requested=True, error="Cancelled before it was sent.")
    return fax


def lock_documents(connection: Connection, account_id: str) -> None:
    """Until the transaction ends, nobody else of this account shares or removes documents: of two faxes that refer to
    the same files, removed at once, each would else find that the other still needs them."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"documents of {account_id}"}
        )


def still_has(connection: Connection, fax: Fax) -> bool:
    """Whether the fax that this one takes its pages from still has them. Holds `lock_documents`."""
    lock_documents(connection, fax.account_id)
    query = select(_fax.c.id).where(_fax.c.id == fax.resubmitted_from, _fax.c.image_key == fax.image_key)
    return connection.execute(query).first() is not None


async def keys_in_use(connection: AsyncConnection, fax: Fax) -> frozenset[str]:
    """Which of the fax's documents another fax refers to: one of the same mail, or one that sends its pages again.

    Raises Conflict while another fax of the same mail is being prepared from them.
    """
    same_mail = and_(_fax.c.submission_id == fax.submission_id, _fax.c.submission_id != "")
    same_pages = and_(_fax.c.image_key == fax.image_key, _fax.c.image_key != "")
    query = select(_fax).where(or_(same_mail, same_pages), _fax.c.id != fax.id)
    others = [from_row(row) for row in (await connection.execute(query)).mappings()]
    if any(other.status is Status.ATTACHING_FILES for other in others):
        raise Conflict("Another fax is just being made of the same document; try again in a moment.")
    return frozenset(key for other in others for key in keys_of(other))


def keys_of(fax: Fax) -> list[str]:
    """The keys of all that is stored of a fax."""
    return [key for key in (fax.pdf_key, fax.image_key, *(document.key for document in fax.documents)) if key]


async def delete_ended(connection: AsyncConnection, fax: Fax) -> None:
    """Remove the row of a fax that has ended, and its notices. The call records stay, and so do the live events, which
    hold no content and go after a day."""
    gone = delete(_fax).where(_fax.c.id == fax.id, _fax.c.status.in_(ENDED))
    if (await connection.execute(gone)).rowcount != 1:
        raise LostClaim(f"fax {fax.id} has not ended, or is gone already")
    # After the fax, as whoever tells of one takes the locks (`store.stranded`).
    await connection.execute(delete(tables.notice).where(tables.notice.c.fax_id == fax.id))


async def of_submission(connection: AsyncConnection, submission_id: str) -> list[str]:
    """The faxes that came together, the oldest first."""
    query = select(_fax.c.id).where(_fax.c.submission_id == submission_id).order_by(_fax.c.id)
    return list((await connection.execute(query)).scalars())
