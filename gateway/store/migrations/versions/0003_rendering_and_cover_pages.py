"""rendering and cover pages"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("look", sa.String(length=8), server_default="auto", nullable=False))
        batch_op.add_column(sa.Column("resolution", sa.String(length=12), server_default="fine", nullable=False))
        batch_op.add_column(sa.Column("drop_blank_end", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(sa.Column("cover_page", sa.String(length=8), server_default="never", nullable=False))
        batch_op.add_column(sa.Column("confidentiality", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("fax", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("message", sa.Text(), server_default="", nullable=False))
