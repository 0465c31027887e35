"""how calls are made, resuming, draining, alerts"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("faxbox", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("resume", sa.Boolean(), server_default=sa.text("false"), nullable=False))

    with op.batch_alter_table("attempt", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("v17", sa.Boolean(), server_default=sa.text("true"), nullable=False))
        batch_op.add_column(sa.Column("t38", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("first_page", sa.Integer(), server_default="1", nullable=False))

    op.create_table(
        "destination",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("v17", sa.Boolean(), nullable=False),
        sa.Column("t38", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_destination_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_destination")),
    )
    with op.batch_alter_table("destination", recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_destination_at"), ["at"], unique=False)

    op.create_table(
        "line_drain",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_line_drain")),
    )

    op.create_table(
        "alert",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("line", "cause", name=op.f("pk_alert")),
    )
