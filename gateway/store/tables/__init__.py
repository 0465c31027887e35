"""The schema, by what it is about. `store/migrations` builds it; a test holds the two equal."""

from gateway.store.tables.faxes import (
    JUNK,
    attempt,
    destination,
    erasure,
    fax,
    idempotency,
    junk_digest,
    line_drain,
    removed_repeat,
    slot,
    spent,
)
from gateway.store.tables.owners import (
    account,
    credential,
    domain,
    faxbox,
    number,
    token,
)
from gateway.store.tables.schema import metadata
from gateway.store.tables.telling import (
    alert,
    audit,
    event,
    installation_key,
    notice,
    notice_attempt,
    smtplog,
)

__all__ = [
    "JUNK",
    "account",
    "alert",
    "attempt",
    "audit",
    "credential",
    "destination",
    "domain",
    "erasure",
    "event",
    "fax",
    "faxbox",
    "idempotency",
    "installation_key",
    "junk_digest",
    "line_drain",
    "metadata",
    "notice",
    "notice_attempt",
    "number",
    "removed_repeat",
    "slot",
    "smtplog",
    "spent",
    "token",
]
