"""what mails show of a fax"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("mail_shows", sa.String(length=8), server_default="picture", nullable=False))
        batch_op.add_column(sa.Column("mail_attach", sa.String(length=8), server_default="pdf", nullable=False))
