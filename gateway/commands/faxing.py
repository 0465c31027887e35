"""Commands about one fax or mail: to send it, and to see beforehand what would become of it."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.commands.command import Commands, add, open_desk, show, showing, templates
from gateway.documents.rendering import Look, Rendering, Resolution
from gateway.settings import read

if TYPE_CHECKING:
    from gateway.desk import Desk


def register(commands: Commands) -> None:
    send = add(commands, "send", showing(_send), "send a fax")
    send.add_argument("files", nargs="+", type=Path, metavar="FILE")
    send.add_argument("--to", required=True, help="the number, written as in a mail address")
    send.add_argument("--faxbox", required=True, help="the id of the faxbox that sends")

    checking = add(commands, "check", _check, "say what would become of a mail, without sending it")
    checking.add_argument("--from", dest="sender", required=True, metavar="SENDER", help="the envelope sender")
    checking.add_argument("--to", required=True, metavar="RECIPIENT", help="as +15551234567@fax.example.com")
    checking.add_argument("--peer", default="", metavar="IP", help="the address of the server that would bring it")
    checking.add_argument("--tls", action="store_true", help="as if it came under TLS")
    checking.add_argument("--file", type=Path, metavar="FILE", help="the mail, with its header (.eml)")

    comparing = add(commands, "compare", _compare, "how long documents keep a line busy, beside Ghostscript's tiffg4")
    comparing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    comparing.add_argument("--look", choices=list(Look), default=Look.AUTO, type=Look, help="as a faxbox has it")
    comparing.add_argument("--resolution", choices=list(Resolution), default=Resolution.FINE, type=Resolution)
    comparing.add_argument("--out", type=Path, metavar="DIR", help="write pictures of both there, side by side")

    writing = add(commands, "letters", _letters, "write the mails of made-up faxes, to see them")
    writing.add_argument("--account", help="with the templates of this account (id, or the name where it is unique)")
    writing.add_argument("--template", default="", help="this one only, for example receipt")
    writing.add_argument("--language", help="in this language, that of the account if not given")
    writing.add_argument("--out", type=Path, metavar="DIR", help="write them there as .eml, for a mail program")


async def _send(desk: "Desk", options: argparse.Namespace) -> Any:
    from gateway.sending import send

    return await send(desk, options.faxbox, options.to, options.files)


async def _check(options: argparse.Namespace) -> int:
    """Status 1 where the mail would be refused."""
    from gateway.dryrun import Asked, check

    async with open_desk() as desk:
        asked = Asked(
            sender=options.sender, recipient=options.to, peer=options.peer, tls=options.tls, file=options.file
        )
        verdict = await check(read(), desk, asked)
    if options.json or not sys.stdout.isatty():
        show({"would_be_sent": verdict.would_be_sent, **asdict(verdict)}, as_json=True)
    else:
        print("\n".join(verdict.lines()))
    return 0 if verdict.would_be_sent else 1


async def _compare(options: argparse.Namespace) -> int:
    from gateway.compare import WITHOUT, compare, table

    found = await compare(options.files, options.out, Rendering(look=options.look, resolution=options.resolution))
    if found[-1].other_bytes is None:
        print(WITHOUT, file=sys.stderr)
    if options.json or not sys.stdout.isatty():
        show([asdict(page) for page in found], as_json=True)
    else:
        print("\n".join(table(found)))
    return 0


async def _letters(options: argparse.Namespace) -> int:
    """Status 1 where a template cannot be used."""
    from gateway.samples import samples

    account = None
    if options.account is not None:
        async with open_desk() as desk:
            sought = await desk.account_id(options.account)
            account = next(one for one in await desk.accounts() if one.id == sought)
    made = samples(templates(), account, options.template, options.language)
    written = {one.letter: options.out / f"{one.letter}.eml" for one in made if options.out and one.message}
    for one in made:
        if one.letter in written:
            options.out.mkdir(parents=True, exist_ok=True)
            written[one.letter].write_bytes(one.message)
    if options.json or not sys.stdout.isatty():
        fields = ("letter", "subject", "text", "error")
        shown = [{name: getattr(one, name) for name in fields} | {"file": written.get(one.letter)} for one in made]
        show(shown, as_json=True)
    else:
        for one in made:
            print(f"== {one.letter}: {one.error or one.subject}\n{written.get(one.letter) or one.text}")
    return 1 if any(one.error for one in made) else 0
