"""for which recipients a DKIM signature proves the sender"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch, as that may make the table anew on SQLite, and with the old account its faxboxes would go.
    policy = sa.Column("signature_policy", sa.String(length=16), server_default="any_recipient", nullable=False)
    op.add_column("account", policy)
