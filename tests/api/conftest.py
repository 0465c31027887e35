"""A gateway's API on a real port: its store, its documents, two accounts that must know nothing of each other."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from admin_api.app import api
from admin_api.server import Server
from gateway.alerts import NOBODY
from gateway.clock import Clock
from gateway.outbound.order import Orders
from gateway.outbound.submit import Submissions
from gateway.ports import Documents
from gateway.sandbox import Sandbox
from gateway.storage import FileDocuments
from gateway.store.engine import Store
from gateway.store.wake import EVENTS, Wake
from tests.api.house import House, furnish, previews_of


@pytest.fixture
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    """On disk; a test may ask for another class of them."""
    made: Documents = getattr(request, "param", FileDocuments)(tmp_path / "documents")
    return made


@pytest.fixture
async def house(store: Store, documents: Documents) -> House:
    return await furnish(store, documents)


@pytest.fixture
async def server(store: Store, documents: Documents, wake: Wake, tmp_path: Path) -> AsyncIterator[Server]:
    """With every route there is; its sandbox and its submissions are not started, so nothing can be sent."""
    store.events_written = partial(wake.soon, EVENTS)
    orders = Orders(
        store=store,
        documents=documents,
        submissions=Submissions(store, documents, wake, Clock(), operator=NOBODY),
        sandbox=Sandbox(),
        clock=Clock(),
        spool=tmp_path,
        max_pages=5,
    )
    running = Server(api(store, documents, Clock(), wake=wake, orders=orders, previews=previews_of(orders, wake)))
    await running.start("127.0.0.1", 0)
    yield running
    await running.stop()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP over a real socket to a real server; gives no token by itself."""
    # Without TLS no certificates need be read, which would take longer than most tests.
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", verify=False) as connected:
        yield connected
