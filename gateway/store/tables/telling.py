"""The tables of what is told and written down: the smtplog, notices, events, the audit log."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from gateway.store.columns import Json, Utc
from gateway.store.tables.schema import id_, json_, metadata, text_

smtplog = Table(
    "smtplog",
    metadata,
    id_(primary_key=True),
    id_("account_id", nullable=True),
    id_("faxbox_id", nullable=True),
    Column("received_at", Utc, nullable=False),
    Column("accepted", Boolean, nullable=False),
    text_("sender"),
    Column("entry", Json, nullable=False),
    Index("ix_smtplog_listing", "account_id", "received_at", "id"),
)

notice = Table(
    "notice",
    metadata,
    id_(primary_key=True),
    id_("account_id", nullable=True),
    id_("fax_id", nullable=True, index=True),
    Column("kind", String(24), nullable=False),
    # `email`, `sms` or `callback`; the recipient is an address, a number or a URL.
    Column("way", String(8), nullable=False, server_default="email"),
    text_("recipient"),
    Column("state", String(12), nullable=False),
    Column("due_at", Utc, nullable=True),
    Column("created_at", Utc, nullable=False),
    Column("ended_at", Utc, nullable=True),
    Column("attempts", Integer, nullable=False),
    text_("answer"),
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
    id_("notice_id", ForeignKey("notice.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("outcome", String(12), nullable=False),
    text_("answer"),
)

event = Table(
    "event",
    metadata,
    # Given at commit, in the order of the commits: whoever has seen a number has seen all before it.
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    id_("account_id", nullable=False),
    id_("fax_id", nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_event_account_id_sequence", "account_id", "sequence"),
    sqlite_autoincrement=True,  # a number is never given again, although old events are removed
)

audit = Table(
    "audit",
    metadata,
    id_(primary_key=True),
    id_("account_id", nullable=False),
    Column("at", Utc, nullable=False),
    # Who did it (`gateway.audit.Actor`), and from where.
    text_("actor"),
    text_("peer"),
    Column("action", String(32), nullable=False),
    Column("object", String(16), nullable=False),
    id_("object_id", nullable=False),
    json_("facts", "{}"),
    # Triggers hold it: a row is neither changed nor removed.
    Index("ix_audit_listing", "account_id", "at", "id"),
    Index("ix_audit_at_id", "at", "id"),
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
    text_("value"),
)
