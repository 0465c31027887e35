"""who may send: policy, signing domains, trusted networks, scanners"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _list(name: str) -> "sa.Column[object]":
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Column(name, json, server_default=sa.text("'[]'"), nullable=False)


def upgrade() -> None:
    # Not in a batch: on SQLite that makes the table anew where a default is an expression, and with the old account its
    # faxboxes would go.
    policy = sa.Column("sender_policy", sa.String(length=16), server_default="require_proof", nullable=False)
    op.add_column("account", policy)
    op.add_column("account", _list("signing_domains"))
    op.add_column("account", _list("trusted_networks"))
    op.add_column("faxbox", _list("trusted_networks"))
    op.add_column("faxbox", _list("scanners"))
