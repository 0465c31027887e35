"""The command `faxgate`. Every command that lists or makes something prints JSON with `--json`, and whenever stdout is
not a terminal; errors go to stderr, with exit status 1 (2 for a wrong command line)."""

import argparse
import asyncio
import json
import logging
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import arguments
from gateway.accounts import REQUIRE_PROOF, SENDER_POLICIES
from gateway.documents.rendering import Look, Rendering, Resolution
from gateway.errors import FaxgateError
from gateway.settings import ROLES, BadSettingsError, read

if TYPE_CHECKING:
    from gateway.desk import Desk
    from gateway.stationery import Templates

# Each command imports what it needs: whoever asks for help, or makes a faxbox, does not wait for a web server.


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(asyncio.run(options.command(options)))
    except (FaxgateError, BadSettingsError) as error:
        detail = getattr(error, "detail", "")
        print(f"faxgate: {error}{f' ({detail})' if detail else ''}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"faxgate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


Command = Callable[[argparse.Namespace], Awaitable[int]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faxgate", description="An email-to-fax and fax-to-email gateway.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _add(commands, "serve", _serve, "run the gateway")
    serve.add_argument("--role", action="append", choices=ROLES, help="run this role only; may be repeated")
    serve.add_argument("--verbose", action="store_true", help="log more")

    account = commands.add_parser("account", help="accounts").add_subparsers(required=True, metavar="COMMAND")
    add = _add(account, "add", _showing(_account_add), "make an account and a token for it")
    add.add_argument("name")
    add.add_argument("--domain", action="append", default=[], help="a mail domain of it; may be repeated")
    add.add_argument("--country", default="US", help="in whose dialling habits its numbers are read (ISO 3166)")
    add.add_argument("--timezone", default="UTC", help="IANA name, for example Europe/Paris")
    add.add_argument("--language", default="en", help="in which people are told of its faxes: en, de")
    add.add_argument("--max-calls", type=int, default=4, help="outgoing calls at a time")
    add.add_argument("--keep-days", type=int, help="for how long faxes are kept after their end; for ever without it")
    _caller_lists(add)
    add.add_argument(
        "--sender-policy", choices=SENDER_POLICIES, default=REQUIRE_PROOF, help="whether senders owe proof"
    )
    signing = "a domain whose DKIM signatures prove any From, as tenant.onmicrosoft.com; may be repeated"
    add.add_argument("--signing-domain", action="append", default=[], help=signing)
    believed = "a network whose permitted senders need no proof; may be repeated"
    add.add_argument("--trusted-network", action="append", default=[], help=believed)
    _add(account, "list", _showing(_account_list), "list the accounts")

    faxbox = commands.add_parser("faxbox", help="faxboxes").add_subparsers(required=True, metavar="COMMAND")
    box = _add(faxbox, "add", _showing(_faxbox_add), "make a faxbox")
    box.add_argument("account", metavar="ACCOUNT", help="the id (or the name, where it is unique) of its account")
    box.add_argument("name")
    box.add_argument("--number", action="append", default=[], help="a number that it answers; may be repeated")
    box.add_argument("--allow", action="append", default=[], help="who may send: address, @domain or expression")
    box.add_argument("--deliver-to", action="append", default=[], help="who gets the received faxes")
    box.add_argument("--notify", action="append", default=[], help="who gets receipts beside the sender")
    box.add_argument("--domain", default="", help="a mail domain of its own")
    box.add_argument("--caller-id", default="", help="the calling number, where it is not its first one")
    box.add_argument("--caller-name", default="", help="the name of the caller")
    box.add_argument("--header", default="", help="the text of the header line")
    box.add_argument("--station-id", default="", help="the T.30 identification, its number if not given")
    box.add_argument("--timezone", default="", help="IANA name, that of the account if not given")
    box.add_argument("--retries", type=int, default=3, help="calls after the first one that failed")
    box.add_argument("--body-as-page", action="store_true", help="fax the text of a mail that has no document")
    box.add_argument("--resume", action="store_true", help="after a call that was cut off send the missing pages only")
    _caller_lists(box)
    box.add_argument("--trusted-network", action="append", default=[], help=believed)
    box.add_argument(
        "--scanner",
        action="append",
        default=[],
        type=arguments.scanner,
        metavar=arguments.SCANNER,
        help="an office scanner, which cannot log in; may be repeated",
    )
    listing = _add(faxbox, "list", _showing(_faxbox_list), "list the faxboxes of an account")
    listing.add_argument("account", metavar="ACCOUNT")

    credential = commands.add_parser("credential", help="logins of mail programs")
    credentials = credential.add_subparsers(required=True, metavar="COMMAND")
    made = "a password is made, and shown this once, unless --password-stdin gives one"
    login = _add(credentials, "add", _showing(_credential_add), f"make a credential; {made}")
    login.add_argument("account", metavar="ACCOUNT", help="the id (or the name, where it is unique) of its account")
    login.add_argument("name", metavar="NAME", help="to log in with, as scanner@example.com")
    login.add_argument("--faxbox", metavar="ID", help="let it send through this faxbox alone")
    renew = _add(credentials, "password", _showing(_credential_password), f"change a password; {made}")
    for one in (login, renew):
        one.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    gone = _add(credentials, "delete", _showing(_credential_delete), "delete a credential")
    for one in (renew, gone):
        one.add_argument("account", metavar="ACCOUNT")
        one.add_argument("name", metavar="NAME")
    _add(credentials, "list", _showing(_credential_list), "list the credentials of an account").add_argument(
        "account", metavar="ACCOUNT"
    )

    send = _add(commands, "send", _showing(_send), "send a fax")
    send.add_argument("files", nargs="+", type=Path, metavar="FILE")
    send.add_argument("--to", required=True, help="the number, written as in a mail address")
    send.add_argument("--faxbox", required=True, help="the id of the faxbox that sends")

    checking = _add(commands, "check", _check, "say what would become of a mail, without sending it")
    checking.add_argument("--from", dest="sender", required=True, metavar="SENDER", help="the envelope sender")
    checking.add_argument("--to", required=True, metavar="RECIPIENT", help="as +15551234567@fax.example.com")
    checking.add_argument("--peer", default="", metavar="IP", help="the address of the server that would bring it")
    checking.add_argument("--tls", action="store_true", help="as if it came under TLS")
    checking.add_argument("--file", type=Path, metavar="FILE", help="the mail, with its header (.eml)")

    line = commands.add_parser("line", help="telephone lines").add_subparsers(required=True, metavar="COMMAND")
    _add(line, "list", _showing(_line_list), "list the lines: which are drained, and the calls under way on them")
    for name, text in (
        ("drain", "give a line no more calls; those that run go on, and calls that come in are taken"),
        ("resume", "let a line have calls again"),
    ):
        _add(line, name, _showing(partial(_line_change, name)), text).add_argument("name", metavar="NAME")

    _add(commands, "status", _showing(_status), "what is queued, under way and done")

    comparing = _add(commands, "compare", _compare, "how long documents keep a line busy, beside Ghostscript's tiffg4")
    comparing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    comparing.add_argument("--look", choices=list(Look), default=Look.AUTO, type=Look, help="as a faxbox has it")
    comparing.add_argument("--resolution", choices=list(Resolution), default=Resolution.FINE, type=Resolution)
    comparing.add_argument("--out", type=Path, metavar="DIR", help="write pictures of both there, side by side")

    writing = _add(commands, "letters", _letters, "write the mails of made-up faxes, to see them")
    writing.add_argument("--account", help="with the templates of this account (id, or the name where it is unique)")
    writing.add_argument("--template", default="", help="this one only, for example receipt")
    writing.add_argument("--language", help="in this language, that of the account if not given")
    writing.add_argument("--out", type=Path, metavar="DIR", help="write them there as .eml, for a mail program")

    _add(commands, "key", _key, "make a key for FAXGATE_DOCUMENTS_KEYS, with which documents are encrypted")

    auditing = _add(commands, "audit", _showing(_audit), "tell who read, sent, changed and removed what, newest first")
    auditing.add_argument("--account", help="of this account alone (id, or the name where it is unique)")
    auditing.add_argument("--most", type=int, default=50, metavar="N", help="so many entries, 50 if not given")

    purging = _add(commands, "purge", _showing(_purge), "remove the faxes of an account that ended before a time")
    purging.add_argument("account", metavar="ACCOUNT")
    purging.add_argument(
        "--before", required=True, type=arguments.day, metavar="DATE", help="2026-01-31, in the account's zone"
    )

    explaining = _add(commands, "explain", _explain, "tell what happened to a fax, in order and in words")
    explaining.add_argument("id", help="the id of the fax")

    doctoring = _add(commands, "doctor", _doctor, "find what is missing, and how to get it")
    doctoring.add_argument("--missing-packages", action="store_true", help="only name the system packages to install")

    _add(commands, "demo", _demo, "mail a PDF, fax it, receive it as mail: the whole way on this machine")
    return parser


def _caller_lists(parser: argparse.ArgumentParser) -> None:
    entry = "a number, +4420*, a country, anonymous or *; may be repeated"
    parser.add_argument("--block-caller", action="append", default=[], help=f"whose faxes are junk: {entry}")
    parser.add_argument("--allow-caller", action="append", default=[], help=f"whose alone are not: {entry}")


def _add(commands: Any, name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)
    return parser


# Commands that make or list something


def _showing(make: Callable[["Desk", argparse.Namespace], Awaitable[Any]]) -> Command:
    """A command that prints what `make` returns."""

    async def command(options: argparse.Namespace) -> int:
        async with _desk() as desk:
            _show(await make(desk, options), as_json=options.json)
        return 0

    return command


@asynccontextmanager
async def _desk() -> "AsyncIterator[Desk]":
    from gateway.building import open_desk

    desk = await open_desk(read())
    try:
        yield desk
    finally:
        await desk.close()


def _show(made: Any, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print(json.dumps(made, indent=2, default=str))
        return
    for one in made if isinstance(made, list) else [made]:
        print("\n".join(f"{name:16} {value}" for name, value in one.items()), end="\n\n")


async def _account_add(desk: "Desk", options: argparse.Namespace) -> Any:
    from gateway.administration import Administration

    account, token = await Administration(desk.store, desk.wake, desk.clock, _templates()).add_account(
        options.name,
        domains=options.domain,
        country=options.country,
        timezone=options.timezone,
        language=options.language,
        max_calls=options.max_calls,
        keep_days=options.keep_days,
        blocked_callers=options.block_caller,
        allowed_callers=options.allow_caller,
        sender_policy=options.sender_policy,
        signing_domains=options.signing_domain,
        trusted_networks=options.trusted_network,
    )
    return {**asdict(account), "auth_token": token}


def _templates() -> "Templates":
    from gateway.stationery import Templates

    return Templates(override=read().templates_dir)


async def _account_list(desk: "Desk", _: argparse.Namespace) -> Any:
    return [asdict(account) for account in await desk.accounts()]


async def _faxbox_add(desk: "Desk", options: argparse.Namespace) -> Any:
    from gateway.administration import Administration

    box = await Administration(desk.store, desk.wake, desk.clock).add_faxbox(
        await desk.account_id(options.account),
        options.name,
        numbers=options.number,
        permits=options.allow,
        inbound_email=options.deliver_to,
        outbound_email=options.notify,
        address_domain=options.domain,
        caller_id=options.caller_id,
        caller_name=options.caller_name,
        fax_header=options.header,
        fax_identity=options.station_id,
        timezone=options.timezone,
        retries=options.retries,
        body_as_page=options.body_as_page,
        resume=options.resume,
        blocked_callers=options.block_caller,
        allowed_callers=options.allow_caller,
        trusted_networks=options.trusted_network,
        scanners=options.scanner,
    )
    return asdict(box)


async def _faxbox_list(desk: "Desk", options: argparse.Namespace) -> Any:
    return [asdict(box) for box in await desk.faxboxes(await desk.account_id(options.account))]


async def _credential_add(desk: "Desk", options: argparse.Namespace) -> Any:
    made, secret = await desk.credentials.add(
        await desk.account_id(options.account), options.name, faxbox_id=options.faxbox, password=_password(options)
    )
    return asdict(made) | ({} if options.password_stdin else {"password": secret})


async def _credential_password(desk: "Desk", options: argparse.Namespace) -> Any:
    found = await desk.credential(options.account, options.name)
    _, secret = await desk.credentials.change_password(
        found.account_id, found.id, lambda _: None, password=_password(options)
    )
    return asdict(found) | ({} if options.password_stdin else {"password": secret})


async def _credential_delete(desk: "Desk", options: argparse.Namespace) -> Any:
    found = await desk.credential(options.account, options.name)
    return asdict(await desk.credentials.delete(found.account_id, found.id))


async def _credential_list(desk: "Desk", options: argparse.Namespace) -> Any:
    account_id = await desk.account_id(options.account)
    return [asdict(one) for one in await desk.credentials.of_account(account_id)]


def _password(options: argparse.Namespace) -> str | None:
    """Never from the command line, which everybody on the machine can read."""
    return sys.stdin.readline().rstrip("\r\n") if options.password_stdin else None


async def _send(desk: "Desk", options: argparse.Namespace) -> Any:
    return await desk.send(options.faxbox, options.to, options.files)


async def _line_list(desk: "Desk", _: argparse.Namespace) -> Any:
    return await desk.lines(_line_names())


async def _line_change(change: str, desk: "Desk", options: argparse.Namespace) -> Any:
    return await (desk.drain if change == "drain" else desk.resume)(options.name, _line_names())


def _line_names() -> list[str]:
    from gateway.building import build_lines

    return [line.name for line in build_lines(read())]


async def _key(_: argparse.Namespace) -> int:
    from gateway.encryption import new_key

    print(new_key())
    return 0


async def _audit(desk: "Desk", options: argparse.Namespace) -> Any:
    return [asdict(one) for one in await desk.audit(options.account, options.most)]


async def _purge(desk: "Desk", options: argparse.Namespace) -> Any:
    return await desk.purge(options.account, options.before)


async def _status(desk: "Desk", _: argparse.Namespace) -> Any:
    return await desk.status()


async def _explain(options: argparse.Namespace) -> int:
    async with _desk() as desk:
        story = await desk.explain(options.id)
    if options.json or not sys.stdout.isatty():
        _show([asdict(moment) for moment in story], as_json=True)
    else:
        for moment in story:
            print(f"{moment.at:%Y-%m-%d %H:%M:%S}  {moment.words}")
    return 0


async def _check(options: argparse.Namespace) -> int:
    """Status 1 where the mail would be refused."""
    from gateway.dryrun import Asked, check

    async with _desk() as desk:
        asked = Asked(
            sender=options.sender, recipient=options.to, peer=options.peer, tls=options.tls, file=options.file
        )
        verdict = await check(read(), desk, asked)
    if options.json or not sys.stdout.isatty():
        _show({"would_be_sent": verdict.would_be_sent, **asdict(verdict)}, as_json=True)
    else:
        print("\n".join(verdict.lines()))
    return 0 if verdict.would_be_sent else 1


async def _letters(options: argparse.Namespace) -> int:
    """Status 1 where a template cannot be used."""
    from gateway.samples import samples

    account = None
    if options.account is not None:
        async with _desk() as desk:
            sought = await desk.account_id(options.account)
            account = next(one for one in await desk.accounts() if one.id == sought)
    made = samples(_templates(), account, options.template, options.language)
    written = {one.letter: options.out / f"{one.letter}.eml" for one in made if options.out and one.message}
    for one in made:
        if one.letter in written:
            options.out.mkdir(parents=True, exist_ok=True)
            written[one.letter].write_bytes(one.message)
    if options.json or not sys.stdout.isatty():
        fields = ("letter", "subject", "text", "error")
        shown = [{name: getattr(one, name) for name in fields} | {"file": written.get(one.letter)} for one in made]
        _show(shown, as_json=True)
    else:
        for one in made:
            print(f"== {one.letter}: {one.error or one.subject}\n{written.get(one.letter) or one.text}")
    return 1 if any(one.error for one in made) else 0


async def _compare(options: argparse.Namespace) -> int:
    from gateway.compare import WITHOUT, compare, table

    found = await compare(options.files, options.out, Rendering(look=options.look, resolution=options.resolution))
    if found[-1].other_bytes is None:
        print(WITHOUT, file=sys.stderr)
    if options.json or not sys.stdout.isatty():
        _show([asdict(page) for page in found], as_json=True)
    else:
        print("\n".join(table(found)))
    return 0


# Commands that run


async def _serve(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT, which drains; a second one hangs up."""
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for library in ("aiosqlite", "mail.log", "alembic", "uvicorn.error", "PIL"):
        logging.getLogger(library).setLevel(logging.WARNING)
    _raise_file_limit()
    from gateway.app import App

    app = App(read(), roles=options.role or ROLES)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await app.start()
    logging.getLogger("gateway").info("ready")
    try:
        await asked.wait()
        asked.clear()
        logging.info("stopping: waiting for the running calls; a second signal hangs up")
        draining, impatience = asyncio.create_task(app.drain()), asyncio.create_task(asked.wait())
        await asyncio.wait([draining, impatience], return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            logging.info("stopping: hanging up")
            await app.hang_up()
        await draining
        impatience.cancel()
    finally:
        await app.stop()
    logging.info("stopped")
    return 0


def _raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _doctor(options: argparse.Namespace) -> int:
    from gateway import doctor

    if options.missing_packages:
        print(" ".join(doctor.missing_packages()))
        return 0
    findings = await doctor.examine(read())
    if options.json or not sys.stdout.isatty():
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.name}: {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1


async def _demo(_: argparse.Namespace) -> int:
    from gateway import demo

    return await demo.run()


if __name__ == "__main__":
    sys.exit(main())
