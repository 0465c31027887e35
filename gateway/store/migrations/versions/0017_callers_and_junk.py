"""which callers are wanted, and the faxes of those who are not"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _list(name: str) -> "sa.Column[object]":
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Column(name, json, server_default=sa.text("'[]'"), nullable=False)


def upgrade() -> None:
    # Not in a batch: on SQLite that makes the table anew where a default is an expression.
    for table in ("account", "faxbox"):
        op.add_column(table, _list("blocked_callers"))
        op.add_column(table, _list("allowed_callers"))
    op.add_column("fax", sa.Column("junk", sa.Text(), server_default="", nullable=False))
    op.add_column("fax", sa.Column("junk_told_at", sa.DateTime(timezone=True), nullable=True))
    junk = sa.text("junk <> ''")
    for name, columns in (
        ("ix_fax_junk", ["account_id", "direction", "status", "created_at", "id"]),
        ("ix_fax_junk_told_at", ["junk_told_at", "faxbox_id", "ended_at"]),
    ):
        op.create_index(name, "fax", columns, postgresql_where=junk, sqlite_where=junk)
    op.create_table(
        "junk_digest",
        sa.Column("faxbox_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["faxbox_id"], ["faxbox.id"], name="fk_junk_digest_faxbox_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("faxbox_id", "day", name="pk_junk_digest"),
    )
