"""when it was told that a fax takes long"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fax", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("told_late_at", sa.DateTime(timezone=True), nullable=True))
