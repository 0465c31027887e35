"""The way of a fax out: submit -> prepare -> attempt."""

from dataclasses import dataclass
from pathlib import Path

from gateway.fax import LeftOut
from gateway.routing import FaxRoute
from gateway.smtplog import SmtplogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedDocument:
    """A document of a mail that will be faxed, its bytes in memory or in a spool file that may be taken over."""

    name: str
    content_type: str
    content: bytes | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A mail that can be faxed, complete: one fax for each route."""

    entry: SmtplogEntry
    routes: tuple[FaxRoute, ...]
    documents: tuple[MailedDocument, ...]
    left_out: tuple[LeftOut, ...] = ()
    repeat_of: str = ""
    """What makes the same mail the same again: its Message-ID (its Date where it has none) and a digest of its body."""
    operator_mail: bytes | Path | None = None
    """The whole message, when a recipient was `postmaster@`."""


class Submissions:
    """Takes mails: commits them in groups, so that many sessions share one fsync."""

    async def submit(self, submission: Submission) -> None:
        """Store the mail's documents, its faxes and its smtplog entry durably. Fills `entry.fax_ids` and the
        recipients' `fax_id`. Raises OurTrouble, and then nothing of it is queued."""
        raise NotImplementedError

    async def record(self, entry: SmtplogEntry) -> None:
        """Store the smtplog entry of a transaction that brought no fax."""
        raise NotImplementedError
