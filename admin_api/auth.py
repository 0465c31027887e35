"""Who is calling, and for which account.

A token comes as `X-Auth-Token` or as `Authorization: Bearer`. It stands for one account, or for the superuser, who acts
for all. An account's admins act for the accounts below it, too. Whoever asks for another account learns nothing, not
even whether it exists.
"""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from admin_api.envelope import InvalidCredentials
from admin_api.ids import is_id
from admin_api.throttle import Throttle, TooManyTries, peer_of, slowed_down
from gateway.accounts import Account
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import NotFound, NotPermitted
from gateway.store import accounts, tokens
from gateway.store.engine import Store

ADMIN = "admin"
"""The scope whose holder acts for the accounts below, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    token: str
    token_id: str
    key_id: str | None = None
    """The key that was exchanged for the token."""
    account_id: str | None
    """None: the superuser."""
    scopes: tuple[str, ...]

    @property
    def superuser(self) -> bool:
        return self.account_id is None


def actor(request: Request) -> Actor:
    """The caller as the audit log names them: where a key was exchanged for the token, by the key, which stays."""
    return Actor(
        caller(request).key_id or caller(request).token_id, "" if request.client is None else request.client.host
    )


def caller(request: Request) -> Caller:
    """The caller whom `Authenticated` let in."""
    found = request.state.caller
    assert isinstance(found, Caller)
    return found


def account_of(request: Request) -> str:
    """The id of the account for which `WithinAccount` lets the caller act."""
    return str(request.state.account_id)


class Authenticated:
    """ASGI middleware: lets nobody in without a valid token (401), and who tries many waits (429)."""

    def __init__(self, app: ASGIApp, store: Store, clock: Clock, throttle: Throttle) -> None:
        self.app = app
        self._store = store
        self._clock = clock
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            try:
                scope["state"]["caller"] = await self._caller(peer_of(request), token_of(request.headers))
            except TooManyTries as error:
                await slowed_down(request, error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _caller(self, peer: str, token: str) -> Caller:
        if not token:
            raise InvalidCredentials("A token is needed: send it as X-Auth-Token.")
        self._throttle.check(peer, token)
        async with self._store.read() as connection:
            known = await tokens.known(connection, token, self._clock.now())
        if known is None:
            self._throttle.failed(peer, token)
            raise InvalidCredentials("The token is not known here, or has expired.")
        self._throttle.succeeded(peer, token)
        return Caller(
            token=token, token_id=known.id, key_id=known.key_id, account_id=known.account_id, scopes=known.scopes
        )


class WithinAccount:
    """ASGI middleware below `/accounts/{account_id}`: lets nobody into another's account (403).

    The superuser is told that an account does not exist (404).
    """

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            account_id = scope["path_params"]["account_id"]
            await self._check(scope["state"]["caller"], account_id)
            scope["state"]["account_id"] = account_id
        await self.app(scope, receive, send)

    async def _check(self, calling: Caller, account_id: str) -> None:
        if calling.account_id == account_id:
            return
        chain = await self._chain(account_id) if calling.superuser or ADMIN in calling.scopes else []
        if calling.superuser:
            if not chain:
                raise NotFound("There is no such account.")
        elif not any(account.parent_id == calling.account_id for account in chain):
            raise NotPermitted("This token may not act for that account.")

    async def _chain(self, account_id: str) -> list[Account]:
        """The account, its parent and so on; empty where it does not exist."""
        chain: list[Account] = []
        following: str | None = account_id if is_id(account_id) else None
        async with self._store.read() as connection:
            while following is not None and following not in {account.id for account in chain}:
                try:
                    found = await accounts.account(connection, following)
                except NotFound:
                    break
                chain.append(found)
                following = found.parent_id
        return chain


def token_of(headers: Headers) -> str:
    """The token of a request; empty where there is none."""
    given = headers.get("x-auth-token", "")
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if not given and scheme.lower() == "bearer":
        given = credentials
    return given.strip()
