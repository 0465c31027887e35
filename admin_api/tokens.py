"""The tokens and keys of an account: made (and shown that once), listed without themselves, revoked.

A token is sent with each request. A key is good for one thing: `PUT /v2/api_auth` exchanges it for a token that is good
for an hour, as existing Kazoo clients do. What a key was exchanged for ends with the key.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from admin_api import paging
from admin_api.auth import Caller, account_of, actor
from admin_api.changes import given, of_fields
from admin_api.envelope import InvalidCredentials, revision_of, success
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, PUBLIC, Operation, read_data
from admin_api.representation import gregorian
from admin_api.revisions import check_if_match, not_modified
from admin_api.throttle import Throttle, TooManyTries, peer_of, slowed_down
from gateway.accounts import KEY, Token
from gateway.errors import NotFound
from gateway.store import accounts, tokens
from gateway.store.engine import Store
from gateway.store.listing import Place
from gateway.tokens import Tokens as TokensDesk

PATH = f"{ACCOUNT}/tokens"
REVISION = "1"
"""A token is made and revoked, and never changes between."""

ScopeName = Literal["read", "send", "admin"]
Kind = Literal["token", "key"]


def _written(value: object) -> str:
    """In JSON Gregorian seconds are a number."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError("is a time in Gregorian seconds or as ISO 8601 has it")  # noqa: TRY004 - pydantic's way
    return str(value)


Expires = Annotated[paging.Moment, BeforeValidator(_written)]


class TokenFields(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(default="", max_length=128, description="For people: who or what uses it.")
    kind: Kind = Field(default="token", description="`key`: to be exchanged for short-lived tokens at /v2/api_auth.")
    scopes: list[ScopeName] = Field(
        default=["read", "send"],
        min_length=1,
        max_length=3,
        description="What it may do: read, send faxes (and cancel and delete them), administrate.",
    )
    expires: Expires | None = Field(
        default=None, description="Until when it is good: Gregorian seconds or ISO 8601. For ever if not given."
    )


class TokenDetail(TypedDict):
    """What is known of a token."""

    id: str
    created: Annotated[int, Field(description="Gregorian seconds.")]
    name: str
    kind: Kind
    scopes: list[ScopeName]
    expires: Annotated[int | None, Field(description="Gregorian seconds; null: it does not expire.")]


class NewToken(TokenDetail):
    """A token that has just been made."""

    auth_token: NotRequired[Annotated[str, Field(description="The token; shown this once.")]]
    api_key: NotRequired[Annotated[str, Field(description="The key; shown this once.")]]


MOST_BYTES = 4096
"""Of a body that anybody may send."""


class ApiKey(BaseModel):
    """A key to exchange."""

    model_config = ConfigDict(extra="forbid", strict=True)

    api_key: str = Field(min_length=1, max_length=256)


class Exchanged(TypedDict):
    """Whose the token in the envelope is."""

    account_id: str
    account_name: str
    scopes: list[ScopeName]
    expires: int


@dataclass(frozen=True, slots=True)
class Tokens:
    store: Store
    desk: TokensDesk
    throttle: Throttle

    def operations(self) -> list[Operation]:
        item = f"{PATH}/{{token_id}}"
        return [
            Operation(
                method="GET",
                path=PATH,
                answer=self.get_list,
                summary="Tokens and keys of the account, without themselves",
                scope="admin",
                query=paging.ListQuery,
                gives=list[TokenDetail],
            ),
            Operation(
                method="PUT",
                path=PATH,
                answer=self.put,
                summary="Make a token or a key",
                scope="admin",
                body=TokenFields,
                gives=NewToken,
                status=201,
            ),
            Operation(
                method="GET",
                path=item,
                answer=self.get,
                summary="A token or key, without itself",
                scope="admin",
                gives=TokenDetail,
            ),
            Operation(
                method="DELETE",
                path=item,
                answer=self.delete,
                summary="Revoke a token, or a key with what it was exchanged for",
                scope="admin",
                gives=TokenDetail,
            ),
            Operation(
                method="PUT",
                path="/api_auth",
                answer=self.exchange,
                summary="Exchange a key for a short-lived token, which stands in the envelope",
                scope=PUBLIC,
                body=ApiKey,
                gives=Exchanged,
                status=201,
            ),
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/tokens"""
        query = paging.asked(paging.ListQuery, request)
        async with self.store.read() as connection:
            found = await tokens.page(connection, account_of(request), query.window())
        page = paging.page(query, found, lambda token: Place(token.created_at, token.id))
        revision = revision_of([(token.id, 1) for token in page.items])
        listed = [shown(token) for token in page.items]
        return not_modified(request, revision) or success(request, listed, revision=revision, paging=page.envelope)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/tokens/{token_id}"""
        async with self.store.read() as connection:
            token = await tokens.find(connection, _id(request), account_of(request))
        return not_modified(request, REVISION) or success(request, shown(token), revision=REVISION)

    async def put(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/tokens"""
        fields = of_fields(TokenFields, await given(request), {}, ())
        expires: datetime | None = fields.expires
        token, secret = await self.desk.by(actor(request)).add(
            account_of(request), fields.name, scopes=fields.scopes, kind=fields.kind, expires_at=expires
        )
        itself = {"api_key" if token.kind == KEY else "auth_token": secret}
        return success(request, {**shown(token), **itself}, revision=REVISION, status=201)

    async def delete(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}/tokens/{token_id}"""
        revoked: list[Token] = []

        def check(token: Token) -> None:
            check_if_match(request, REVISION)
            revoked.append(token)

        await self.desk.by(actor(request)).revoke(account_of(request), _id(request), check)
        return success(request, shown(revoked[0]))

    async def exchange(self, request: Request) -> Response:
        """PUT /api_auth"""
        key = (await read_data(request, ApiKey, MOST_BYTES)).api_key
        peer = peer_of(request)
        try:
            self.throttle.check(peer, key)
        except TooManyTries as error:
            return slowed_down(request, error)
        exchanged = await self.desk.exchange(key)
        if exchanged is None:
            self.throttle.failed(peer, key)
            raise InvalidCredentials("The key is not known here, or has expired.")
        self.throttle.succeeded(peer, key)
        token, secret = exchanged
        assert token.account_id is not None
        assert token.expires_at is not None
        async with self.store.read() as connection:
            account = await accounts.account(connection, token.account_id)
        request.state.caller = Caller(token=secret, token_id=token.id, account_id=token.account_id, scopes=token.scopes)
        whose = {
            "account_id": account.id,
            "account_name": account.name,
            "scopes": list(token.scopes),
            "expires": gregorian(token.expires_at),
        }
        return success(request, whose, revision=REVISION, status=201)


def shown(token: Token) -> dict[str, object]:
    """What is known of a token, as the API has it. Pure."""
    return {
        "id": token.id,
        "created": gregorian(token.created_at),
        "name": token.name,
        "kind": token.kind,
        "scopes": list(token.scopes),
        "expires": None if token.expires_at is None else gregorian(token.expires_at),
    }


def _id(request: Request) -> str:
    token_id = str(request.path_params["token_id"])
    if not is_id(token_id):
        raise NotFound("There is no such token.")
    return token_id
