"""Faxboxes over HTTP: all fields of Kazoo's, set, cleared, replaced, merged; the names by which mail reaches them."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.accounts import permitted_box
from gateway.ids import new_id
from gateway.routing import FaxTarget, Routing
from gateway.signing import key_of
from gateway.store import accounts, faxes, notices, tokens
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.api.house import AS_SUPERUSER, SUBMITTED, House, Tenant
from tests.conftest import MovedClock

FULL: dict[str, Any] = {
    "name": "Orders",
    "caller_id": "+15551230001",
    "caller_name": "Alice Ltd.",
    "fax_header": "Alice Ltd., orders",
    "fax_identity": "+1 555 123 0001",
    "fax_timezone": "America/New_York",
    "retries": 5,
    "smtp_permission_list": ["alice@example.com", "@example.org", r".*@(a|b)\.example"],
    "custom_smtp_email_address": "orders@box.alice.example",
    "notifications": {
        "inbound": {
            "email": {"send_to": ["in@example.com", "in2@example.com"]},
            "sms": {"send_to": ["+15557654321"]},
            "callback": {"url": "https://example.com/in", "method": "put", "type": "www-url-form-encoded"},
        },
        "outbound": {
            "email": {"send_to": ["out@example.com"]},
            "sms": {"send_to": ["+15557654322"]},
            "callback": {"url": "http://example.com:8080/out?x=1", "method": "post", "type": "json"},
        },
    },
    "media": {"fax_option": True},
    "body_as_page": True,
    "resume": True,
    "rendering": {"look": "text", "resolution": "standard", "drop_blank_end": True},
    "cover_page": {"when": "always", "confidentiality": "For the named person alone."},
    "mails": {"show": "nothing", "attach": "both"},
    "mail_options": ["cover", "at"],
    "blocked_callers": ["+12025550190", "anonymous"],
    "allowed_callers": ["+1*", "GB"],
}
CLEAR: dict[str, Any] = {
    "caller_id": "",
    "caller_name": "",
    "fax_header": "",
    "fax_identity": "",
    "fax_timezone": "",
    "retries": 3,
    "smtp_permission_list": [],
    "custom_smtp_email_address": "",
    "notifications": {},
    "media": {},
    "body_as_page": False,
    "resume": False,
    "rendering": {"look": "auto", "resolution": "fine", "drop_blank_end": False},
    "cover_page": {"when": "never", "confidentiality": ""},
    "mails": {"show": "picture", "attach": "pdf"},
    "mail_options": [],
    "trusted_networks": [],
    "scanners": [],
    "blocked_callers": [],
    "allowed_callers": [],
}


def path(tenant: Tenant, faxbox_id: str = "") -> str:
    return f"/v2/accounts/{tenant.account.id}/faxboxes" + (f"/{faxbox_id}" if faxbox_id else "")


def data_of(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def make(client: httpx.AsyncClient, tenant: Tenant, **fields: object) -> Any:
    return data_of(await client.put(path(tenant), json={"data": fields}, headers=tenant.headers), 201)


async def test_every_field_comes_back_as_it_was_set(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    assert {name: box[name] for name in FULL} == FULL
    assert box["numbers"] == []
    local, _, domain = box["smtp_email_address"].partition(".")
    assert (len(local), domain) == (10, "alice.example")
    assert data_of(await client.get(path(alice, box["id"]), headers=alice.headers)) == box
    # What a client has read it can post back as it is.
    again = data_of(await client.post(path(alice, box["id"]), json={"data": box}, headers=alice.headers))
    assert again == box
    listed = data_of(await client.get(path(alice), headers=alice.headers))
    assert [one["id"] for one in listed] == [box["id"], alice.faxbox.id]


async def test_a_name_is_enough(client: httpx.AsyncClient, house: House) -> None:
    box = await make(client, house.alice, name="Plain")
    assert {name: box[name] for name in CLEAR} == CLEAR


@pytest.mark.parametrize("field", [field for field in CLEAR if field in FULL])
@pytest.mark.parametrize("how", ["patch null", "patch empty", "post null", "post without"])
async def test_every_field_can_be_cleared(client: httpx.AsyncClient, house: House, field: str, how: str) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    if how.startswith("patch"):
        # RFC 7396: an empty object changes nothing, so an object is cleared by null.
        value = None if how == "patch null" or isinstance(FULL[field], dict) else CLEAR[field]
        answer = await client.patch(path(alice, box["id"]), json={"data": {field: value}}, headers=alice.headers)
    else:
        data = {**FULL, field: None}
        if how == "post without":
            del data[field]
        answer = await client.post(path(alice, box["id"]), json={"data": data}, headers=alice.headers)
    cleared = data_of(answer)
    assert cleared[field] == CLEAR[field]
    assert {name: cleared[name] for name in FULL if name != field} == {
        name: value for name, value in FULL.items() if name != field
    }


async def test_a_patch_reaches_into_objects(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    patch = {"notifications": {"inbound": {"sms": None, "email": {"send_to": "one@example.com"}}, "outbound": None}}
    patched = data_of(await client.patch(path(alice, box["id"]), json={"data": patch}, headers=alice.headers))
    assert patched["notifications"] == {
        "inbound": {
            "email": {"send_to": ["one@example.com"]},
            "callback": FULL["notifications"]["inbound"]["callback"],
        }
    }


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "name"),
    ({"name": " "}, "name"),
    ({"colour": "red"}, "colour"),
    ({"notifications": {"inbound": {"pigeon": {}}}}, "notifications.inbound.pigeon"),
    ({"caller_id": "alice"}, "caller_id"),
    ({"caller_name": "a\nb"}, "caller_name"),
    ({"fax_header": "x" * 129}, "fax_header"),
    ({"fax_identity": "Zürich"}, "fax_identity"),
    ({"fax_identity": "x" * 21}, "fax_identity"),
    ({"fax_timezone": "Nowhere"}, "fax_timezone"),
    ({"retries": -1}, "retries"),
    ({"retries": 1.5}, "retries"),
    ({"retries": True}, "retries"),
    ({"blocked_callers": ["+4420"]}, "blocked_callers"),
    ({"allowed_callers": ["*", "ghost"]}, "allowed_callers"),
    ({"allowed_callers": ["*"] * 1001}, "allowed_callers"),
    ({"smtp_permission_list": "alice@example.com"}, "smtp_permission_list"),
    ({"smtp_permission_list": ["("]}, "smtp_permission_list"),
    ({"smtp_permission_list": [".*\ud800"]}, "smtp_permission_list.0"),
    ({"smtp_permission_list": ["a\0@example.com"]}, "smtp_permission_list"),
    ({"smtp_permission_list": ["@x.example"] * 101}, "smtp_permission_list"),
    ({"custom_smtp_email_address": "not a domain"}, "custom_smtp_email_address"),
    ({"custom_smtp_email_address": "a@b@alice.example"}, "custom_smtp_email_address"),
    ({"notifications": {"inbound": {"email": {"send_to": "nobody"}}}}, "notifications.inbound.email.send_to"),
    ({"notifications": {"outbound": {"sms": {"send_to": ["x"]}}}}, "notifications.outbound.sms.send_to"),
    ({"notifications": {"inbound": {"callback": {"url": "ftp://x.example"}}}}, "notifications.inbound.callback.url"),
    ({"notifications": {"inbound": {"callback": {"url": "http://[::1"}}}}, "notifications.inbound.callback.url"),
    (
        {"notifications": {"inbound": {"callback": {"url": "http://x.example", "method": "get"}}}},
        "notifications.inbound.callback.method",
    ),
    ({"media": {"fax_option": "auto"}}, "media.fax_option"),
    ({"id": "0" * 32}, "id"),
    ({"smtp_email_address": "mine.example"}, "smtp_email_address"),
    ({"numbers": ["+15551239999"]}, "numbers"),
    ({"created": 1}, "created"),
]


async def test_what_cannot_be_used_is_named(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    for data, field in BAD:
        for method, address in (
            ("PUT", path(alice)),
            ("POST", path(alice, box["id"])),
            ("PATCH", path(alice, box["id"])),
        ):
            whole = data if method == "PATCH" else {"name": "x", **data}
            # As text of ASCII: JSON may hold halves of characters, UTF-8 cannot.
            content = json.dumps({"data": whole})
            answer = await client.request(method, address, content=content, headers=alice.headers)
            assert (answer.status_code, list(answer.json()["data"])) == (400, [field]), (method, data, answer.text)
    assert data_of(await client.get(path(alice, box["id"]), headers=alice.headers)) == box


async def test_mail_to_a_boxs_own_names_reaches_it_alone(
    client: httpx.AsyncClient, house: House, store: Store, wake: Wake, clock: MovedClock
) -> None:
    """The gateway's routing sees a change at once."""
    alice = house.alice
    routing = Routing(store, wake, clock)

    async def reached(domain: str) -> str | None:
        try:
            found = await routing.route("5551234567", domain)
        except Exception:
            return None
        assert isinstance(found, FaxTarget)
        return permitted_box(found.boxes, "x@example.com").id

    everybody = await make(client, alice, name="All", smtp_permission_list=["@example.com"])
    own = await make(
        client,
        alice,
        name="Own",
        smtp_permission_list=["@example.com"],
        custom_smtp_email_address="fax@own.alice.example",
    )
    assert await reached("alice.example") == everybody["id"]
    for name in ("own.alice.example", own["smtp_email_address"]):
        assert await reached(name) == own["id"]
    patch = {"data": {"custom_smtp_email_address": "other.alice.example"}}
    assert (await client.patch(path(alice, own["id"]), json=patch, headers=alice.headers)).status_code == 200
    assert await reached("own.alice.example") is None
    assert await reached("other.alice.example") == own["id"]
    assert await reached(own["smtp_email_address"]) == own["id"]
    assert (await client.delete(path(alice, own["id"]), headers=alice.headers)).status_code == 200
    for name in ("other.alice.example", own["smtp_email_address"]):
        assert await reached(name) is None


