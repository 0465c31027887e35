"""Making, changing and deleting accounts, faxboxes and numbers: checked, stored, told to every process.

The command line and the API use it. A value that cannot be used raises BadField naming it; a number or domain of
somebody else, or something still in progress, raises Conflict; what only the operator may decide raises NotPermitted
unless `superuser` says that he does.

A change is made by a function of what is there now (`decide`), which is called with the account locked: of two changes
that start from the same revision the second one sees the first, and may raise to refuse.

What is in progress is never pulled from under a call: an account or a faxbox is deleted only when all its faxes have
ended and all notices of them have left (Conflict before). Faxes that have ended, and all call records, stay as they
are.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit, checks
from gateway.accounts import (
    ANY_RECIPIENT,
    NEVER,
    PDF,
    PICTURE,
    REQUIRE_PROOF,
    Account,
    Faxbox,
    Number,
    Scanner,
)
from gateway.acting import Acting
from gateway.clock import Clock
from gateway.errors import BadField, Conflict, NotFound, NotPermitted
from gateway.ids import new_id
from gateway.ownership import check_rights, generated_domain, readdress, silence
from gateway.signing import CHANGEOVER, new_secret
from gateway.stationery import Templates
from gateway.store import accounts, credentials, tokens
from gateway.store.engine import Store
from gateway.store.wake import ACCOUNTS, Wake
from gateway.tokens import SCOPES

SUPERUSERS = (
    "domains",
    "max_calls",
    "parent_id",
    "number_rules",
    "limits",
    "sender_limits",
    "sender_policy",
    "trusted_networks",
)
"""What of an account only the superuser sets: domains are unique, and calls cost money, which is spent by who is
believed without proof."""

MOST_ABOVE = 32
"""Accounts above one another: each of them is asked what every fax may cost."""


class Administration(Acting):
    def __init__(self, store: Store, wake: Wake, clock: Clock, templates: Templates | None = None) -> None:
        """`templates` are asked which languages there are."""
        super().__init__(store, clock)
        self._wake = wake
        self._templates = templates or Templates()

    # Accounts

    async def add_account(
        self,
        name: str,
        *,
        domains: Sequence[str] = (),
        country: str = "US",
        timezone: str = "UTC",
        language: str = "en",
        max_calls: int = 4,
        parent_id: str | None = None,
        number_rules: Mapping[str, Sequence[str]] | None = None,
        limits: Mapping[str, dict[str, int]] | None = None,
        sender_limits: Mapping[str, dict[str, int]] | None = None,
        sender_policy: str = REQUIRE_PROOF,
        signature_policy: str = ANY_RECIPIENT,
        signing_domains: Sequence[str] = (),
        trusted_networks: Sequence[str] = (),
        keep_days: int | None = None,
        blocked_callers: Sequence[str] = (),
        allowed_callers: Sequence[str] = (),
    ) -> tuple[Account, str]:
        """A new account, and a token with all rights on it, which is shown once and stored only as a hash."""
        now = self._clock.now()
        account = checks.account(
            Account(
                id=new_id(),
                name=name,
                created_at=now,
                parent_id=parent_id,
                domains=tuple(domains),
                country=country,
                timezone=timezone,
                language=await self._language(language),
                max_calls=max_calls,
                number_rules={name: tuple(entries) for name, entries in (number_rules or {}).items()},
                limits=dict(limits or {}),
                sender_limits=dict(sender_limits or {}),
                sender_policy=sender_policy,
                signature_policy=signature_policy,
                signing_domains=tuple(signing_domains),
                trusted_networks=tuple(trusted_networks),
                keep_days=keep_days,
                blocked_callers=tuple(blocked_callers),
                allowed_callers=tuple(allowed_callers),
            )
        )
        token = secrets.token_hex(32)
        async with self._store.begin() as connection:
            await _check_parent(connection, account)
            await accounts.add_account(connection, account)
            token_id = await tokens.add(connection, token, account.id, SCOPES, now)
            await self._note(connection, audit.ADDED, audit.ACCOUNT, account.id, account.id, name=account.name)
            await self._note(connection, audit.ADDED, audit.TOKEN, token_id, account.id, name="", scopes=SCOPES)
        await self._wake.notify(ACCOUNTS)
        return account, token

    async def change_account(
        self, account_id: str, decide: Callable[[Account], Account], *, superuser: bool = True
    ) -> Account:
        """Change an account. `SUPERUSERS` are the superuser's to change.

        Where a domain goes, the generated domains of the faxboxes below it are made anew.
        """
        async with self._store.begin() as connection:
            before = await accounts.account(connection, account_id, lock=True)
            after = replace(checks.account(decide(before)), revision=before.revision + 1)
            if after.language != before.language:  # one that has gone since harms nothing
                after = replace(after, language=await self._language(after.language))
            for field in SUPERUSERS:
                if not superuser and getattr(before, field) != getattr(after, field):
                    raise NotPermitted(f"Only the superuser changes {field}.")
            if after.parent_id != before.parent_id:
                await _check_parent(connection, after)
            await accounts.change_account(connection, before, after)
            if after.domains != before.domains:
                for box_id in await readdress(connection, before, after):
                    moved = ["generated_domain"]
                    await self._note(connection, audit.CHANGED, audit.FAXBOX, box_id, account_id, fields=moved)
            differ = _changed(before, after)
            await self._note(connection, audit.CHANGED, audit.ACCOUNT, account_id, account_id, fields=differ)
        await self._wake.notify(ACCOUNTS)
        return after

    async def _language(self, code: str) -> str:
        return code if code == "en" else checks.language(code, await asyncio.to_thread(self._templates.languages))

    async def delete_account(self, account_id: str, check: Callable[[Account], None]) -> None:
        """Delete an account with its faxboxes, domains, numbers and tokens. Raises Conflict while anything of it is in
        progress or an account is below it."""
        async with self._store.begin() as connection:
            check(account := await accounts.account(connection, account_id, lock=True))
            if len(await accounts.ids_within(connection, account_id)) > 1:
                raise Conflict("There are accounts below this one: delete them first.")
            if await accounts.busy(connection, account_id=account_id):
                raise Conflict(f"{_IN_PROGRESS} of this account.")
            await accounts.delete_account(connection, account_id)
            await self._note(connection, audit.DELETED, audit.ACCOUNT, account_id, account_id, name=account.name)
        await self._wake.notify(ACCOUNTS)

    # Faxboxes

    async def add_faxbox(
        self,
        account_id: str,
        name: str,
        *,
        numbers: Sequence[str] = (),
        permits: Sequence[str] = (),
        inbound_email: Sequence[str] = (),
        outbound_email: Sequence[str] = (),
        address_domain: str = "",
        caller_id: str = "",
        caller_name: str = "",
        fax_header: str = "",
        fax_identity: str = "",
        timezone: str = "",
        retries: int = 3,
        body_as_page: bool = False,
        t38: bool | None = None,
        resume: bool = False,
        look: str = "auto",
        resolution: str = "fine",
        drop_blank_end: bool = False,
        cover_page: str = NEVER,
        confidentiality: str = "",
        mail_shows: str = PICTURE,
        mail_attach: str = PDF,
        mail_options: Sequence[str] = (),
        notifications: Mapping[str, object] | None = None,
        number_rules: Mapping[str, Sequence[str]] | None = None,
        limits: Mapping[str, dict[str, int]] | None = None,
        sender_limits: Mapping[str, dict[str, int]] | None = None,
        trusted_networks: Sequence[str] = (),
        scanners: Sequence[Scanner] = (),
        blocked_callers: Sequence[str] = (),
        allowed_callers: Sequence[str] = (),
        superuser: bool = True,
    ) -> Faxbox:
        """A new faxbox. `address_domain` may be written as an address. Raises NotFound for an unknown account."""
        async with self._store.begin() as connection:
            account = await accounts.account(connection, account_id, lock=True)
            box = Faxbox(
                id=new_id(),
                account_id=account.id,
                name=name,
                created_at=self._clock.now(),
                numbers=tuple(numbers),
                permits=tuple(permits),
                custom_address=address_domain,
                generated_domain=generated_domain(account),
                caller_id=caller_id,
                caller_name=caller_name,
                fax_header=fax_header,
                fax_identity=fax_identity,
                timezone=timezone,
                retries=retries,
                body_as_page=body_as_page,
                t38=t38,
                resume=resume,
                look=look,
                resolution=resolution,
                drop_blank_end=drop_blank_end,
                cover_page=cover_page,
                confidentiality=confidentiality,
                mail_shows=mail_shows,
                mail_attach=mail_attach,
                mail_options=tuple(mail_options),
                callback_secret=new_secret(),
                inbound_email=tuple(inbound_email),
                outbound_email=tuple(outbound_email),
                notifications=dict(notifications or {}),
                number_rules={name: tuple(entries) for name, entries in (number_rules or {}).items()},
                limits=dict(limits or {}),
                sender_limits=dict(sender_limits or {}),
                trusted_networks=tuple(trusted_networks),
                scanners=tuple(scanners),
                blocked_callers=tuple(blocked_callers),
                allowed_callers=tuple(allowed_callers),
            )
            box = checks.faxbox(box, account.country)
            await check_rights(connection, None, box, superuser=superuser)
            await accounts.add_faxbox(connection, box)
            await self._note(connection, audit.ADDED, audit.FAXBOX, box.id, account_id, name=box.name)
        await self._wake.notify(ACCOUNTS)
        return box

    async def change_faxbox(
        self, account_id: str, faxbox_id: str, decide: Callable[[Faxbox], Faxbox], *, superuser: bool = True
    ) -> Faxbox:
        """Change a faxbox of the account, but for its numbers."""
        async with self._store.begin() as connection:
            account = await accounts.account(connection, account_id, lock=True)
            before = await accounts.faxbox(connection, faxbox_id, account_id)
            after = replace(checks.faxbox(decide(before), account.country), revision=before.revision + 1)
            await check_rights(connection, before, after, superuser=superuser)
            await accounts.change_faxbox(connection, after)
            differ = _changed(before, after)
            await self._note(connection, audit.CHANGED, audit.FAXBOX, faxbox_id, account_id, fields=differ)
        await self._wake.notify(ACCOUNTS)
        return after

    async def new_callback_secret(self, account_id: str, faxbox_id: str, check: Callable[[Faxbox], None]) -> Faxbox:
        """Give a faxbox another secret for its callbacks; they are signed with the former one too for a while."""

        def decide(box: Faxbox) -> Faxbox:
            check(box)
            until = self._clock.now() + CHANGEOVER
            return replace(
                box, callback_secret=new_secret(), former_secret=box.callback_secret, former_secret_until=until
            )

        return await self.change_faxbox(account_id, faxbox_id, decide)

    async def delete_faxbox(self, account_id: str, faxbox_id: str, check: Callable[[Faxbox], None]) -> None:
        """Delete a faxbox; its numbers stay with the account, answered by nobody. Raises Conflict while anything of it
        is in progress."""
        async with self._store.begin() as connection:
            await accounts.account(connection, account_id, lock=True)
            check(box := await accounts.faxbox(connection, faxbox_id, account_id))
            if await accounts.busy(connection, faxbox_id=faxbox_id):
                raise Conflict(f"{_IN_PROGRESS} of this faxbox.")
            for one in await credentials.of_faxbox(connection, faxbox_id):  # they go with it
                await self._note(connection, audit.DELETED, audit.CREDENTIAL, one.id, account_id, name=one.name)
            await accounts.delete_faxbox(connection, faxbox_id)
            await self._note(connection, audit.DELETED, audit.FAXBOX, faxbox_id, account_id, name=box.name)
        await self._wake.notify(ACCOUNTS)

    # Numbers

    async def add_number(self, account_id: str, written: str, faxbox_id: str | None = None) -> Number:
        """Assign a number to the account, and bind it to one of its faxboxes if one is given."""
        async with self._store.begin() as connection:
            account = await accounts.account(connection, account_id, lock=True)
            number = Number(
                id=checks.number("number", written, account.country), account_id=account.id, faxbox_id=faxbox_id
            )
            await _check_box(connection, number)
            await accounts.add_number(connection, number)
            await self._note(connection, audit.ADDED, audit.NUMBER, number.id, account_id, faxbox_id=faxbox_id)
        await self._wake.notify(ACCOUNTS)
        return number

    async def bind_number(self, account_id: str, written: str, decide: Callable[[Number], Number]) -> Number:
        """Let a number of the account be answered by another of its faxboxes, or by nobody."""
        async with self._store.begin() as connection:
            before = await _number(connection, account_id, written)
            after = decide(before)
            await _check_box(connection, after)
            await accounts.bind_number(connection, replaced=before.faxbox_id, number=after)
            await self._note(connection, audit.CHANGED, audit.NUMBER, after.id, account_id, faxbox_id=after.faxbox_id)
        await self._wake.notify(ACCOUNTS)
        return after

    async def release_number(self, account_id: str, written: str, check: Callable[[Number], None]) -> None:
        """Take a number from the account, also as a caller id of its faxboxes. A call that is on it now ends as it
        would."""
        async with self._store.begin() as connection:
            number = await _number(connection, account_id, written)
            check(number)
            await accounts.delete_number(connection, number)
            for box_id in await silence(connection, number):
                await self._note(connection, audit.CHANGED, audit.FAXBOX, box_id, account_id, fields=["caller_id"])
            await self._note(connection, audit.DELETED, audit.NUMBER, number.id, account_id)
        await self._wake.notify(ACCOUNTS)


def _changed(before: Account | Faxbox, after: Account | Faxbox) -> list[str]:
    """The names of the fields that differ. Their values are not for the log: among them are secrets."""
    names = (one.name for one in fields(before))
    return [name for name in names if name != "revision" and getattr(before, name) != getattr(after, name)]


_IN_PROGRESS = "There are faxes in progress, or notices that have not left,"


async def _number(connection: AsyncConnection, account_id: str, written: str) -> Number:
    account = await accounts.account(connection, account_id, lock=True)
    return await accounts.number(connection, checks.sought_number(written, account.country), account_id)


async def _check_box(connection: AsyncConnection, number: Number) -> None:
    if number.faxbox_id is not None:
        try:
            await accounts.faxbox(connection, number.faxbox_id, number.account_id)
        except NotFound as error:
            raise BadField("faxbox_id", "The account has no such faxbox.") from error


async def _check_parent(connection: AsyncConnection, account: Account) -> None:
    """The parent exists and is not below the account."""
    if account.parent_id is None:
        return
    try:
        await accounts.keep_in_place(connection, account.parent_id)
    except NotFound as error:
        raise BadField("parent_id", "There is no such account.") from error
    if account.parent_id in await accounts.ids_within(connection, account.id):
        raise BadField("parent_id", "An account cannot be below itself.")
    if await accounts.above(connection, account.parent_id) + 1 > MOST_ABOVE:
        raise BadField("parent_id", f"Accounts are nested at most {MOST_ABOVE} deep.")
