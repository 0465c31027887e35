"""The accounts: the superuser sees and makes all, an account's admins their own and those below it.

`domains`, `max_calls`, `parent_id`, what may be spent, `sender_policy` and `trusted_networks` are the superuser's to
set: domains are unique in the installation, calls cost money, and who is believed without proof spends it. A child
that an account's admin makes may make as many calls at a time as its parent, and what it sends counts for its parent
too. An account is deleted by those above it, when nothing of it is in progress and no account is below it (409 before).
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from admin_api import paging, spending
from admin_api.auth import ADMIN, account_of, actor, caller
from admin_api.callers import Allowed, Blocked
from admin_api.changes import decided, given, of_fields, partial_of
from admin_api.envelope import revision_of, success
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import gregorian
from admin_api.revisions import check_if_match, not_modified
from admin_api.spending import Limits, NumberRules
from gateway.accounts import Account
from gateway.administration import SUPERUSERS, Administration
from gateway.checks import MOST, MOST_CALLS, MOST_DAYS
from gateway.errors import BadField, NotPermitted
from gateway.store import accounts
from gateway.store.engine import Store
from gateway.store.listing import Place

FIXED = ("id", "created", "auth_token")
LISTS = ("domains", "signing_domains", "trusted_networks", "blocked_callers", "allowed_callers")


class AccountFields(BaseModel):
    """What of an account can be set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=128, description="For people.")
    domains: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default=[],
        max_length=MOST,
        description="Mail domains, each of one account here. Superuser only.",
    )
    country: str = Field(
        default="US",
        min_length=2,
        max_length=2,
        description="ISO 3166: in whose dialling habits numbers are read that are written without a `+`.",
    )
    timezone: str = Field(default="UTC", min_length=1, max_length=64, description="IANA name, like Europe/Paris.")
    language: str = Field(
        default="en",
        min_length=2,
        max_length=16,
        description="In which people are told of its faxes: `en`, `de`, or another one that the installation has.",
    )
    max_calls: int = Field(default=4, ge=1, le=MOST_CALLS, description="Outgoing calls at a time. Superuser only.")
    sender_policy: Literal["require_proof", "trust_envelope"] = Field(
        default="require_proof",
        description="`require_proof`: the domain of a permitted sender is proven by SPF or DKIM; `trust_envelope`: "
        "whoever writes a permitted envelope sender may send. Superuser only.",
    )
    signature_policy: Literal["any_recipient", "named_recipients"] = Field(
        default="any_recipient",
        description="For which numbers a DKIM signature proves the sender. `any_recipient`: for all that the mail is "
        "brought to, as forwarding and Bcc need it; `named_recipients`: for those alone that the signed To and Cc "
        "name, so that who has the mail cannot fax it to other numbers.",
    )
    signing_domains: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default=[],
        max_length=MOST,
        description="Domains whose DKIM signatures prove any header From, like `tenant.onmicrosoft.com`.",
    )
    trusted_networks: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default=[],
        max_length=MOST,
        description="Mail servers whose permitted senders need no proof: addresses or networks. Superuser only.",
    )
    keep_days: int | None = Field(
        default=None,
        ge=1,
        le=MOST_DAYS,
        description="For how many days a fax is kept after its end, with all that is known of its content; until it is "
        "removed where this is null.",
    )
    blocked_callers: Blocked = []
    allowed_callers: Allowed = []
    parent_id: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="The account above it, whose admins act for it."
    )
    number_rules: Annotated[NumberRules, Field(description="Superuser only.")] = Field(default_factory=NumberRules)
    limits: Annotated[Limits, Field(description="Superuser only.")] = Field(default_factory=Limits)
    sender_limits: Annotated[Limits, Field(description="The same of each sender. Superuser only.")] = Field(
        default_factory=Limits
    )


class AccountDetail(TypedDict):
    """An account."""

    id: str
    created: Annotated[int, Field(description="Gregorian seconds.")]
    name: str
    domains: list[str]
    country: str
    timezone: str
    language: str
    max_calls: int
    sender_policy: str
    signature_policy: str
    signing_domains: list[str]
    trusted_networks: list[str]
    keep_days: int | None
    blocked_callers: list[str]
    allowed_callers: list[str]
    parent_id: str | None
    number_rules: dict[str, list[str]]
    limits: dict[str, dict[str, int]]
    sender_limits: dict[str, dict[str, int]]


class NewAccount(AccountDetail):
    """An account that has just been made."""

    auth_token: NotRequired[Annotated[str, Field(description="A token with all rights on it; shown this once.")]]