async def test_which_domain_a_faxbox_may_have(client: httpx.AsyncClient, house: House) -> None:
    alice, bob = house.alice, house.bob
    box = await make(client, bob, name="b", custom_smtp_email_address="taken.bob.example")
    table = [
        (alice.headers, "x.alice.example", 200),
        (alice.headers, "y@x.alice.example", 200),
        (alice.headers, "deep.x.alice.example", 200),
        (alice.headers, "alice.example", 403),
        (alice.headers, "bob.example", 403),
        (alice.headers, "x.bob.example", 403),
        (alice.headers, "free.example", 403),
        (alice.headers, "evilalice.example", 403),
        (AS_SUPERUSER, "alice.example", 409),
        (AS_SUPERUSER, "taken.bob.example", 409),
        (AS_SUPERUSER, box["smtp_email_address"], 409),
        (AS_SUPERUSER, "free.example", 200),
        # What the superuser gave it may keep.
        (alice.headers, "free.example", 200),
    ]
    for headers, name, status in table:
        answer = await client.patch(
            path(alice, alice.faxbox.id), json={"data": {"custom_smtp_email_address": name}}, headers=headers
        )
        assert answer.status_code == status, (name, answer.text)


async def test_a_caller_id_is_a_number_of_the_account(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    table = [
        (alice.headers, "+15551230001", 200),
        (alice.headers, "(555) 123-0001", 200),
        (alice.headers, "+15551230002", 403),
        (alice.headers, "+15559999999", 403),
        (AS_SUPERUSER, "+15559999999", 200),
        (alice.headers, "+15559999999", 200),
    ]
    for headers, number, status in table:
        patch = {"data": {"caller_id": number}}
        answer = await client.patch(path(alice, alice.faxbox.id), json=patch, headers=headers)
        assert answer.status_code == status, number


async def test_generated_names_follow_the_accounts_domains(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    box = await make(client, alice, name="x")
    item = f"/v2/accounts/{alice.account.id}"

    async def move(*domains: str) -> tuple[int, Any, str]:
        answer = await client.patch(item, json={"data": {"domains": domains}}, headers=AS_SUPERUSER)
        seen = await client.get(path(alice, box["id"]), headers=alice.headers)
        return answer.status_code, seen.json()["data"]["smtp_email_address"], seen.json()["revision"]

    assert await move("alice.example", "b.example") == (200, box["smtp_email_address"], "1")
    status, moved, revision = await move("b.example")
    assert (status, moved.partition(".")[2], revision) == (200, "b.example", "2")
    assert (await move())[1] == ""
    patch = {"data": {"custom_smtp_email_address": "own.c.example"}}
    assert (await move("c.example"))[0] == 200
    assert (await client.patch(path(alice, box["id"]), json=patch, headers=alice.headers)).status_code == 200
    status, kept, _ = await move("b.example")
    assert (status, kept.partition(".")[2]) == (409, "c.example")


async def test_of_two_changes_from_one_revision_one_wins(client: httpx.AsyncClient, house: House) -> None:
    alice = house.alice
    address = path(alice, alice.faxbox.id)
    for _ in range(5):
        etag = (await client.get(address, headers=alice.headers)).headers["etag"]
        headers = {**alice.headers, "If-Match": etag}
        answers = await asyncio.gather(
            *(client.post(address, json={"data": {"name": f"number {one}"}}, headers=headers) for one in range(2))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert answers[0].headers.get("etag") != etag
    seen = {**alice.headers, "If-None-Match": (await client.get(address, headers=alice.headers)).headers["etag"]}
    assert (await client.get(address, headers=seen)).status_code == 304


async def test_a_box_goes_when_nothing_of_it_is_in_progress(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    alice = house.alice
    assert (await client.delete(path(alice, alice.faxbox.id), headers=alice.headers)).status_code == 409
    box = await make(client, alice, name="Short")
    fax = replace(alice.received, id=new_id(), faxbox_id=box["id"])
    notice = notices.new(notices.INBOUND_FAX, "a@b.example", SUBMITTED, account_id=alice.account.id, fax_id=fax.id)
    async with store.begin() as connection:
        await connection.run_sync(faxes.add, [fax])
        await connection.run_sync(notices.add, [notice])
    # The fax has been received, but not yet delivered.
    assert (await client.delete(path(alice, box["id"]), headers=alice.headers)).status_code == 409
    async with store.begin() as connection:
        claimed = await notices.claim(connection, SUBMITTED, SUBMITTED)
        assert claimed is not None
        await notices.finish(connection, claimed, notices.SENT, "250 OK", SUBMITTED)
    stale = {**alice.headers, "If-Match": '"99"'}
    assert (await client.delete(path(alice, box["id"]), headers=stale)).status_code == 412
    assert data_of(await client.delete(path(alice, box["id"]), headers=alice.headers)) == box
    assert (await client.get(path(alice, box["id"]), headers=alice.headers)).status_code == 404
    answer = await client.get(f"{alice.faxes}/inbox/{fax.id}", headers=alice.headers)
    assert data_of(answer)["faxbox_id"] == box["id"]


async def test_changing_needs_admin(client: httpx.AsyncClient, house: House, store: Store) -> None:
    alice = house.alice
    async with store.begin() as connection:
        await tokens.add(connection, "reads", alice.account.id, ["read", "send"], SUBMITTED)
    headers = {"X-Auth-Token": "reads"}
    item = path(alice, alice.faxbox.id)
    assert (await client.get(item, headers=headers)).status_code == 200
    for method, address in (("PUT", path(alice)), ("POST", item), ("PATCH", item), ("DELETE", item)):
        answer = await client.request(method, address, json={"data": {"name": "x"}}, headers=headers)
        assert answer.status_code == 403, method


async def test_the_secret_of_its_callbacks_is_for_administrators(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    assert len(key_of(box["callback_secret"])) == 32
    changed = await client.patch(path(alice, box["id"]), json={"data": {"name": "Other"}}, headers=alice.headers)
    assert data_of(changed)["callback_secret"] == box["callback_secret"]
    async with store.begin() as connection:
        await tokens.add(connection, "reader", alice.account.id, ["read"], SUBMITTED)
    reader = {"X-Auth-Token": "reader"}
    refused = await client.post(f"{path(alice, box['id'])}/callback_secret", headers=reader)
    assert refused.status_code == 403
    seen = data_of(await client.get(path(alice, box["id"]), headers=reader))
    listed = data_of(await client.get(path(alice), headers=reader))
    assert all("callback_secret" not in one for one in (seen, *listed))


async def test_a_secret_is_replaced_and_the_former_one_signs_for_a_day(
    client: httpx.AsyncClient, house: House, store: Store
) -> None:
    alice = house.alice
    box = await make(client, alice, **FULL)
    item = f"{path(alice, box['id'])}/callback_secret"
    outdated = await client.post(item, headers={**alice.headers, "If-Match": '"99"'})
    assert outdated.status_code == 412
    replaced = data_of(await client.post(item, headers=alice.headers))
    assert len(key_of(replaced["callback_secret"])) == 32
    assert replaced["callback_secret"] != box["callback_secret"]
    assert not [name for name in replaced if name.startswith("former")]
    async with store.read() as connection:
        stored = await accounts.faxbox(connection, box["id"])
    both = (replaced["callback_secret"], box["callback_secret"])
    assert stored.former_secret_until is not None
    assert stored.secrets(stored.former_secret_until - timedelta(seconds=1)) == both
    assert stored.secrets(stored.former_secret_until) == both[:1]
    assert timedelta(hours=23) < stored.former_secret_until - SUBMITTED
