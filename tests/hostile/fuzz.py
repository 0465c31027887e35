"""`make fuzz` (`python -m tests.hostile.fuzz [--seconds 600] [--only NAME ...] [--seed N]`): hostile mails, dialogues
and requests, for so long, against a gateway that is started for it.

What is found is printed with the smallest example that shows it and the seed of the round, and the exit status is 1.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.hostile import fuzzing
from tests.hostile.conftest import Nameserver, serving
from tests.hostile.fuzzing import Watched

ROUND = 300
"""Examples between two looks at the clock."""


def targets(watched: Watched) -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]]:
    return {
        "mails": (st.tuples(fuzzing.MAILS, st.booleans()), lambda drawn: fuzzing.mail(*drawn)),
        "dialogues": (fuzzing.DIALOGUES, lambda said: fuzzing.dialogue(watched, said)),
        "requests": (fuzzing.requests(watched), lambda said: fuzzing.request(watched, said)),
    }


def one_round(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], number: int) -> tuple[int, str]:
    """How many examples were tried, and what was found."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    @given(strategy)
    def one(drawn: Any) -> None:
        nonlocal tried
        tried += 1
        check(drawn)

    try:
        one()
    except BaseException as error:  # hypothesis has made it as small as it gets, and notes the example
        if isinstance(error, KeyboardInterrupt):
            raise
        return tried, "".join(traceback.format_exception(error))
    return tried, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--only", nargs="+", choices=["mails", "dialogues", "requests"])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options = parser.parse_args()
    ends = time.monotonic() + options.seconds
    found: dict[str, str] = {}
    tried = dict.fromkeys(options.only or ["mails", "dialogues", "requests"], 0)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), Nameserver(), "smtp", "api") as target:
        description = httpx.get(f"http://127.0.0.1:{target.api_port}/openapi.json").json()
        against = targets(Watched(target, description, len(target.log.encode())))
        number = options.seed
        print(f"seed {number}", flush=True)
        while time.monotonic() < ends and len(found) < 20:
            for name in tried:
                if time.monotonic() >= ends:
                    break
                more, trouble = one_round(*against[name], number)
                tried[name] += more
                last = trouble.strip().splitlines()[-1] if trouble else ""
                if trouble and f"{name} {last}" not in found:
                    found[f"{name} {last}"] = trouble
                    print(f"\n== {name}, seed {number}\n{trouble}", flush=True)
            number += 1
    print(", ".join(f"{count} {name}" for name, count in tried.items()) + f"; found: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
