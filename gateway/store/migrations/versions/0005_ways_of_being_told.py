"""ways of being told, and each try to do so"""

import base64
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notice", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("way", sa.String(length=8), server_default="email", nullable=False))
        batch_op.create_index("ix_notice_listing", ["account_id", "created_at", "id"], unique=False)

    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("callback_secret", sa.Text(), server_default="", nullable=False))
    connection = op.get_bind()
    for faxbox_id in list(connection.execute(sa.text("SELECT id FROM faxbox")).scalars()):
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        connection.execute(
            sa.text("UPDATE faxbox SET callback_secret = :secret WHERE id = :id"), {"secret": secret, "id": faxbox_id}
        )

    op.create_table(
        "notice_attempt",
        sa.Column("notice_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.id"], name=op.f("fk_notice_attempt_notice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notice_id", "number", name=op.f("pk_notice_attempt")),
    )
