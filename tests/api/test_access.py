"""Who may read what: every address is tried with the wrong token, and tells nothing."""

from collections.abc import Iterator, Sequence

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from admin_api.app import api
from gateway.clock import Clock
from gateway.ids import new_id
from gateway.ports import Documents
from gateway.store import accounts
from gateway.store.engine import Store
from tests.api.house import AS_SUPERUSER, SUBMITTED, SUPERUSER, House, Tenant, tenant


def addresses(routes: Sequence[BaseRoute], before: str = "") -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Mount):
            yield from addresses(route.routes, before + route.path)
        elif isinstance(route, Route):
            yield Route(before + route.path, route.endpoint)


@pytest.fixture
def protected(store: Store, documents: Documents) -> list[str]:
    """Every address but the one that needs no token, as the application itself knows them."""
    paths = [route.path for route in addresses(api(store, documents, Clock()).routes)]
    assert "/healthz" in paths
    assert "/v2/accounts/{account_id}/faxes/outbox/{fax_id}/attachment" in paths
    return [path for path in paths if path != "/healthz"]


def filled(path: str, tenant: Tenant) -> Iterator[str]:
    """The address for each thing of the tenant that its placeholders could stand for."""
    items = (tenant.pending, tenant.processing, tenant.completed, tenant.failed, tenant.receiving, tenant.received)
    for item in (*items, tenant.entry):
        yield path.format(account_id=tenant.account.id, fax_id=item.id, entry_id=item.id)


async def test_no_address_answers_another_accounts_token(
    client: httpx.AsyncClient, house: House, protected: list[str]
) -> None:
    for path in protected:
        for address in filled(path, house.alice):
            answer = await client.get(address, headers=house.bob.headers)
            assert answer.status_code in {403, 404}, address
            assert "data" in answer.json()
            assert house.alice.token not in answer.text


async def test_nothing_of_another_account_is_found_below_ones_own(
    client: httpx.AsyncClient, house: House, protected: list[str]
) -> None:
    """Alice's ids in Bob's addresses."""
    for path in protected:
        if "_id}" not in path.replace("{account_id}", ""):
            continue
        for address in filled(path, house.alice):
            own = address.replace(house.alice.account.id, house.bob.account.id)
            answer = await client.get(own, headers=house.bob.headers)
            assert answer.status_code in {403, 404}, own


async def test_lists_hold_nothing_of_another_account(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    hers = (alice.pending, alice.processing, alice.completed, alice.failed, alice.receiving, alice.received)
    ids: set[str] = set()
    for folder in ("outgoing", "outbox", "incoming", "inbox"):
        body = (await client.get(f"{alice.faxes}/{folder}", headers=alice.headers)).json()
        ids |= {fax["id"] for fax in body["data"]}
    assert ids == {fax.id for fax in hers}
    body = (await client.get(f"{alice.faxes}/smtplog", headers=alice.headers)).json()
    assert [entry["id"] for entry in body["data"]] == [alice.entry.id]


async def test_no_address_answers_without_a_valid_token(
    client: httpx.AsyncClient, house: House, protected: list[str]
) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": "guessed"},
        {"X-Auth-Token": accounts.hashed(house.alice.token)},
        {"Authorization": f"Basic {house.alice.token}"},
        {"Authorization": house.alice.token},
        {"Cookie": f"auth_token={house.alice.token}"},
    ]
    for path in [*protected, "/v2/nothing", "/v2/accounts"]:
        for headers in wrong:
            answer = await client.get(next(filled(path, house.alice)), headers=headers)
            assert (answer.status_code, answer.json()["message"]) == (401, "invalid_credentials"), (path, headers)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "auth_token" not in answer.json()


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
        await accounts.add_token(connection, "reads-only", house.alice.account.id, ["read"], SUBMITTED)
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
