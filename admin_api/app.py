"""Builds the HTTP application: the addresses, and what stands behind each.

/healthz                                                 no token
/v2/...                                                  a valid token
/v2/accounts/{account_id}/...                            a token that may act for the account
"""

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router

from admin_api.auth import Authenticated, WithinAccount
from admin_api.envelope import on_faxgate_error, on_http_exception
from admin_api.faxes import INBOX, INCOMING, OUTBOX, OUTGOING, Faxes
from admin_api.health import Health
from admin_api.smtplog import Smtplog
from admin_api.tracing import Tracing
from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.ports import Documents, Line
from gateway.store.engine import Store


def api(store: Store, documents: Documents, clock: Clock, *, lines: Sequence[Line] = ()) -> Starlette:
    """The application. `lines` are those of this process, for `/healthz`."""
    faxes, smtplog = Faxes(store, documents), Smtplog(store)
    of_account: list[BaseRoute] = [
        Route("/faxes/outgoing", partial(faxes.get_list, OUTGOING)),
        Route("/faxes/outgoing/{fax_id}", partial(faxes.get, OUTGOING)),
        Route("/faxes/outgoing/{fax_id}/attachment", partial(faxes.get_attachment, OUTGOING)),
        Route("/faxes/outbox", partial(faxes.get_list, OUTBOX)),
        Route("/faxes/outbox/{fax_id}", partial(faxes.get, OUTBOX)),
        Route("/faxes/outbox/{fax_id}/attachment", partial(faxes.get_attachment, OUTBOX)),
        Route("/faxes/incoming", partial(faxes.get_list, INCOMING)),
        Route("/faxes/incoming/{fax_id}", partial(faxes.get, INCOMING)),
        Route("/faxes/inbox", partial(faxes.get_list, INBOX)),
        Route("/faxes/inbox/{fax_id}", partial(faxes.get, INBOX)),
        Route("/faxes/inbox/{fax_id}/attachment", partial(faxes.get_attachment, INBOX)),
        Route("/faxes/smtplog", smtplog.get_list),
        Route("/faxes/smtplog/{entry_id}", smtplog.get),
    ]
    v2: list[BaseRoute] = [
        Mount("/accounts/{account_id}", _router(of_account), middleware=[Middleware(WithinAccount, store)]),
        Route("/smtplog", smtplog.get_unowned_list),
        Route("/smtplog/{entry_id}", smtplog.get_any),
    ]
    application = Starlette(
        routes=[
            Route("/healthz", Health(store, lines).get),
            Mount("/v2", _router(v2), middleware=[Middleware(Authenticated, store, clock)]),
        ],
        middleware=[Middleware(Tracing)],
        exception_handlers={FaxgateError: on_faxgate_error, HTTPException: on_http_exception},
    )
    application.router.redirect_slashes = False
    return application


def _router(routes: Sequence[BaseRoute]) -> Router:
    # A redirect is no envelope, and a client that does not follow it would take it for success.
    return Router(routes, redirect_slashes=False)
