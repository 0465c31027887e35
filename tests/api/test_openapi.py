"""The description of the API is true: a fuzzer that believes it finds a server that does as it says."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, CheckFunction, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from admin_api.server import Server
from tests.api.house import AS_SUPERUSER, House

EXAMPLES = 8
"""Requests of each operation and kind; enough that each parameter is tried."""


@pytest.fixture
async def description(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


async def test_the_server_does_as_it_says(server: Server, house: House, description: dict[str, Any]) -> None:
    """Requests that the description allows are answered as described; others are refused, and never with 500."""
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
    known = {"account_id": alice.account.id, "fax_id": item_of(operation.path, house), "entry_id": alice.entry.id}
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
        case.call_and_validate(base_url=address, headers=AS_SUPERUSER, excluded_checks=untold)

    one()


def item_of(path: str, house: House) -> str:
    """A fax that is in the folder of this path."""
    alice = house.alice
    items = {"outbox": alice.completed, "inbox": alice.received, "incoming": alice.receiving}
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
