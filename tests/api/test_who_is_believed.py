"""Who is believed without proof: the superuser says it, and no tenant by any way there is."""

from typing import Any

import httpx
import pytest

from tests.api.house import AS_SUPERUSER, House

ACCOUNTS = "/v2/accounts"
SCANNER = {"network": "192.0.2.7/32", "sender": "scan@example.com"}
OF_ACCOUNTS: dict[str, Any] = {"sender_policy": "trust_envelope", "trusted_networks": ["192.0.2.0/24"]}
OF_BOXES: dict[str, Any] = {"trusted_networks": ["192.0.2.0/24"], "scanners": [SCANNER]}


async def ask(client: httpx.AsyncClient, method: str, path: str, fields: dict[str, Any], as_: dict[str, str]) -> int:
    answer = await client.request(method, path, json={"data": fields}, headers=as_)
    return answer.status_code


@pytest.mark.parametrize("field", OF_ACCOUNTS)
async def test_an_account_does_not_say_it_of_itself(client: httpx.AsyncClient, house: House, field: str) -> None:
    own, change = f"{ACCOUNTS}/{house.alice.account.id}", {field: OF_ACCOUNTS[field]}
    before = (await client.get(own, headers=house.alice.headers)).json()["data"]
    assert await ask(client, "PATCH", own, change, house.alice.headers) == 403
    assert await ask(client, "POST", own, {"name": "Alice", **change}, house.alice.headers) == 403
    assert await ask(client, "PUT", own, {"name": "Branch", **change}, house.alice.headers) == 403  # a child
    assert await ask(client, "PUT", ACCOUNTS, {"name": "Branch", **change}, house.alice.headers) == 403
    assert (await client.get(own, headers=house.alice.headers)).json()["data"] == before

    assert await ask(client, "PATCH", own, change, AS_SUPERUSER) == 200
    # Who replaces the rest keeps it.
    assert await ask(client, "POST", own, {"name": "Alice"}, house.alice.headers) == 200
    after = (await client.get(own, headers=house.alice.headers)).json()["data"]
    assert after[field] == OF_ACCOUNTS[field]


@pytest.mark.parametrize("field", OF_BOXES)
async def test_nor_of_its_faxboxes(client: httpx.AsyncClient, house: House, field: str) -> None:
    boxes = f"{ACCOUNTS}/{house.alice.account.id}/faxboxes"
    made = await client.put(boxes, json={"data": {"name": "Front"}}, headers=house.alice.headers)
    own, change = f"{boxes}/{made.json()['data']['id']}", {field: OF_BOXES[field]}
    assert await ask(client, "PUT", boxes, {"name": "Back", **change}, house.alice.headers) == 403
    assert await ask(client, "PATCH", own, change, house.alice.headers) == 403
    assert await ask(client, "POST", own, {"name": "Front", **change}, house.alice.headers) == 403

    assert await ask(client, "PATCH", own, change, AS_SUPERUSER) == 200
    assert await ask(client, "PATCH", own, {"name": "Hall"}, house.alice.headers) == 200
    after = (await client.get(own, headers=house.alice.headers)).json()["data"]
    assert after["name"] == "Hall"
    assert len(after[field]) == 1


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("clinic.onmicrosoft.com", 200),
        ("clinic-example.20230601.gappssmtp.com", 200),
        ("clinic.example", 200),
        *((shared, 400) for shared in ("onmicrosoft.com", "mail.onmicrosoft.com", "gmail.com", "co.uk", "com")),
        *((shared, 400) for shared in ("20230601.gappssmtp.com", "gappssmtp.com", "sendgrid.net", "github.io")),
        *((wrong, 400) for wrong in ("", "@clinic.example", "*.clinic.example", "clinic example")),
    ],
)
async def test_an_account_registers_domains_that_are_its_own(
    client: httpx.AsyncClient, house: House, domain: str, status: int
) -> None:
    own = f"{ACCOUNTS}/{house.alice.account.id}"
    assert await ask(client, "PATCH", own, {"signing_domains": [domain]}, house.alice.headers) == status


async def test_an_account_says_what_signatures_prove_to_it(client: httpx.AsyncClient, house: House) -> None:
    own, field = f"{ACCOUNTS}/{house.alice.account.id}", "signature_policy"
    now = (await client.get(own, headers=house.alice.headers)).json()["data"]
    assert now[field] == "any_recipient"
    for policy, status in (
        ("named_recipients", 200),
        ("nobody", 400),
        ("any_recipient", 200),
        ("named_recipients", 200),
    ):
        assert await ask(client, "PATCH", own, {field: policy}, house.alice.headers) == status
    assert (await client.get(own, headers=house.alice.headers)).json()["data"][field] == "named_recipients"
    assert await ask(client, "PATCH", own, {field: "any_recipient"}, house.bob.headers) == 403
    below = await client.put(
        own, json={"data": {"name": "Branch", field: "named_recipients"}}, headers=house.alice.headers
    )
    assert (below.status_code, below.json()["data"][field]) == (201, "named_recipients")
