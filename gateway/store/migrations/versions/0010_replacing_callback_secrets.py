"""replacing the secrets of callbacks"""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("former_secret", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("former_secret_until", Utc(), nullable=True))
