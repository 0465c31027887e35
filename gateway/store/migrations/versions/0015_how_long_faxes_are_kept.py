"""how long faxes are kept"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("account", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("keep_days", sa.Integer(), nullable=True))
