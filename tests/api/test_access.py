"""Who may do what: every address is tried, with every method that it has, with the wrong token; and tells nothing, and
changes nothing."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from admin_api.app import api
from admin_api.server import Server
from gateway.alerts import NOBODY
from gateway.clock import Clock
from gateway.ids import new_id
from gateway.outbound.order import Orders
from gateway.outbound.submit import Submissions
from gateway.ports import Documents
from gateway.sandbox import Sandbox
from gateway.store import tables, tokens
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.api.house import AS_SUPERUSER, SUBMITTED, SUPERUSER, House, Tenant, previews_of, tenant

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

PUBLIC = {"/healthz", "/openapi.json", "/docs", "/v2/api_auth"}


def body(path: str) -> dict[str, object]:
    """What would be taken at this address, so that nothing but the token is wrong."""
    if "/junk" in path:
        return {"action": "not_junk"}
    if "/inbox" in path:
        return {"action": "forward", "data": {"to_number": "+12025550190"}}
    if "/outbox" in path:
        return {"action": "resubmit", "data": {}}
    if "/numbers" in path:
        return {"data": {"faxbox_id": None}}
    return {"data": {} if "/tokens" in path or "/credentials/" in path else {"name": "changed"}}


@pytest.fixture
def application(store: Store, documents: Documents, wake: Wake, tmp_path: Path) -> Starlette:
    """With everything that it can offer; no request here gets as far as the parts that have not been started."""
    orders = Orders(
        store=store,
        documents=documents,
        submissions=Submissions(store, documents, wake, Clock(), operator=NOBODY),
        sandbox=Sandbox(),
        clock=Clock(),
        spool=tmp_path,
        max_pages=5,
    )
    return api(store, documents, Clock(), wake=wake, orders=orders, previews=previews_of(orders, wake))


@pytest.fixture
async def server(application: Starlette) -> AsyncIterator[Server]:
    running = Server(application)
    await running.start("127.0.0.1", 0)
    yield running
    await running.stop()


def addresses(routes: Sequence[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of everything that the application offers."""
    for route in routes:
        if isinstance(route, Mount):
            yield from addresses(route.routes, before + route.path)
        elif isinstance(route, Route):
            for method in sorted(route.methods or ()):
                yield method, before + route.path


@pytest.fixture
def protected(application: Starlette) -> list[tuple[str, str]]:
    """Every method and address that needs a token, as the application itself knows them."""
    found = list(addresses(application.routes))
    assert {path for _, path in found} > PUBLIC
    for known in (
        ("GET", "/v2/accounts/{account_id}/faxes/outbox/{fax_id}/attachment"),
        ("PUT", "/v2/accounts/{account_id}/faxes"),
        ("PUT", "/v2/accounts/{account_id}/faxes/junk/{fax_id}"),
        ("DELETE", "/v2/accounts/{account_id}"),
        ("PATCH", "/v2/accounts/{account_id}/faxboxes/{faxbox_id}"),
        ("PUT", "/v2/accounts/{account_id}/numbers/{number}"),
        ("DELETE", "/v2/accounts/{account_id}/tokens/{token_id}"),
        ("POST", "/v2/accounts/{account_id}/credentials/{credential_id}"),
    ):
        assert known in found
    return [(method, path) for method, path in found if path not in PUBLIC]


async def filled(path: str, tenant: Tenant, store: Store) -> list[str]:
    """The address for each thing of the tenant that its placeholders could stand for."""
    faxes = (
        tenant.pending,
        tenant.processing,
        tenant.completed,
        tenant.failed,
        tenant.receiving,
        tenant.received,
        tenant.junk,
    )
    async with store.read() as connection:
        query = select(tables.token.c.id).where(tables.token.c.account_id == tenant.account.id)
        token_id = (await connection.execute(query)).scalar_one()
    return [
        path.format(
            account_id=tenant.account.id,
            fax_id=fax.id,
            entry_id=tenant.entry.id,
            faxbox_id=tenant.faxbox.id,
            number=tenant.faxbox.numbers[0],
            token_id=token_id,
            credential_id=tenant.credential.id,
            notification_id=tenant.notice.id,
        )
        for fax in (faxes if "{fax_id}" in path else faxes[:1])
    ]


async def rows(store: Store, tenant: Tenant) -> dict[str, object]:
    """All that the database has of the tenant."""
    async with store.read() as connection:
        return {
            name: sorted(
                (await connection.execute(select(table).where(table.c.account_id == tenant.account.id))).all(), key=repr
            )
            for name, table in tables.metadata.tables.items()
            if "account_id" in table.c
        }


async def test_no_address_answers_another_accounts_token(
    client: httpx.AsyncClient, house: House, store: Store, protected: list[tuple[str, str]]
) -> None:
    before = await rows(store, house.alice)
    for method, path in protected:
        for address in await filled(path, house.alice, store):
            answer = await client.request(method, address, headers=house.bob.headers, json=body(path))
            if house.alice.account.id in address or path.startswith("/v2/smtplog"):
                assert answer.status_code in {403, 404}, (method, address)
            assert method == "HEAD" or "data" in answer.json()
            assert house.alice.token not in answer.text
            assert house.alice.account.id not in answer.text
    assert await rows(store, house.alice) == before


