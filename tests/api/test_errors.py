"""Whatever is wrong, the answer is an envelope that says so, and never a 500 for what the client did."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from admin_api.app import api
from admin_api.envelope import Envelope, on_faxgate_error
from admin_api.tracing import Tracing
from gateway import errors
from gateway.clock import Clock
from gateway.ids import new_id
from gateway.lines.loopback import LoopbackLine
from gateway.ports import Documents, Line
from gateway.store import lines
from gateway.store.engine import Store
from tests.api.house import House


def in_process(application: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://gateway")


async def test_an_error_has_the_envelope_too(client: httpx.AsyncClient, house: House) -> None:
    answer = await client.get(f"{house.alice.faxes}/outbox/{new_id()}", headers=house.alice.headers)
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert body.pop("data").keys() == {"message"}
    assert body == {
        "status": "error",
        "error": "404",
        "message": "not_found",
        "request_id": answer.headers["x-request-id"],
        "auth_token": house.alice.token,
    }


async def test_no_address_and_no_id_breaks_it(client: httpx.AsyncClient, house: House) -> None:
    odd = (
        "x",
        "%00",
        "%ff",
        "%F0%9F%93%A0",
        "a" * 5000,
        "%2e%2e",
        "'",
        "%0d%0aX-Injected:%201",
        house.bob.account.id,
    )
    for text_ in odd:
        for path in (f"/{text_}", f"/v2/{text_}", f"{house.alice.faxes}/{text_}"):
            answer = await client.get(path, headers=house.alice.headers)
            assert answer.status_code == 404, path
            assert answer.json()["status"] == "error"
        for folder in ("outgoing", "outbox", "incoming", "inbox", "smtplog"):
            answer = await client.get(f"{house.alice.faxes}/{folder}/{text_}", headers=house.alice.headers)
            assert answer.status_code == 404, (folder, text_)
            assert answer.json()["message"] == "not_found"


async def test_a_trailing_slash_is_another_address(client: httpx.AsyncClient, house: House) -> None:
    for address in (f"{house.alice.faxes}/outbox/", "/v2/smtplog/", "/healthz/"):
        answer = await client.get(address, headers=house.alice.headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "not_found"), address


async def test_a_method_that_is_not_offered(client: httpx.AsyncClient, house: House) -> None:
    for method in ("PUT", "POST", "PATCH", "OPTIONS", "TRACE", "BREW"):
        answer = await client.request(method, f"{house.alice.faxes}/outbox", headers=house.alice.headers)
        assert (answer.status_code, answer.json()["message"]) == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == "GET, HEAD"


async def test_head_is_get_without_the_body(client: httpx.AsyncClient, house: House) -> None:
    whole = await client.get(f"{house.alice.faxes}/outbox", headers=house.alice.headers)
    head = await client.head(f"{house.alice.faxes}/outbox", headers=house.alice.headers)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_every_request_has_an_id_in_the_answer_and_in_the_log(
    client: httpx.AsyncClient, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="admin_api")
    alice = house.alice
    ids = set()
    for path in (f"{alice.faxes}/outbox", f"{alice.faxes}/nothing", "/healthz"):
        answer = await client.get(path, headers=alice.headers, params={"auth_token": "in-the-query"})
        request_id = answer.headers["x-request-id"]
        assert answer.json().get("request_id", request_id) == request_id
        assert f"request {request_id}: GET '{path}' {answer.status_code}" in caplog.text
        ids.add(request_id)
    assert len(ids) == 3
    assert alice.token not in caplog.text
    assert "in-the-query" not in caplog.text


async def test_a_client_may_name_its_request(client: httpx.AsyncClient, house: House) -> None:
    for given, taken in (("order-4711", True), ("a b", False), ("x" * 65, False), ("tab\there", False)):
        answer = await client.get("/healthz", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is taken


async def test_a_path_cannot_write_into_the_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="admin_api")
    await client.get("/%0Arequest forged")
    assert all("\n" not in record.getMessage() for record in caplog.records)


async def test_a_database_that_fails_is_our_trouble_and_not_told_in_detail(
    store: Store, documents: Documents, house: House
) -> None:
    async with store.begin() as connection:
        await connection.execute(text("DROP TABLE smtplog"))
    async with in_process(api(store, documents, Clock())) as client:
        answer = await client.get(f"{house.alice.faxes}/smtplog", headers=house.alice.headers)
    assert (answer.status_code, answer.json()["message"]) == (503, "our_trouble")
    assert "smtplog" not in answer.text.lower()


async def test_what_nobody_expected_is_logged_and_told_by_its_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("the inner secret")

    application = Starlette(routes=[Route("/", broken)], middleware=[Middleware(Tracing)])
    async with in_process(application) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["error"], answer.json()["status"]) == (500, "500", "error")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    unexpected = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert answer.headers["x-request-id"] in unexpected.getMessage()
    assert unexpected.exc_info is not None


async def test_every_error_of_ours_keeps_its_http_status() -> None:
    """The tree's own table, as it leaves the door."""

    def tree(cls: type[errors.FaxgateError]) -> list[type[errors.FaxgateError]]:
        return [cls, *(below for sub in cls.__subclasses__() for below in tree(sub))]

    for cls in tree(errors.Refused) + tree(errors.Unavailable):
        if cls.__module__ != errors.__name__:
            continue
        error = cls("some.field", "Plain words.") if cls is errors.BadField else cls("Plain words.", detail="internals")

        async def failing(request: Request, error: errors.FaxgateError = error) -> Response:
            raise error

        application = Starlette(
            routes=[Route("/", failing)],
            middleware=[Middleware(Tracing)],
            exception_handlers={errors.FaxgateError: on_faxgate_error},
        )
        async with in_process(application) as client:
            answer = await client.get("/")
        body = answer.json()
        assert (answer.status_code, body["error"], body["message"]) == (cls.http, str(cls.http), cls.code)
        assert "Plain words." in answer.text
        assert "internals" not in answer.text


