"""What the commands have in common: how they are declared, the desk that they work at, how they show what they made."""

import argparse
import gc
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from gateway.settings import read

if TYPE_CHECKING:
    from gateway.desk import Desk
    from gateway.stationery import Templates

Commands = Any
"""What `argparse.ArgumentParser.add_subparsers` gives, whose class is private."""
Command = Callable[[argparse.Namespace], Awaitable[int]]


def add(commands: Commands, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)
    return parser


def showing(make: Callable[["Desk", argparse.Namespace], Awaitable[Any]]) -> Command:
    """A command that prints what `make` returns."""

    async def command(options: argparse.Namespace) -> int:
        async with open_desk() as desk:
            show(await make(desk, options), as_json=options.json)
        return 0

    return command


@contextmanager
def importing() -> Iterator[None]:
    """What is imported stays: a start that does not look for garbage in it takes a sixth less."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@asynccontextmanager
async def open_desk() -> "AsyncIterator[Desk]":
    with importing():
        from gateway import building

    desk = await building.open_desk(read())
    try:
        yield desk
    finally:
        await desk.close()


def show(made: Any, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print(json.dumps(made, indent=2, default=str))
        return
    for one in made if isinstance(made, list) else [made]:
        print("\n".join(f"{name:16} {value}" for name, value in one.items()), end="\n\n")


def templates() -> "Templates":
    from gateway.stationery import Templates

    return Templates(override=read().templates_dir)
