"""What an account may call its own: numbers that it was assigned, and names below its domains. What is beyond that is
the superuser's to set."""

import secrets
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts import Account, Faxbox, Number, is_below
from gateway.errors import Conflict, NotFound, NotPermitted
from gateway.store import accounts

SUPERUSERS_OF_BOXES = ("trusted_networks", "scanners")
"""What of a faxbox only the superuser sets: who is believed without proof."""


async def check_rights(connection: AsyncConnection, before: Faxbox | None, after: Faxbox, *, superuser: bool) -> None:
    """Raises NotPermitted where a faxbox has what is not its account's to give."""
    if superuser:
        return
    for field in SUPERUSERS_OF_BOXES:
        if getattr(after, field) != (getattr(before, field) if before else ()):
            raise NotPermitted(f"Only the superuser changes {field}: who is believed without proof.")
    if after.address_domain and (before is None or after.address_domain != before.address_domain):
        labels = after.address_domain.split(".")
        above = [".".join(labels[at:]) for at in range(1, len(labels))]
        if await accounts.domain_owner(connection, above) != after.account_id:
            raise NotPermitted("A domain that is not below one of the account's is assigned by the superuser.")
    if after.caller_id and (before is None or after.caller_id != before.caller_id):
        try:
            await accounts.number(connection, after.caller_id, after.account_id)
        except NotFound as error:
            raise NotPermitted("A caller_id that is no number of the account is set by the superuser.") from error


def generated_domain(account: Account) -> str:
    """A domain that nobody has and nobody guesses, below the account's first; empty where the account has none."""
    return f"{secrets.token_hex(5)}.{account.domains[0]}" if account.domains else ""


async def readdress(connection: AsyncConnection, before: Account, account: Account) -> list[str]:
    """Move the faxboxes' generated domains away from domains that the account no longer has; which faxboxes they are.
    Raises Conflict where a domain of a faxbox's own stands below one."""
    moved: list[str] = []
    gone = [domain for domain in before.domains if domain not in account.domains]
    for box in await accounts.faxboxes(connection, account.id):
        left_behind = any(is_below(box.address_domain, domain) for domain in gone)
        if left_behind and not any(is_below(box.address_domain, domain) for domain in account.domains):
            raise Conflict(f"The faxbox {box.name} has the domain {box.address_domain}: change that first.")
        if not any(is_below(box.generated_domain, domain) for domain in account.domains):
            await accounts.change_faxbox(
                connection, replace(box, generated_domain=generated_domain(account), revision=box.revision + 1)
            )
            moved.append(box.id)
    return moved


async def is_anothers(connection: AsyncConnection, number: str, account_id: str) -> bool:
    """Whether the number, E.164, is another account's by now."""
    try:
        return (await accounts.number(connection, number)).account_id != account_id
    except NotFound:
        return False


async def silence(connection: AsyncConnection, number: Number) -> list[str]:
    """Let no faxbox call any longer under a number that its account has lost, and somebody else may get; which faxboxes
    they are."""
    calling = [box for box in await accounts.faxboxes(connection, number.account_id) if box.caller_id == number.id]
    for box in calling:
        await accounts.change_faxbox(connection, replace(box, caller_id="", revision=box.revision + 1))
    return [box.id for box in calling]
