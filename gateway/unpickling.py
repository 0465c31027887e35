"""Reading what a worker process answers: records, enums and errors of ours, and plain values; nothing that acts.

A worker that a document has taken over can answer what it likes, and whoever unpickles freely runs what it says.
"""

import io
import pickle
from dataclasses import is_dataclass
from enum import Enum

from gateway.errors import FaxgateError

OURS = ("gateway.", "smtp.", "admin_api.", "benchmarks.", "tests.")
PLAIN = frozenset(
    {
        ("builtins", "bytearray"),
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("builtins", "complex"),
        ("builtins", "range"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("pathlib", "PosixPath"),
        ("pathlib", "PurePosixPath"),
        ("pathlib._local", "PosixPath"),  # as Python 3.13 has them
        ("pathlib._local", "PurePosixPath"),
        ("gateway.errors", "_revive"),
    }
)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        # A dotted name walks through modules: `gateway.sandbox` knows `os`.
        if module.startswith(OURS) and "." not in name:
            found = super().find_class(module, name)
            record = isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum | FaxgateError | str))
            if record and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a worker answers with")


def loads(packed: bytes | bytearray) -> object:
    """Raises pickle.UnpicklingError, and whatever else broken pickles raise."""
    return _Reader(io.BytesIO(packed)).load()
