"""What all tables have in common: the schema they belong to, and columns of everyday kinds."""

from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, String, Text, text

from gateway.store.columns import Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_(name: str = "id", *references: ForeignKey, **options: Any) -> Column[str]:
    return Column(name, String(32), *references, **options)


def text_(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def json_(name: str, empty: str = "[]") -> Column[Any]:
    return Column(name, Json, nullable=False, server_default=text(f"'{empty}'"))
