"""options of a fax"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("mail_options", json, server_default=sa.text("'[]'"), nullable=False))

    with op.batch_alter_table("fax", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("send_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("cost_code", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("cover", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("resolution", sa.String(length=12), server_default="", nullable=False))
        batch_op.add_column(sa.Column("mode", sa.String(length=8), server_default="", nullable=False))

    with op.batch_alter_table("attempt", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("cost_code", sa.Text(), server_default="", nullable=False))
