"""The smtplog: one entry for every SMTP transaction, refused or accepted.

It is what the operator reads to tell what became of a mail, so it holds everything that decided it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.wording import some


@dataclass(slots=True, kw_only=True)
class RecipientLog:
    address: str
    """As the client wrote it."""
    number: str = ""
    """The local part as written."""
    destination: str = ""
    """The number as dialled, E.164."""
    faxbox_id: str | None = None
    reply: str = ""
    """What this RCPT was answered, later what became of it."""
    fax_id: str | None = None


@dataclass(slots=True, kw_only=True)
class AttachmentLog:
    name: str
    content_type: str
    """What the bytes are; what the mail declared, where they could not be told."""
    bytes: int
    outcome: str
    """`faxed`, `left out` or `refused`."""
    reason: str = ""
    pages: int | None = None


@dataclass(slots=True, kw_only=True)
class SmtplogEntry:
    id: str
    received_at: datetime
    account_id: str | None = None
    """None: it belongs to no account, and only the superuser sees it."""
    faxbox_id: str | None = None
    peer: str = ""
    """`address:port`."""
    helo: str = ""
    tls: str = ""
    authentication: str = ""
    """How the sender was proven: the reason that `smtp.senders` gives."""
    sender: str = ""
    recipients: list[RecipientLog] = field(default_factory=list)
    message_id: str = ""
    subject: str = ""
    size: int = 0
    attachments: list[AttachmentLog] = field(default_factory=list)
    reply: str = ""
    """The last reply of the transaction, with its codes."""
    accepted: bool = False
    errors: list[str] = field(default_factory=list)
    """Details for the operator that the client was not told."""
    fax_ids: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The address of the peer."""
        return self.peer.rpartition(":")[0].strip("[]")


def in_a_line(entry: SmtplogEntry) -> str:
    """The transaction as the log has it, without a word of what the mail says: the text of a reply may name documents.
    Pure."""
    to = some([line.address for line in entry.recipients]) or "nobody"
    words = [
        f"{entry.id} from {entry.sender or '<>'} at {entry.host} to {to}: {' '.join(entry.reply.split()[:2])}",
        f", sender: {entry.authentication}" if entry.authentication else "",
        f", faxes {some(entry.fax_ids)}" if entry.fax_ids else "",
    ]
    line = "".join(words)
    # A local part may have any sign of Unicode, among them such as begin a line.
    return line if line.isprintable() else repr(line)[1:-1]
