"""The schema. `migrations/` builds it; a test holds the two equal."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from gateway.store.columns import Json, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id", *references: ForeignKey, **options: Any) -> Column[str]:
    return Column(name, String(32), *references, **options)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _json(name: str, empty: str = "[]") -> Column[Any]:
    return Column(name, Json, nullable=False, server_default=text(f"'{empty}'"))


JUNK = "junk <> ''"
"""As indexes and queries have it: SQLite takes an index for what says the same word for word."""


def _index_of_junk(name: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text(JUNK), sqlite_where=text(JUNK))


account = Table(
    "account",
    metadata,
    _id(primary_key=True),
    _id("parent_id", ForeignKey("account.id"), nullable=True, index=True),
    _text("name"),
    Column("country", String(2), nullable=False),
    _text("timezone"),
    Column("language", String(16), nullable=False, server_default="en"),
    Column("max_calls", Integer, nullable=False),
    _json("number_rules", "{}"),
    _json("limits", "{}"),
    _json("sender_limits", "{}"),
    Column("sender_policy", String(16), nullable=False, server_default="require_proof"),
    Column("signature_policy", String(16), nullable=False, server_default="any_recipient"),
    _json("signing_domains"),
    _json("trusted_networks"),
    Column("keep_days", Integer, nullable=True),
    _json("blocked_callers"),
    _json("allowed_callers"),
    Column("created_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
)

faxbox = Table(
    "faxbox",
    metadata,
    _id(primary_key=True),
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    _text("name"),
    _json("permits"),
    _text("caller_id"),
    _text("caller_name"),
    _text("fax_header"),
    _text("fax_identity"),
    _text("timezone"),
    Column("retries", Integer, nullable=False),
    Column("body_as_page", Boolean, nullable=False),
    # None leaves it to the line.
    Column("t38", Boolean, nullable=True),
    Column("resume", Boolean, nullable=False, server_default=text("false")),
    Column("look", String(8), nullable=False, server_default="auto"),
    Column("resolution", String(12), nullable=False, server_default="fine"),
    Column("drop_blank_end", Boolean, nullable=False, server_default=text("false")),
    Column("cover_page", String(8), nullable=False, server_default="never"),
    _text("confidentiality"),
    Column("mail_shows", String(8), nullable=False, server_default="picture"),
    Column("mail_attach", String(8), nullable=False, server_default="pdf"),
    _json("mail_options"),
    _json("trusted_networks"),
    _json("scanners"),
    _json("blocked_callers"),
    _json("allowed_callers"),
    _text("callback_secret"),
    _text("former_secret"),
    Column("former_secret_until", Utc, nullable=True),
    # As it was written: a domain, or an address at it. `domain` holds the domain itself.
    _text("custom_address"),
    _json("inbound_email"),
    _json("outbound_email"),
    _json("notifications", "{}"),
    _json("number_rules", "{}"),
    _json("limits", "{}"),
    _json("sender_limits", "{}"),
    Column("created_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
)

domain = Table(
    "domain",
    metadata,
    Column("name", String(255), primary_key=True),
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    # Set: mail to this domain reaches this faxbox alone.
    _id("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), nullable=True, index=True),
    # Made by us, below a domain of the account, and remade when that domain goes.
    Column("generated", Boolean, nullable=False, server_default=text("false")),
)

number = Table(
    "number",
    metadata,
    Column("number", String(20), primary_key=True),
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    _id("faxbox_id", ForeignKey("faxbox.id", ondelete="SET NULL"), nullable=True, index=True),
    Column("position", Integer, nullable=False, server_default="0"),
)

token = Table(
    "token",
    metadata,
    _id(primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    _text("name"),
    # `token`, or `key`: a long-lived key that is good for nothing but being exchanged for a short-lived token.
    Column("kind", String(8), nullable=False, server_default="token"),
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=True, index=True),
    _json("scopes"),
    # The key that was exchanged for it: what a key gave ends with the key.
    _id("key_id", ForeignKey("token.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=True),
)

credential = Table(
    "credential",
    metadata,
    _id(primary_key=True),
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    # Set: it sends through this faxbox alone, and goes with it.
    _id("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("name", String(254), nullable=False, unique=True),
    # argon2id; the password itself is nowhere.
    _text("hash"),
    # Who has logged in with it lately: strangers cannot lock them out.
    _json("peers"),
    Column("created_at", Utc, nullable=False),
)

fax = Table(
    "fax",
    metadata,
    _id(primary_key=True),
    _id("account_id", nullable=False),
    _id("faxbox_id", nullable=True),
    Column("direction", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("due_at", Utc, nullable=True),
    Column("ended_at", Utc, nullable=True),
    _text("via"),
    _text("submission_id"),
    _text("sender"),
    _text("subject"),
    # What the sender wrote beside the documents, for the cover page.
    _text("message"),
    _text("message_id"),
    # What the sender of a mail has asked to be told: notify, ret, envid, orcpt, recipient.
    Column("dsn", Json, nullable=True),
    Column("repeat_key", String(64), nullable=True),
    _text("resubmitted_from"),
    _text("from_name"),
    _text("from_number"),
    _text("to_name"),
    _text("to_number"),
    _text("destination"),
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
    _text("cost_code"),
    # Three choices of the sender's; None and empty text leave them to the faxbox.
    Column("cover", Boolean, nullable=True),
    Column("resolution", String(12), nullable=False, server_default=""),
    Column("mode", String(8), nullable=False, server_default=""),
    # A document to be fetched, as the Faxes API has it: url, method, content, content_type, host, referer.
    Column("request", Json, nullable=True),
    _json("documents"),
    _json("left_out"),
    _text("pdf_key"),
    _text("image_key"),
    Column("pages", Integer, nullable=False),
    Column("progress", Json, nullable=True),
    Column("result", Json, nullable=True),
    _text("error"),
    # Why a received fax is not wanted, and when a digest has told of it.
    _text("junk"),
    Column("junk_told_at", Utc, nullable=True),
    _json("notifications", "{}"),
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

erasure = Table(
    "erasure",
    metadata,
    # A document that no fax names any more, until the documents store has erased it.
    Column("key", Text, primary_key=True),
    _id("account_id", nullable=False),
    # Empty where no fax ever named it.
    _id("fax_id", nullable=False),
    Column("since", Utc, nullable=False),
    Column("due_at", Utc, nullable=False, index=True),
    # How often it could not be erased, and why not.
    Column("attempts", Integer, nullable=False),
    _text("error"),
)

junk_digest = Table(
    "junk_digest",
    metadata,
    # A faxbox and the day (its own) of its last digest. The key is the limit: two processes cannot both insert it.
    _id("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),
)

attempt = Table(
    "attempt",
    metadata,
    _id(primary_key=True),
    # No foreign keys: the call record survives the deletion of its fax, and of its account.
    _id("fax_id", nullable=False, index=True),
    _id("account_id", nullable=False),
    _id("faxbox_id", nullable=True),
    Column("direction", String(8), nullable=False),
    Column("number", Integer, nullable=False),
    _text("line"),
    _text("from_number"),
    _text("to_number"),
    Column("started_at", Utc, nullable=False),
    # What was asked of the line; t38 is NULL where nothing was (a call that came in).
    Column("v17", Boolean, nullable=False, server_default=text("true")),
    Column("t38", Boolean, nullable=True),
    Column("first_page", Integer, nullable=False, server_default="1"),
    _text("cost_code"),
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
    _id("fax_id", nullable=False, index=True),
)

destination = Table(
    "destination",
    metadata,
    # The means with which the last fax to this number got through, where the plain ones are not those. Of each account
    # its own: what one has found out of a number is not to be seen in what another's calls do.
    _id("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
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
    _id("payer_id", primary_key=True),
    _id("fax_id", primary_key=True, index=True),
    _text("sender"),
    _text("destination"),
    # Known when the document has been opened.
    Column("pages", Integer, nullable=False),
    Column("at", Utc, nullable=False, index=True),
    Index("ix_spent_payer_id_at", "payer_id", "at"),
)

alert = Table(
    "alert",
    metadata,
    # When the operator was last told of this trouble on this line. The key holds the limit: two processes that meet the
    # same trouble at once send one mail.
    Column("line", Text, primary_key=True),
    Column("cause", String(64), primary_key=True),
    Column("at", Utc, nullable=False),
)

installation_key = Table(
    "installation_key",
    metadata,
    # What the installation keeps to itself: the key that signs bounce addresses.
    Column("name", String(32), primary_key=True),
    _text("value"),
)

smtplog = Table(
    "smtplog",
    metadata,
    _id(primary_key=True),
    _id("account_id", nullable=True),
    _id("faxbox_id", nullable=True),
    Column("received_at", Utc, nullable=False),
    Column("accepted", Boolean, nullable=False),
    _text("sender"),
    Column("entry", Json, nullable=False),
    Index("ix_smtplog_listing", "account_id", "received_at", "id"),
)

notice = Table(
    "notice",
    metadata,
    _id(primary_key=True),
    _id("account_id", nullable=True),
    _id("fax_id", nullable=True, index=True),
    Column("kind", String(24), nullable=False),
    # `email`, `sms` or `callback`; the recipient is an address, a number or a URL.
    Column("way", String(8), nullable=False, server_default="email"),
    _text("recipient"),
    Column("state", String(12), nullable=False),
    Column("due_at", Utc, nullable=True),
    Column("created_at", Utc, nullable=False),
    Column("ended_at", Utc, nullable=True),
    Column("attempts", Integer, nullable=False),
    _text("answer"),
    # A message to pass on unchanged; every other notice is written from its fax when it is sent.
    Column("message", LargeBinary, nullable=True),
    Column("claim_token", String(32), nullable=True),
    Column("lease_until", Utc, nullable=True),
    Index("ix_notice_due", "state", "due_at"),
    Index("ix_notice_listing", "account_id", "created_at", "id"),
)

notice_attempt = Table(
    "notice_attempt",
    metadata,
    # A try to deliver a notice, and what was answered.
    _id("notice_id", ForeignKey("notice.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("outcome", String(12), nullable=False),
    _text("answer"),
)

event = Table(
    "event",
    metadata,
    # Given at commit, in the order of the commits: whoever has seen a number has seen all before it.
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    _id("account_id", nullable=False),
    _id("fax_id", nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_event_account_id_sequence", "account_id", "sequence"),
    sqlite_autoincrement=True,  # a number is never given again, although old events are removed
)

audit = Table(
    "audit",
    metadata,
    _id(primary_key=True),
    _id("account_id", nullable=False),
    Column("at", Utc, nullable=False),
    # Who did it (`gateway.audit.Actor`), and from where.
    _text("actor"),
    _text("peer"),
    Column("action", String(32), nullable=False),
    Column("object", String(16), nullable=False),
    _id("object_id", nullable=False),
    _json("facts", "{}"),
    # Triggers hold it: a row is neither changed nor removed.
    Index("ix_audit_listing", "account_id", "at", "id"),
    Index("ix_audit_at_id", "at", "id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    # An Idempotency-Key of a client, and what it made. The key is the limit: two requests cannot both insert it.
    _id("account_id", primary_key=True),
    Column("key", String(255), primary_key=True),
    # Of the request: the same key with another request is an error.
    Column("digest", String(64), nullable=False),
    _id("fax_id", nullable=False),
    Column("created_at", Utc, nullable=False, index=True),
)
