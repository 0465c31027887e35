"""What columns hold: times in UTC, JSON, text that every database takes; and records as rows."""

import json
from datetime import UTC, datetime
from typing import Any

import pydantic_core
from sqlalchemy import JSON, DateTime, Dialect, Table, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB


class Utc(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no time zone; what comes out has one all the same."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")


def values(record: Any, table: Table) -> dict[str, Any]:
    """The row of a flat dataclass: its fields that `table` has columns for."""
    return {
        column.name: storable(getattr(record, column.name)) for column in table.columns if hasattr(record, column.name)
    }


def storable(value: Any) -> Any:
    """`value` for a column: text as every database takes it, anything else as it is."""
    return _text_of(value) if isinstance(value, str) else value


def to_json(value: Any) -> str:
    """What a JSON column holds: dataclasses, tuples and times are written as JSON has them."""
    try:
        written = pydantic_core.to_json(value).decode()
    except pydantic_core.PydanticSerializationError:  # a surrogate
        jsonable = pydantic_core.to_jsonable_python(value)
        written = json.dumps(jsonable, ensure_ascii=False).encode("utf-8", "replace").decode()
    return written.replace("\\u0000", "\\ufffd") if "\\u0000" in written else written


def _text_of(text_: str) -> str:
    """PostgreSQL takes neither NUL nor the surrogates that stand for undecodable bytes of a mail."""
    if text_.isprintable():
        return str(text_)  # and nothing that is more than a text
    return text_.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
