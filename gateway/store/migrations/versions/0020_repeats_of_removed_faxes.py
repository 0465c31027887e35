"""what makes the mail of a removed fax the same again"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_repeat",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("repeat_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removed_repeat"),
    )
    for column in ("repeat_key", "created_at"):
        op.create_index(f"ix_removed_repeat_{column}", "removed_repeat", [column])
