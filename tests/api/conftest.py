"""A gateway's API on a real port: its store, its documents, two accounts that must know nothing of each other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from admin_api.app import api
from gateway.clock import Clock
from gateway.ports import Documents
from gateway.storage import FileDocuments
from gateway.store.engine import Store
from tests.api.house import House, furnish


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return FileDocuments(tmp_path / "documents")


@pytest.fixture
async def house(store: Store, documents: Documents) -> House:
    return await furnish(store, documents)


@pytest.fixture
async def client(store: Store, documents: Documents) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP over a real socket to a real server; gives no token by itself."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(api(store, documents, Clock()), lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        host, port = listening.getsockname()
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as connected:
            yield connected
        server.should_exit = True
        await serving
