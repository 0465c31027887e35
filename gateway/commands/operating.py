"""What an operator asks of a gateway, running or not: its state, its lines, its logs, what goes."""

import argparse
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.commands import arguments
from gateway.commands.command import Commands, add, open_desk, show, showing
from gateway.settings import read

if TYPE_CHECKING:
    from gateway.desk import Desk


def register(commands: Commands) -> None:
    add(commands, "status", showing(_status), "what is queued, under way and done")

    line = commands.add_parser("line", help="telephone lines").add_subparsers(required=True, metavar="COMMAND")
    add(line, "list", showing(_line_list), "list the lines: which are drained, and the calls under way on them")
    for name, text in (
        ("drain", "give a line no more calls; those that run go on, and calls that come in are taken"),
        ("resume", "let a line have calls again"),
    ):
        add(line, name, showing(partial(_line_change, name)), text).add_argument("name", metavar="NAME")

    explaining = add(commands, "explain", _explain, "tell what happened to a fax, in order and in words")
    explaining.add_argument("id", help="the id of the fax")

    auditing = add(commands, "audit", showing(_audit), "tell who read, sent, changed and removed what, newest first")
    auditing.add_argument("--account", help="of this account alone (id, or the name where it is unique)")
    auditing.add_argument("--most", type=int, default=50, metavar="N", help="so many entries, 50 if not given")

    purging = add(commands, "purge", showing(_purge), "remove the faxes of an account that ended before a time")
    purging.add_argument("account", metavar="ACCOUNT")
    purging.add_argument(
        "--before", required=True, type=arguments.day, metavar="DATE", help="2026-01-31, in the account's zone"
    )

    add(commands, "key", _key, "make a key for FAXGATE_DOCUMENTS_KEYS, with which documents are encrypted")


async def _status(desk: "Desk", _: argparse.Namespace) -> Any:
    return await desk.status()


async def _line_list(desk: "Desk", _: argparse.Namespace) -> Any:
    return await desk.lines(_line_names())


async def _line_change(change: str, desk: "Desk", options: argparse.Namespace) -> Any:
    return await (desk.drain if change == "drain" else desk.resume)(options.name, _line_names())


def _line_names() -> list[str]:
    from gateway.building import build_lines

    return [line.name for line in build_lines(read())]


async def _explain(options: argparse.Namespace) -> int:
    async with open_desk() as desk:
        story = await desk.explain(options.id)
    if options.json or not sys.stdout.isatty():
        show([asdict(moment) for moment in story], as_json=True)
    else:
        for moment in story:
            print(f"{moment.at:%Y-%m-%d %H:%M:%S}  {moment.words}")
    return 0


async def _audit(desk: "Desk", options: argparse.Namespace) -> Any:
    return [asdict(one) for one in await desk.audit(options.account, options.most)]


async def _purge(desk: "Desk", options: argparse.Namespace) -> Any:
    return await desk.purge(options.account, options.before)


async def _key(_: argparse.Namespace) -> int:
    from gateway.encryption import new_key

    print(new_key())
    return 0