async def test_nothing_of_another_account_is_found_below_ones_own(
    client: httpx.AsyncClient, house: House, store: Store, protected: list[tuple[str, str]]
) -> None:
    """Alice's ids in Bob's addresses."""
    before = await rows(store, house.alice)
    for method, path in protected:
        if "{account_id}/" not in path or "{" not in path.replace("{account_id}", ""):
            continue
        for address in await filled(path, house.alice, store):
            own = address.replace(house.alice.account.id, house.bob.account.id)
            answer = await client.request(method, own, headers=house.bob.headers, json=body(path))
            assert answer.status_code in {403, 404}, (method, own, answer.text)
    assert await rows(store, house.alice) == before


async def test_lists_hold_nothing_of_another_account(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    hers = (
        alice.pending,
        alice.processing,
        alice.completed,
        alice.failed,
        alice.receiving,
        alice.received,
        alice.junk,
    )
    ids: set[str] = set()
    for folder in ("outgoing", "outbox", "incoming", "inbox", "junk"):
        body = (await client.get(f"{alice.faxes}/{folder}", headers=alice.headers)).json()
        ids |= {fax["id"] for fax in body["data"]}
    assert ids == {fax.id for fax in hers}
    body = (await client.get(f"{alice.faxes}/smtplog", headers=alice.headers)).json()
    assert [entry["id"] for entry in body["data"]] == [alice.entry.id]


async def test_no_address_answers_without_a_valid_token(
    client: httpx.AsyncClient, house: House, store: Store, protected: list[tuple[str, str]]
) -> None:
    before = await rows(store, house.alice)
    wrong: list[dict[str, str]] = [
        {},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": "guessed"},
        {"X-Auth-Token": tokens.hashed(house.alice.token)},
        {"Authorization": f"Basic {house.alice.token}"},
        {"Authorization": house.alice.token},
        {"Cookie": f"auth_token={house.alice.token}"},
    ]
    for method, path in [*protected, ("GET", "/v2/nothing"), ("GET", "/v2/api_auth")]:
        [address, *_] = await filled(path, house.alice, store)
        for headers in wrong:
            answer = await client.request(method, address, headers=headers, json=body(path))
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                assert answer.json()["message"] == "invalid_credentials"
                assert "auth_token" not in answer.json()
        # A good token, so that nobody is slowed down for having tried so many.
        assert (await client.get("/v2/accounts", headers=house.alice.headers)).status_code == 200
    assert await rows(store, house.alice) == before


async def test_another_account_looks_like_one_that_does_not_exist(client: httpx.AsyncClient, house: House) -> None:
    answers = [
        (await client.get(f"/v2/accounts/{account_id}/faxes/outbox", headers=house.bob.headers))
        for account_id in (house.alice.account.id, new_id(), "nonsense", "%00", house.bob.account.id.upper())
    ]
    assert {answer.status_code for answer in answers} == {403}
    told = [{key: value for key, value in answer.json().items() if key != "request_id"} for answer in answers]
    assert all(one == told[0] for one in told)


async def test_a_token_is_also_taken_as_bearer(client: httpx.AsyncClient, house: House) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {house.alice.token}"}
        assert (await client.get(f"{house.alice.faxes}/outbox", headers=headers)).status_code == 200


async def test_the_superuser_acts_for_every_account(client: httpx.AsyncClient, house: House) -> None:
    for tenant_ in (house.alice, house.bob):
        body = (await client.get(f"{tenant_.faxes}/inbox", headers=AS_SUPERUSER)).json()
        assert [fax["id"] for fax in body["data"]] == [tenant_.received.id]
        assert body["auth_token"] == SUPERUSER
    for account_id in (new_id(), "nonsense"):
        answer = await client.get(f"/v2/accounts/{account_id}/faxes/inbox", headers=AS_SUPERUSER)
        assert (answer.status_code, answer.json()["message"]) == (404, "not_found")


async def test_a_parents_admin_acts_for_the_accounts_below(
    client: httpx.AsyncClient, house: House, store: Store, documents: Documents
) -> None:
    child = await tenant(store, documents, "child", "+15551230003", parent=house.alice.account.id)
    grandchild = await tenant(store, documents, "grandchild", "+15551230004", parent=child.account.id)
    for below in (child, grandchild):
        assert (await client.get(f"{below.faxes}/inbox", headers=house.alice.headers)).status_code == 200
        assert (await client.get(f"{below.faxes}/inbox", headers=house.bob.headers)).status_code == 403
        # Nobody acts upwards.
        assert (await client.get(f"{house.alice.faxes}/inbox", headers=below.headers)).status_code == 403
    async with store.begin() as connection:
        await tokens.add(connection, "reads-only", house.alice.account.id, ["read"], SUBMITTED)
    reader = {"X-Auth-Token": "reads-only"}
    assert (await client.get(f"{house.alice.faxes}/inbox", headers=reader)).status_code == 200
    assert (await client.get(f"{child.faxes}/inbox", headers=reader)).status_code == 403


async def test_mails_of_no_account_are_the_superusers(client: httpx.AsyncClient, house: House) -> None:
    body = (await client.get("/v2/smtplog", headers=AS_SUPERUSER)).json()
    assert [entry["id"] for entry in body["data"]] == [house.unowned.id]
    answer = await client.get(f"/v2/smtplog/{house.unowned.id}", headers=AS_SUPERUSER)
    assert answer.json()["data"]["reply"] == "550 5.1.2 not served"
    for path in ("/v2/smtplog", f"/v2/smtplog/{house.unowned.id}"):
        assert (await client.get(path, headers=house.alice.headers)).status_code == 403
    answer = await client.get(f"{house.alice.faxes}/smtplog/{house.unowned.id}", headers=house.alice.headers)
    assert answer.status_code == 404
