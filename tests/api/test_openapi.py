"""The description of the API is true: a fuzzer that believes it finds a server that does as it says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, CheckFunction, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from admin_api.app import api
from admin_api.sending import DOCUMENT_TYPES
from admin_api.server import Server
from gateway.alerts import NOBODY
from gateway.clock import Clock
from gateway.outbound.order import Orders
from gateway.outbound.submit import Submissions
from gateway.ports import Documents
from gateway.sandbox import Sandbox
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.api.house import AS_SUPERUSER, House, previews_of
from tests.lines.bench import draw_fax
from tests.warm import WarmServers

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

EXAMPLES = 8
"""Requests of each operation and kind; enough that each parameter is tried."""


@pytest.fixture
async def server(
    store: Store, documents: Documents, wake: Wake, tmp_path: Path, warm: WarmServers
) -> AsyncIterator[Server]:
    """With every route there is; what it takes to be sent is stored, and nothing sends it."""
    sandbox = Sandbox(children=1, quick=1, boot=warm.boot)
    await sandbox.start()
    submissions = Submissions(store, documents, wake, Clock(), operator=NOBODY)
    orders = Orders(
        store=store,
        documents=documents,
        submissions=submissions,
        sandbox=sandbox,
        clock=Clock(),
        spool=tmp_path,
        max_pages=5,
    )
    await submissions.start()
    previews = previews_of(orders, wake)
    running = Server(api(store, documents, Clock(), sandbox=sandbox, wake=wake, orders=orders, previews=previews))
    await running.start("127.0.0.1", 0)
    yield running
    await running.stop()
    await submissions.stop()
    await sandbox.stop()


@pytest.fixture
async def description(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


async def test_the_server_does_as_it_says(
    server: Server, house: House, description: dict[str, Any], tmp_path: Path
) -> None:
    """Requests that the description allows are answered as described; others are refused, and never with 500."""
    draw_fax(tmp_path / "documents" / house.alice.completed.image_key, 2)  # pictures of it can be asked for
    described = sum(len(methods) for methods in description["paths"].values())
    assert len(list(operations(description))) == described
    address = f"http://127.0.0.1:{server.port}"
    for operation in operations(description):
        # A stream of events never ends, which a fuzzer waits for.
        if operation.path.endswith("/events"):
            continue
        await asyncio.to_thread(fuzz, operation, GenerationMode.POSITIVE, address, house)
        if operation.query or operation.body:  # else nothing can be wrong
            await asyncio.to_thread(fuzz, operation, GenerationMode.NEGATIVE, address, house)


def operations(description: dict[str, Any]) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    # Those that remove come last: what the others ask about is there till then.
    loaded = schemathesis.openapi.from_dict(description).get_all_operations()
    yield from sorted((one.ok() for one in loaded if isinstance(one, Ok)), key=lambda one: one.method == "delete")


def fuzz(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, address: str, house: House) -> None:
    alice = house.alice
    known = {
        "account_id": alice.account.id,
        "fax_id": item_of(operation.path, house),
        "entry_id": alice.entry.id,
        "notification_id": alice.notice.id,
    }
    # Ids that are drawn would never be found.
    path_parameters = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode, path_parameters=path_parameters))
    def one(case: Case[Any]) -> None:
        # Rules that no schema can say (a number that exists, a time to come) refuse bodies that the schema allows.
        untold: list[CheckFunction] = [positive_data_acceptance] if operation.body else []
        # That no address answers without a token is proven in `test_access`, of each, and not eight times over.
        left = [*untold, ignored_auth]
        case.call_and_validate(base_url=address, headers=AS_SUPERUSER, excluded_checks=left)

    one()


def item_of(path: str, house: House) -> str:
    """A fax that is in the folder of this path."""
    alice = house.alice
    items = {
        "outbox": alice.completed,
        "inbox": alice.received,
        "incoming": alice.receiving,
        "junk": alice.junk,
    }
    return next((fax.id for folder, fax in items.items() if f"/{folder}/" in path), alice.processing.id)


async def test_every_operation_is_described_with_its_scope(description: dict[str, Any]) -> None:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert (
                "scope" in operation.get("description", "")
                or "superuser" in operation.get("description", "")
                or (operation["security"] == [])
            )
            assert {"401", "503"} <= operation["responses"].keys()


async def test_operation_ids_are_unique(description: dict[str, Any]) -> None:
    ids = [operation["operationId"] for methods in description["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_the_page_names_every_operation_and_loads_nothing(
    client: httpx.AsyncClient, description: dict[str, Any]
) -> None:
    answer = await client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path in description["paths"]:
        assert path in answer.text
    for loading in ("<script", "<link", "src=", "@import", "url("):
        assert loading not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_description_is_not_sent_twice(client: httpx.AsyncClient) -> None:
    first = await client.get("/openapi.json")
    again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_stands_beside_data_is_described(description: dict[str, Any]) -> None:
    faxes = "/v2/accounts/{account_id}/faxes"
    for folder, action in (("outbox", "resubmit"), ("inbox", "forward")):
        taken = description["paths"][f"{faxes}/{folder}/{{fax_id}}"]["put"]["requestBody"]["content"]
        schema = taken["application/json"]["schema"]
        assert schema["properties"]["action"] == {"const": action}
        assert schema["required"] == ["action"]  # what is not changed stays as it was
        assert "data" in schema["properties"]


@pytest.mark.parametrize("alias", ["", "/outgoing"])
async def test_the_documents_that_may_come_along_are_described(description: dict[str, Any], alias: str) -> None:
    put = description["paths"][f"/v2/accounts/{{account_id}}/faxes{alias}"]["put"]
    taken = put["requestBody"]["content"]
    assert {"application/json", "multipart/form-data", "multipart/mixed", *DOCUMENT_TYPES} == taken.keys()
    assert "action" not in taken["application/json"]["schema"]["properties"]
    for kind in DOCUMENT_TYPES:
        assert taken[kind]["schema"] == {"type": "string", "format": "binary", "contentMediaType": kind}
    for kind in ("multipart/form-data", "multipart/mixed"):
        parts = taken[kind]["schema"]
        assert parts["required"] == ["data", "content"]
        assert parts["properties"]["content"]["items"] == {"type": "string", "format": "binary"}
        assert taken[kind]["encoding"]["data"] == {"contentType": "application/json"}
        assert "application/pdf" in taken[kind]["encoding"]["content"]["contentType"]
    # A document alone is described by the query.
    named = {one["name"]: one for one in put["parameters"] if one["in"] == "query"}
    assert {"to_number", "from_number", "retries", "name", "notifications.email.send_to"} <= named.keys()
    assert "document" not in named
    assert {"dry_run", "show_from", "show_pages"} <= named.keys()
    data = {
        status: answer["content"]["application/json"]["schema"]["properties"]["data"]["$ref"].rpartition("/")[2]
        for status, answer in put["responses"].items()
        if status in ("200", "202")
    }
    assert data == {"200": "FaxPreview", "202": "FaxDetail"}
    assert not any(one["required"] for one in named.values())


async def test_a_document_is_answered_as_bytes(description: dict[str, Any]) -> None:
    get = description["paths"]["/v2/accounts/{account_id}/faxes/inbox/{fax_id}/attachment"]["get"]
    assert get["responses"]["200"]["content"]["application/pdf"]["schema"]["format"] == "binary"
