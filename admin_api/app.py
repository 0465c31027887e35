"""Builds the HTTP application: the addresses, and what stands behind each.

/healthz, /openapi.json, /docs                           no token
/v2/...                                                  a valid token
/v2/accounts/{account_id}/...                            a token that may act for the account
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router

from admin_api.accounts import Accounts
from admin_api.audit import Audit
from admin_api.auth import Authenticated, WithinAccount
from admin_api.browsers import ForBrowsers
from admin_api.calls import Calls
from admin_api.credentials import Credentials
from admin_api.envelope import on_faxgate_error, on_http_exception
from admin_api.events import Events
from admin_api.faxboxes import Faxboxes
from admin_api.faxes import Faxes
from admin_api.heads import Heads
from admin_api.health import Health
from admin_api.junk import TakingOut
from admin_api.notifications import Notifications
from admin_api.numbers import Numbers
from admin_api.openapi import Reference
from admin_api.operations import ACCOUNT, PUBLIC, Operation, routes
from admin_api.removing import Removing
from admin_api.sending import Sending
from admin_api.smtplog import Smtplog
from admin_api.throttle import Throttle
from admin_api.tokens import Tokens
from admin_api.tracing import Tracing
from gateway.administration import Administration
from gateway.clock import Clock
from gateway.credentials import Credentials as CredentialsDesk
from gateway.errors import FaxgateError
from gateway.junk import Junk
from gateway.outbound.order import Orders
from gateway.outbound.preview import Previews
from gateway.ports import Documents, Line
from gateway.removal import Removal
from gateway.sandbox import Sandbox
from gateway.stationery import Templates
from gateway.store.engine import Store
from gateway.store.wake import Wake
from gateway.tokens import Tokens as TokensDesk


def api(
    store: Store,
    documents: Documents,
    clock: Clock,
    *,
    lines: Sequence[Line] = (),
    sandbox: Sandbox | None = None,
    wake: Wake | None = None,
    orders: Orders | None = None,
    previews: Previews | None = None,
    templates: Templates | None = None,
) -> Starlette:
    """The application. `lines` are those of this process, for `/healthz`; without a sandbox there are no pictures of
    pages, without `wake` no live events and nothing is administrated, without `orders` nobody can send, and without
    `previews` nobody sees beforehand what would be sent. `templates` tell which languages accounts can have."""
    throttle = Throttle(clock)
    operations = [
        *Faxes(store, documents, clock, sandbox).operations(),
        *(Events(store, wake, clock).operations() if wake is not None else []),
        *(_sending(store, wake, clock, orders, previews) if wake and orders else []),
        *Removing(Removal(store=store, documents=documents, clock=clock)).operations(),
        *(TakingOut(Junk(store=store, wake=wake, clock=clock)).operations() if wake is not None else []),
        *Smtplog(store).operations(),
        *Audit(store).operations(),
        *Calls(store).operations(),
        *(Notifications(store, wake, clock).operations() if wake is not None else []),
        *(_administrating(store, wake, clock, throttle, templates) if wake is not None else []),
    ]
    application = Starlette(
        routes=[
            Route("/healthz", Health(store, lines).get),
            *Reference(operations).routes(),
            *_public(operations),
            Mount(
                "/v2",
                _router(_guarded(operations, store)),
                middleware=[Middleware(Authenticated, store, clock, throttle)],
            ),
        ],
        middleware=[Middleware(ForBrowsers), Middleware(Tracing), Middleware(Heads)],
        exception_handlers={FaxgateError: on_faxgate_error, HTTPException: on_http_exception},
    )
    application.router.redirect_slashes = False
    return application


def _sending(store: Store, wake: Wake, clock: Clock, orders: Orders, previews: Previews | None) -> Sequence[Operation]:
    return Sending(store=store, wake=wake, clock=clock, orders=orders, previews=previews).operations()


def _administrating(
    store: Store, wake: Wake, clock: Clock, throttle: Throttle, templates: Templates | None
) -> list[Operation]:
    administration = Administration(store, wake, clock, templates)
    return [
        *Accounts(store, administration).operations(),
        *Faxboxes(store, administration).operations(),
        *Numbers(store, administration).operations(),
        *Tokens(store, TokensDesk(store, clock), throttle).operations(),
        *Credentials(store, CredentialsDesk(store, clock)).operations(),
    ]


def _public(operations: Sequence[Operation]) -> list[Route]:
    """What needs no token. These stand before the others, so that the check for tokens never sees them."""
    return routes(
        replace(operation, path=f"/v2{operation.path}") for operation in operations if operation.scope == PUBLIC
    )


def _guarded(operations: Sequence[Operation], store: Store) -> list[BaseRoute]:
    """The routes that need a token; the account and what it has behind the check that the caller may act for it."""
    guarded = [operation for operation in operations if operation.scope != PUBLIC]
    of_account = [
        replace(operation, path=operation.path.removeprefix(ACCOUNT))
        for operation in guarded
        if operation.path.startswith(f"{ACCOUNT}/")
    ]
    accounts = routes(operation for operation in guarded if operation.path == ACCOUNT)
    for route in accounts:
        route.app = WithinAccount(route.app, store)
    others = routes(operation for operation in guarded if not operation.path.startswith(ACCOUNT))
    mounted = Mount(ACCOUNT, _router(routes(of_account)), middleware=[Middleware(WithinAccount, store)])
    return [*others, *accounts, mounted]


def _router(routes: Sequence[BaseRoute]) -> Router:
    # A redirect is no envelope, and a client that does not follow it would take it for success.
    return Router(routes, redirect_slashes=False)
