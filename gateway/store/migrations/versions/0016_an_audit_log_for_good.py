"""an audit log for good: nobody changes or removes what is in it"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SAID = "the audit log is only added to"


def upgrade() -> None:
    with op.batch_alter_table("audit", recreate="never") as batch_op:
        batch_op.add_column(sa.Column("peer", sa.Text(), server_default="", nullable=False))
        batch_op.drop_index("ix_audit_account_id_id")
        batch_op.create_index("ix_audit_listing", ["account_id", "at", "id"], unique=False)
        batch_op.create_index("ix_audit_at_id", ["at", "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            name = f"audit_no_{change.lower()}"
            op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON audit BEGIN SELECT RAISE(ABORT, '{_SAID}'); END")
    else:
        op.execute(
            f"CREATE FUNCTION audit_is_final() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_SAID}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_final()"
        )
