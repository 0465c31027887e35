"""The tables of whose it all is: accounts, their faxboxes, domains and numbers, and what they let in by."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, text

from gateway.store.columns import Utc
from gateway.store.tables.schema import id_, json_, metadata, text_

account = Table(
    "account",
    metadata,
    id_(primary_key=True),
    id_("parent_id", ForeignKey("account.id"), nullable=True, index=True),
    text_("name"),
    Column("country", String(2), nullable=False),
    text_("timezone"),
    Column("language", String(16), nullable=False, server_default="en"),
    Column("max_calls", Integer, nullable=False),
    json_("number_rules", "{}"),
    json_("limits", "{}"),
    json_("sender_limits", "{}"),
    Column("sender_policy", String(16), nullable=False, server_default="require_proof"),
    Column("signature_policy", String(16), nullable=False, server_default="any_recipient"),
    json_("signing_domains"),
    json_("trusted_networks"),
    Column("keep_days", Integer, nullable=True),
    json_("blocked_callers"),
    json_("allowed_callers"),
    Column("created_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
)

faxbox = Table(
    "faxbox",
    metadata,
    id_(primary_key=True),
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    text_("name"),
    json_("permits"),
    text_("caller_id"),
    text_("caller_name"),
    text_("fax_header"),
    text_("fax_identity"),
    text_("timezone"),
    Column("retries", Integer, nullable=False),
    Column("body_as_page", Boolean, nullable=False),
    # None leaves it to the line.
    Column("t38", Boolean, nullable=True),
    Column("resume", Boolean, nullable=False, server_default=text("false")),
    Column("look", String(8), nullable=False, server_default="auto"),
    Column("resolution", String(12), nullable=False, server_default="fine"),
    Column("drop_blank_end", Boolean, nullable=False, server_default=text("false")),
    Column("cover_page", String(8), nullable=False, server_default="never"),
    text_("confidentiality"),
    Column("mail_shows", String(8), nullable=False, server_default="picture"),
    Column("mail_attach", String(8), nullable=False, server_default="pdf"),
    json_("mail_options"),
    json_("trusted_networks"),
    json_("scanners"),
    json_("blocked_callers"),
    json_("allowed_callers"),
    text_("callback_secret"),
    text_("former_secret"),
    Column("former_secret_until", Utc, nullable=True),
    # As it was written: a domain, or an address at it. `domain` holds the domain itself.
    text_("custom_address"),
    json_("inbound_email"),
    json_("outbound_email"),
    json_("notifications", "{}"),
    json_("number_rules", "{}"),
    json_("limits", "{}"),
    json_("sender_limits", "{}"),
    Column("created_at", Utc, nullable=False),
    Column("revision", Integer, nullable=False),
)

domain = Table(
    "domain",
    metadata,
    Column("name", String(255), primary_key=True),
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    # Set: mail to this domain reaches this faxbox alone.
    id_("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), nullable=True, index=True),
    # Made by us, below a domain of the account, and remade when that domain goes.
    Column("generated", Boolean, nullable=False, server_default=text("false")),
)

number = Table(
    "number",
    metadata,
    Column("number", String(20), primary_key=True),
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    id_("faxbox_id", ForeignKey("faxbox.id", ondelete="SET NULL"), nullable=True, index=True),
    Column("position", Integer, nullable=False, server_default="0"),
)

token = Table(
    "token",
    metadata,
    id_(primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    text_("name"),
    # `token`, or `key`: a long-lived key that is good for nothing but being exchanged for a short-lived token.
    Column("kind", String(8), nullable=False, server_default="token"),
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=True, index=True),
    json_("scopes"),
    # The key that was exchanged for it: what a key gave ends with the key.
    id_("key_id", ForeignKey("token.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=True),
)

credential = Table(
    "credential",
    metadata,
    id_(primary_key=True),
    id_("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    # Set: it sends through this faxbox alone, and goes with it.
    id_("faxbox_id", ForeignKey("faxbox.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("name", String(254), nullable=False, unique=True),
    # argon2id; the password itself is nowhere.
    text_("hash"),
    # Who has logged in with it lately: strangers cannot lock them out.
    json_("peers"),
    Column("created_at", Utc, nullable=False),
)
