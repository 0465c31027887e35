"""When the operator was last told of a trouble."""

from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import tables

_alert = tables.alert


def is_due(connection: Connection, where: str, cause: str, now: datetime, every: timedelta) -> bool:
    """Whether the operator is to be told now of this trouble of a line or an account, and then he counts as told. Of
    several transactions that ask at the same time one is told so."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(_alert).values(line=where, cause=cause, at=now)
    again = first.on_conflict_do_update(
        index_elements=["line", "cause"], set_={"at": now}, where=_alert.c.at <= now - every
    )
    return connection.execute(again.returning(_alert.c.line)).first() is not None
