"""who may send: policy, signing domains, trusted networks, scanners"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None


def _list(name: str) -> "sa.Column[object]":
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Column(name, json, server_default=sa.text("'[]'"), nullable=False)


def upgrade() -> None:
    with op.batch_alter_table("account") as batch_op:
        batch_op.add_column(
            sa.Column("sender_policy", sa.String(length=16), server_default="require_proof", nullable=False)
        )
        batch_op.add_column(_list("signing_domains"))
        batch_op.add_column(_list("trusted_networks"))
    with op.batch_alter_table("faxbox") as batch_op:
        batch_op.add_column(_list("trusted_networks"))
        batch_op.add_column(_list("scanners"))
