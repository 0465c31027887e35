"""The audit log: who read, sent, changed and removed what. Entries tell no content, and are never changed or removed:
the database itself refuses it (the triggers of the table)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.fax import Fax
from gateway.ids import new_id

ADDED, CHANGED, DELETED = "added", "changed", "deleted"
"""What is done to an account, a faxbox, a number, a token, a credential."""
SENT, READ, TOLD, RESENT, CANCELLED = "sent", "document read", "told", "told again", "cancelled"
REMOVED, DOCUMENT_REMOVED, NOT_JUNK = "removed", "document removed", "taken out of junk"
ERASED = "document erased"
"""What is done to a fax; `told`: somebody had a mail, a short message or a callback about it;
`told again`: somebody has ordered it; `document erased`: what the store could not erase when it was removed."""

FAX, ACCOUNT, FAXBOX, NUMBER, TOKEN, CREDENTIAL = "fax", "account", "faxbox", "number", "token", "credential"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it."""

    name: str = ""
    """The id of a token, or of the key that it was exchanged for; the address that a mail was proven to come from, or
    `unproven` and the address where its account asks for no proof, or `login` and the name that was logged in with;
    `operator` at the command line; empty for the gateway itself."""
    peer: str = ""
    """The IP address it was done from, where it came over the network."""


GATEWAY, OPERATOR = Actor(), Actor("operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: str
    account_id: str
    at: datetime
    actor: str
    """`Actor.name`."""
    peer: str = ""
    action: str
    object: str
    object_id: str
    """The id of the object, of a number the number itself (E.164)."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What tells no content: direction, status, pages, the names of changed fields."""


def entry(
    actor: Actor, action: str, object_: str, object_id: str, account_id: str, at: datetime, /, **facts: object
) -> AuditEntry:
    return AuditEntry(
        id=new_id(),
        account_id=account_id,
        at=at,
        actor=actor.name,
        peer=actor.peer,
        action=action,
        object=object_,
        object_id=object_id,
        facts=facts,
    )


def of_fax(actor: Actor, action: str, fax: Fax, at: datetime) -> AuditEntry:
    """What was done with a fax that has ended."""
    facts = {"direction": fax.direction, "status": fax.status, "pages": fax.pages}
    return entry(actor, action, FAX, fax.id, fax.account_id, at, **facts)