def test_text_that_was_never_text_does_not_break_an_answer() -> None:
    assert Envelope({"data": "off\udce9r"}).body == b'{"data":"off?r"}'


async def test_health_checks_do_not_fill_the_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "admin_api")
    assert (await client.get("/healthz")).status_code == 200
    assert not caplog.records
    assert (await client.post("/healthz")).status_code == 405
    assert "'/healthz' 405" in caplog.text


async def test_healthz_says_that_all_is_well(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "database": "ok", "lines": [], "problems": []},
    )


async def test_healthz_names_what_is_wrong_with_the_database(store: Store, documents: Documents) -> None:
    async with store.begin() as connection:
        await connection.execute(text("DROP TABLE token"))
        await connection.execute(text("ALTER TABLE account RENAME TO lost"))
    async with in_process(api(store, documents, Clock())) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unavailable"
    assert answer.json()["problems"] == ["The database cannot be used right now; try again later."]
    assert "lost" not in answer.text


async def test_healthz_names_a_line_that_does_not_work(store: Store, documents: Documents, tmp_path: Path) -> None:
    working, broken = LoopbackLine(tmp_path), LoopbackLine(tmp_path, library="libnowhere.so.9")
    tried: list[tuple[tuple[Line, ...], int]] = [((working,), 200), ((working, broken), 200), ((broken,), 503)]
    for given, status in tried:
        async with in_process(api(store, documents, Clock(), lines=given)) as client:
            answer = await client.get("/healthz")
        assert answer.status_code == status
        told = answer.json()["lines"]
        assert [line["available"] for line in told] == [line is working for line in given]
        assert [line["draining"] for line in told] == [False for line in given]
        assert ("The line loopback is unavailable." in answer.json()["problems"]) is (broken in given)
        assert "libnowhere" not in answer.text


async def test_healthz_names_a_line_that_is_drained(store: Store, documents: Documents, tmp_path: Path) -> None:
    async with store.begin() as connection:
        await lines.drain(connection, "loopback", datetime.now(UTC))
    async with in_process(api(store, documents, Clock(), lines=[LoopbackLine(tmp_path)])) as client:
        answer = await client.get("/healthz")
    # The operator wants it so.
    assert (answer.status_code, answer.json()["problems"]) == (200, [])
    [line] = answer.json()["lines"]
    assert (line["name"], line["available"], line["draining"]) == ("loopback", True, True)


async def test_json_that_is_too_deep_or_too_large_is_refused_at_once(client: httpx.AsyncClient, house: House) -> None:
    deep = '{"data":' + '{"a":' * 500 + "1" + "}" * 501
    wide = '{"data":{' + ",".join(f'"k{number}":1' for number in range(100_000)) + "}}"
    many = '{"data":{' + ",".join(f'"k{number}":1' for number in range(300)) + "}}"
    for body, status in ((deep, 400), (wide, 413), (many, 400)):
        for method, path in (("PATCH", f"/v2/accounts/{house.alice.account.id}"), ("PUT", "/v2/api_auth")):
            answer = await client.request(
                method, path, content=body.encode(), headers={"X-Auth-Token": house.alice.token}
            )
            assert answer.status_code == status, (method, body[:20])
            assert len(answer.content) < 5000
