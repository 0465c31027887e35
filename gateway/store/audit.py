"""What was removed, when, and by whom: an entry without content, written in the transaction of the removal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.columns import values

_audit = tables.audit


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: str
    account_id: str
    at: datetime
    actor: str
    """The id of the token that did it; empty for the gateway itself."""
    action: str
    """`removed`, `document removed`."""
    object: str
    """`fax`."""
    object_id: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What tells no content: direction, status, pages."""


async def add(connection: AsyncConnection, entry: AuditEntry) -> None:
    await connection.execute(insert(_audit).values(values(entry, _audit)))


async def of_account(connection: AsyncConnection, account_id: str, limit: int = 50) -> list[AuditEntry]:
    """Newest first."""
    query = select(_audit).where(_audit.c.account_id == account_id).order_by(_audit.c.id.desc()).limit(limit)
    return [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]
