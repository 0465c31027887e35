"""How results are shown: a table for people, and the same rows as JSON in `bench-out/`."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

OUT = Path("bench-out")

Row = Mapping[str, str | float | int | None]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print `rows`, which have the same columns, aligned."""
    print(f"\n{title}")
    if not rows:
        print("  nothing measured")
        return
    columns = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        cells = [name, *map(_text, values)]
        width = max(map(len, cells))
        words = any(isinstance(value, str) for value in values)
        columns.append([cell.ljust(width) if words else cell.rjust(width) for cell in cells])
    for line in zip(*columns, strict=True):
        print("  " + "  ".join(line), flush=True)


def _text(value: str | float | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,.4g}" if abs(value) < 100 else f"{value:,.0f}"


def save(name: str, rows: Sequence[Row]) -> None:
    """Write `bench-out/NAME.json`."""
    OUT.mkdir(exist_ok=True)
    about = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rows": [dict(row) for row in rows],
    }
    (OUT / f"{name}.json").write_text(json.dumps(about, indent=2) + "\n")


def ratio(ours: float | None, other: float | None) -> float | None:
    """How many times `other` `ours` is."""
    return round(ours / other, 3) if ours is not None and other else None


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]
