"""`make bench` (`python -m benchmarks [--quick] [NAME ...]`): every benchmark, or those named.

Each prints a table with the ratios to a named alternative that was measured in the same run, because rates by
themselves speak of the machine, and writes `bench-out/NAME.json`. Nothing passes or fails here; an alternative that is
not installed is left out, and a line says so.
"""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Protocol

from benchmarks import accept, crowd, documents, latency, lines, listing, pages, requests, table
from benchmarks.table import Row


class Benchmark(Protocol):
    def __call__(self, *, quick: bool) -> Coroutine[Any, Any, list[Row]]:
        """Measure, print the table, and return its rows."""
        ...


BENCHMARKS: dict[str, Benchmark] = {
    "accept": accept.run,
    "crowd": crowd.run,
    "latency": latency.run,
    "lines": lines.run,
    "pages": pages.run,
    "documents": documents.run,
    "listing": listing.run,
    "requests": requests.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--quick", action="store_true", help="a short run, to see that all of it works")
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    for name in options.names or BENCHMARKS:
        rows = asyncio.run(BENCHMARKS[name](quick=options.quick))
        table.save(name, rows)
        print(f"  written to {table.OUT / name}.json", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
