"""what may be spent"""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Json, Utc

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("account", "faxbox"):
        with op.batch_alter_table(table, recreate="never") as batch_op:
            for name in ("number_rules", "limits", "sender_limits"):
                batch_op.add_column(sa.Column(name, Json, server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "spent",
        sa.Column("payer_id", sa.String(length=32), nullable=False),
        sa.Column("fax_id", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("destination", sa.Text(), server_default="", nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("payer_id", "fax_id", name=op.f("pk_spent")),
    )
    op.create_index("ix_spent_payer_id_at", "spent", ["payer_id", "at"])
    op.create_index(op.f("ix_spent_fax_id"), "spent", ["fax_id"])
    op.create_index(op.f("ix_spent_at"), "spent", ["at"])
