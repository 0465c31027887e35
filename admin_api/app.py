"""Builds the HTTP application: the addresses, and what stands behind each.

/healthz                                                 no token
/v2/...                                                  a valid token
/v2/accounts/{account_id}/...                            a token that may act for the account
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router

from admin_api.auth import Authenticated, WithinAccount
from admin_api.calls import Calls
from admin_api.envelope import on_faxgate_error, on_http_exception
from admin_api.faxes import Faxes
from admin_api.health import Health
from admin_api.operations import ACCOUNT, Operation, routes
from admin_api.smtplog import Smtplog
from admin_api.tracing import Tracing
from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.ports import Documents, Line
from gateway.sandbox import Sandbox
from gateway.store.engine import Store


def api(
    store: Store,
    documents: Documents,
    clock: Clock,
    *,
    lines: Sequence[Line] = (),
    sandbox: Sandbox | None = None,
) -> Starlette:
    """The application. `lines` are those of this process, for `/healthz`; without a sandbox there are no pictures of
    pages."""
    operations = [
        *Faxes(store, documents, sandbox).operations(),
        *Smtplog(store).operations(),
        *Calls(store).operations(),
    ]
    application = Starlette(
        routes=[
            Route("/healthz", Health(store, lines).get),
            Mount("/v2", _router(_guarded(operations, store)), middleware=[Middleware(Authenticated, store, clock)]),
        ],
        middleware=[Middleware(Tracing)],
        exception_handlers={FaxgateError: on_faxgate_error, HTTPException: on_http_exception},
    )
    application.router.redirect_slashes = False
    return application


def _guarded(operations: Sequence[Operation], store: Store) -> list[BaseRoute]:
    """The routes; those of an account behind the check that the caller may act for it."""
    of_account = [
        replace(operation, path=operation.path.removeprefix(ACCOUNT))
        for operation in operations
        if operation.path.startswith(f"{ACCOUNT}/")
    ]
    others = [operation for operation in operations if not operation.path.startswith(f"{ACCOUNT}/")]
    mounted = Mount(ACCOUNT, _router(routes(of_account)), middleware=[Middleware(WithinAccount, store)])
    return [*routes(others), mounted]


def _router(routes: Sequence[BaseRoute]) -> Router:
    # A redirect is no envelope, and a client that does not follow it would take it for success.
    return Router(routes, redirect_slashes=False)
