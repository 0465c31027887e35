"""The tables of faxes: what they are, their calls, what calls hold and spend, and what is left of them."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from gateway.store.columns import Json, Utc
from gateway.store.tables.schema import id_, json_, metadata, text_

JUNK = "junk <> ''"
"""As indexes and queries have it: SQLite takes an index for what says the same word for word."""


def _index_of_junk(name: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text(JUNK), sqlite_where=text(JUNK))


fax = Table(
    "fax",
    metadata,
    id_(primary_key=True),
    id_("account_id", nullable=False),
    id_("faxbox_id", nullable=True),
    Column("direction", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("due_at", Utc, nullable=True),
    Column("ended_at", Utc, nullable=True),
    text_("via"),
    text_("submission_id"),
    text_("sender"),
    text_("subject"),
    # What the sender wrote beside the documents, for the cover page.
    text_("message"),
    text_("message_id"),
    # What the sender of a mail has asked to be told: notify, ret, envid, orcpt, recipient.
    Column("dsn", Json, nullable=True),
    Column("repeat_key", String(64), nullable=True),
    text_("resubmitted_from"),
    text_("from_name"),
    text_("from_number"),
    text_("to_name"),
    text_("to_number"),
    text_("destination"),
    Column("retries", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("first_dialled_at", Utc, nullable=True),
    # When it was told that it is not through yet: that is done once.
    Column("told_late_at", Utc, nullable=True),
    Column("send_at", Utc, nullable=True),
    # The smaller goes first.
    Column("priority", Integer, nullable=False, server_default="0"),
    text_("cost_code"),
    # Three choices of the sender's; None and empty text leave them to the faxbox.
    Column("cover", Boolean, nullable=True),
    Column("resolution", String(12), nullable=False, server_default=""),
    Column("mode", String(8), nullable=False, server_default=""),
    # A document to be fetched, as the Faxes API has it: url, method, content, content_type, host, referer.
    Column("request", Json, nullable=True),
    json_("documents"),
    json_("left_out"),
    text_("pdf_key"),
    text_("image_key"),
    Column("pages", Integer, nullable=False),
    Column("progress", Json, nullable=True),
    Column("result", Json, nullable=True),
    text_("error"),
    # Why a received fax is not wanted, and when a digest has told of it.
    text_("junk"),
    Column("junk_told_at", Utc, nullable=True),
    json_("notifications", "{}"),
    Column("claim_token", String(32), nullable=True),
    Column("lease_until", Utc, nullable=True),
    # Lists: newest first within an account; and what is due, over all accounts.
    Index("ix_fax_listing", "account_id", "direction", "status", "created_at", "id"),
    Index("ix_fax_due", "status", "due_at"),
    Index("ix_fax_claimed", "lease_until", postgresql_where=text("claim_token IS NOT NULL")),
    Index("ix_fax_repeat_key", "repeat_key"),
    Index("ix_fax_image_key", "image_key"),
    Index("ix_fax_submission_id", "submission_id"),
    # Junk is rare: its folder, and what no digest has told of, are found without the faxes that are none.
    _index_of_junk("ix_fax_junk", "account_id", "direction", "status", "created_at", "id"),
    _index_of_junk("ix_fax_junk_told_at", "junk_told_at", "faxbox_id", "ended_at"),
)

attempt = Table(
    "attempt",
    metadata,
    id_(primary_key=True),
    # No foreign keys: the call record survives the deletion of its fax, and of its account.
    id_("fax_id", nullable=False, index=True),
    id_("account_id", nullable=False),
    id_("faxbox_id", nullable=True),
    Column("direction", String(8), nullable=False),
    Column("number", Integer, nullable=False),
    text_("line"),
    text_("from_number"),
    text_("to_number"),
    Column("started_at", Utc, nullable=False),
    # What was asked of the line; t38 is NULL where nothing was (a call that came in).
    Column("v17", Boolean, nullable=False, server_default=text("true")),
    Column("t38", Boolean, nullable=True),
    Column("first_page", Integer, nullable=False, server_default="1"),
    text_("cost_code"),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("counted", Boolean, nullable=False),
    Column("result", Json, nullable=True),
    Index("ix_attempt_listing", "account_id", "started_at", "id"),
)

slot = Table(
    "slot",
    metadata,
    # ("account", account id, 0..max_calls-1), ("destination", number, 0) or ("line", its digest, 0..channels-1);
    # a call holds one of each. The key is the limit: two processes cannot both insert it.
    Column("kind", String(12), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("place", Integer, primary_key=True),
    id_("fax_id", nullable=False, index=True),
)

destination = Table(
    "destination",
    metadata,
    # The means with which the last fax to this number got through, where the plain ones are not those. Of each account
    # its own: what one has found out of a number is not to be seen in what another's calls do.
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("number", String(32), primary_key=True),
    Column("v17", Boolean, nullable=False),
    Column("t38", Boolean, nullable=False),
    # When it was found out.
    Column("at", Utc, nullable=False, index=True),
)

line_drain = Table(
    "line_drain",
    metadata,
    # A line that gets no more calls, in any process, until the operator says so.
    Column("name", Text, primary_key=True),
    Column("since", Utc, nullable=False),
)

spent = Table(
    "spent",
    metadata,
    # What each fax has taken of the limits of those who pay for it (its faxbox, its account, the accounts above), for
    # as long as they look back. It outlives a fax, a faxbox and an account that are removed: that makes no room.
    id_("payer_id", primary_key=True),
    id_("fax_id", primary_key=True, index=True),
    text_("sender"),
    text_("destination"),
    # Known when the document has been opened.
    Column("pages", Integer, nullable=False),
    Column("at", Utc, nullable=False, index=True),
    Index("ix_spent_payer_id_at", "payer_id", "at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    # An Idempotency-Key of a client, and what it made. The key is the limit: two requests cannot both insert it.
    id_("account_id", primary_key=True),
    Column("key", String(255), primary_key=True),
    # Of the request: the same key with another request is an error.
    Column("digest", String(64), nullable=False),
    id_("fax_id", nullable=False),
    Column("created_at", Utc, nullable=False, index=True),
)

removed_repeat = Table(
    "removed_repeat",
    metadata,
    # Of a fax that is gone: what makes its mail the same again (`gateway.store.repeats`).
    id_(primary_key=True),
    Column("repeat_key", String(64), nullable=False, index=True),
    Column("created_at", Utc, nullable=False, index=True),
)

junk_digest = Table(
    "junk_digest",
    metadata,
    # A faxbox and the day (its own) of its last digest. The key is the limit: two processes cannot both insert it.
    id_("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),
)

erasure = Table(
    "erasure",
    metadata,
    # A document that no fax names any more, until the documents store has erased it.
    Column("key", Text, primary_key=True),
    id_("account_id", nullable=False),
    # Empty where no fax ever named it.
    id_("fax_id", nullable=False),
    Column("since", Utc, nullable=False),
    Column("due_at", Utc, nullable=False, index=True),
    # How often it could not be erased, and why not.
    Column("attempts", Integer, nullable=False),
    text_("error"),
)