@dataclass(frozen=True, slots=True)
class Accounts:
    store: Store
    administration: Administration

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/accounts",
                answer=self.get_list,
                summary="The accounts that the token may act for",
                query=paging.ListQuery,
                gives=list[AccountDetail],
            ),
            Operation(
                method="PUT",
                path="/accounts",
                answer=self.put,
                summary="Make an account: below the token's own, unless the superuser makes it",
                scope="admin",
                body=AccountFields,
                gives=NewAccount,
                status=201,
            ),
            Operation(method="GET", path=ACCOUNT, answer=self.get, summary="An account", gives=AccountDetail),
            Operation(
                method="PUT",
                path=ACCOUNT,
                answer=self.put_below,
                summary="Make an account below this one",
                scope="admin",
                body=AccountFields,
                gives=NewAccount,
                status=201,
            ),
            Operation(
                method="POST",
                path=ACCOUNT,
                answer=self.change,
                summary="Replace an account: what is not given is cleared",
                scope="admin",
                body=AccountFields,
                gives=AccountDetail,
            ),
            Operation(
                method="PATCH",
                path=ACCOUNT,
                answer=self.change,
                summary="Change the fields of an account that are given (RFC 7396)",
                scope="admin",
                body=partial_of(AccountFields),
                gives=AccountDetail,
            ),
            Operation(
                method="DELETE",
                path=ACCOUNT,
                answer=self.delete,
                summary="Delete an account with its faxboxes, numbers and tokens; 409 while faxes are in progress",
                scope="admin",
                gives=AccountDetail,
            ),
        ]

    def _acting(self, request: Request) -> Administration:
        return self.administration.by(actor(request))

    async def get_list(self, request: Request) -> Response:
        """GET /accounts"""
        query = paging.asked(paging.ListQuery, request)
        calling = caller(request)
        async with self.store.read() as connection:
            if calling.account_id is None or ADMIN in calling.scopes:
                found = await accounts.account_page(connection, calling.account_id, query.window())
            else:
                found = [await accounts.account(connection, calling.account_id)]
        page = paging.page(query, found, lambda account: Place(account.created_at, account.id))
        revision = revision_of([(account.id, account.revision) for account in page.items])
        listed = [shown(account) for account in page.items]
        return not_modified(request, revision) or success(request, listed, revision=revision, paging=page.envelope)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}"""
        async with self.store.read() as connection:
            account = await accounts.account(connection, account_of(request))
        return not_modified(request, str(account.revision)) or _answer(request, account)

    async def put(self, request: Request) -> Response:
        """PUT /accounts"""
        return await self._make(request, caller(request).account_id)

    async def put_below(self, request: Request) -> Response:
        """PUT /accounts/{account_id}"""
        return await self._make(request, account_of(request))

    async def _make(self, request: Request, parent_id: str | None) -> Response:
        data = await given(request)
        fields = of_fields(AccountFields, data, {}, FIXED)
        if parent_id is not None and fields.parent_id not in (None, parent_id):
            raise BadField("parent_id", "It is made below the account of the address or the token.")
        max_calls = fields.max_calls
        if not caller(request).superuser:
            if refused := [name for name in SUPERUSERS if name != "parent_id" and data.get(name)]:
                raise NotPermitted(f"Only the superuser sets {' and '.join(refused)}.")
            async with self.store.read() as connection:
                max_calls = (await accounts.account(connection, str(parent_id))).max_calls
        account, token = await self._acting(request).add_account(
            fields.name,
            domains=fields.domains,
            country=fields.country,
            timezone=fields.timezone,
            language=fields.language,
            max_calls=max_calls,
            parent_id=parent_id or fields.parent_id,
            **spending.stored(fields.number_rules, fields.limits, fields.sender_limits),
            sender_policy=fields.sender_policy,
            signature_policy=fields.signature_policy,
            signing_domains=fields.signing_domains,
            trusted_networks=fields.trusted_networks,
            keep_days=fields.keep_days,
            blocked_callers=fields.blocked_callers,
            allowed_callers=fields.allowed_callers,
        )
        made = {**shown(account), "auth_token": token}
        return success(request, made, revision=str(account.revision), status=201)

    async def change(self, request: Request) -> Response:
        """POST and PATCH /accounts/{account_id}"""
        data = await given(request)
        superuser = caller(request).superuser

        def decide(account: Account) -> Account:
            check_if_match(request, str(account.revision))
            now = shown(account)
            # What only the superuser sets is kept when somebody else replaces the rest.
            kept = {} if superuser else {name: now[name] for name in SUPERUSERS}
            fields = decided(request, AccountFields, {**kept, **data}, now, FIXED)
            spent = spending.stored(fields.number_rules, fields.limits, fields.sender_limits)
            lists = {name: tuple(getattr(fields, name)) for name in LISTS}
            return replace(account, **{**fields.model_dump(), **lists, **spent})

        account = await self._acting(request).change_account(account_of(request), decide, superuser=superuser)
        return _answer(request, account)

    async def delete(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}"""
        account_id = account_of(request)
        if caller(request).account_id == account_id:
            raise NotPermitted("An account is deleted by those above it.")
        deleted: list[Account] = []

        def check(account: Account) -> None:
            check_if_match(request, str(account.revision))
            deleted.append(account)

        await self._acting(request).delete_account(account_id, check)
        return success(request, shown(deleted[0]))


def shown(account: Account) -> dict[str, object]:
    """An account as the API has it. Pure."""
    return {
        "id": account.id,
        "created": gregorian(account.created_at),
        "name": account.name,
        "domains": list(account.domains),
        "country": account.country,
        "timezone": account.timezone,
        "language": account.language,
        "max_calls": account.max_calls,
        "sender_policy": account.sender_policy,
        "signature_policy": account.signature_policy,
        "signing_domains": list(account.signing_domains),
        "trusted_networks": list(account.trusted_networks),
        "keep_days": account.keep_days,
        "blocked_callers": list(account.blocked_callers),
        "allowed_callers": list(account.allowed_callers),
        "parent_id": account.parent_id,
        **spending.shown(account),
    }


def _answer(request: Request, account: Account) -> Response:
    return success(request, shown(account), revision=str(account.revision))
