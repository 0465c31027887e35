"""`faxgate account`, `faxbox` and `credential`."""

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gateway.accounts import ANY_RECIPIENT, REQUIRE_PROOF, SENDER_POLICIES, SIGNATURE_POLICIES
from gateway.commands import arguments
from gateway.commands.command import Commands, add, showing, templates

if TYPE_CHECKING:
    from gateway.desk import Desk


BELIEVED = "a network whose permitted senders need no proof; may be repeated"


def register(commands: Commands) -> None:
    _accounts(commands)
    _faxboxes(commands)
    _credentials(commands)


def _accounts(commands: Commands) -> None:
    account = commands.add_parser("account", help="accounts").add_subparsers(required=True, metavar="COMMAND")
    new = add(account, "add", showing(_account_add), "make an account and a token for it")
    new.add_argument("name")
    new.add_argument("--domain", action="append", default=[], help="a mail domain of it; may be repeated")
    new.add_argument("--country", default="US", help="in whose dialling habits its numbers are read (ISO 3166)")
    new.add_argument("--timezone", default="UTC", help="IANA name, for example Europe/Paris")
    new.add_argument("--language", default="en", help="in which people are told of its faxes: en, de")
    new.add_argument("--max-calls", type=int, default=4, help="outgoing calls at a time")
    new.add_argument("--keep-days", type=int, help="for how long faxes are kept after their end; for ever without it")
    _caller_lists(new)
    new.add_argument(
        "--sender-policy", choices=SENDER_POLICIES, default=REQUIRE_PROOF, help="whether senders owe proof"
    )
    new.add_argument(
        "--signature-policy",
        choices=SIGNATURE_POLICIES,
        default=ANY_RECIPIENT,
        help="whether a DKIM signature proves the sender for the numbers in its signed To and Cc alone",
    )
    signing = "a domain whose DKIM signatures prove any From, as tenant.onmicrosoft.com; may be repeated"
    new.add_argument("--signing-domain", action="append", default=[], help=signing)
    new.add_argument("--trusted-network", action="append", default=[], help=BELIEVED)
    add(account, "list", showing(_account_list), "list the accounts")


def _faxboxes(commands: Commands) -> None:
    faxbox = commands.add_parser("faxbox", help="faxboxes").add_subparsers(required=True, metavar="COMMAND")
    box = add(faxbox, "add", showing(_faxbox_add), "make a faxbox")
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
    box.add_argument("--trusted-network", action="append", default=[], help=BELIEVED)
    box.add_argument(
        "--scanner",
        action="append",
        default=[],
        type=arguments.scanner,
        metavar=arguments.SCANNER,
        help="an office scanner, which cannot log in; may be repeated",
    )
    listing = add(faxbox, "list", showing(_faxbox_list), "list the faxboxes of an account")
    listing.add_argument("account", metavar="ACCOUNT")


def _credentials(commands: Commands) -> None:
    credential = commands.add_parser("credential", help="logins of mail programs")
    credentials = credential.add_subparsers(required=True, metavar="COMMAND")
    made = "a password is made, and shown this once, unless --password-stdin gives one"
    login = add(credentials, "add", showing(_credential_add), f"make a credential; {made}")
    login.add_argument("account", metavar="ACCOUNT", help="the id (or the name, where it is unique) of its account")
    login.add_argument("name", metavar="NAME", help="to log in with, as scanner@example.com")
    login.add_argument("--faxbox", metavar="ID", help="let it send through this faxbox alone")
    renew = add(credentials, "password", showing(_credential_password), f"change a password; {made}")
    for one in (login, renew):
        one.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    gone = add(credentials, "delete", showing(_credential_delete), "delete a credential")
    for one in (renew, gone):
        one.add_argument("account", metavar="ACCOUNT")
        one.add_argument("name", metavar="NAME")
    add(credentials, "list", showing(_credential_list), "list the credentials of an account").add_argument(
        "account", metavar="ACCOUNT"
    )


def _caller_lists(parser: argparse.ArgumentParser) -> None:
    entry = "a number, +4420*, a country, anonymous or *; may be repeated"
    parser.add_argument("--block-caller", action="append", default=[], help=f"whose faxes are junk: {entry}")
    parser.add_argument("--allow-caller", action="append", default=[], help=f"whose alone are not: {entry}")


async def _account_add(desk: "Desk", options: argparse.Namespace) -> Any:
    from gateway.administration import Administration

    account, token = await Administration(desk.store, desk.wake, desk.clock, templates()).add_account(
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
        signature_policy=options.signature_policy,
        signing_domains=options.signing_domain,
        trusted_networks=options.trusted_network,
    )
    return {**asdict(account), "auth_token": token}


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
