"""Programs are told over HTTP: signed as the public library of Standard Webhooks verifies it, and nothing internal."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.callbacks import HttpCallbacks
from gateway.ports import CallbackOrder, DelayedDeliveryError, RefusedDeliveryError
from gateway.signing import key_of, new_secret
from tests.notices.receiver import Receiver, receiving

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
SECRET = new_secret()
ORDER = CallbackOrder(
    url="",
    secrets=(SECRET,),
    kind="fax.completed",
    data={"id": "f1", "pages": 2, "error_message": "", "result_code": None},
    at=datetime(2026, 11, 28, 12, tzinfo=UTC),
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def send(receiver: Receiver, **changes: object) -> str:
    order = replace(ORDER, url=receiver.url, **changes)  # type: ignore[arg-type]
    return await HttpCallbacks(LOOPBACK).send(order, key="n1")


async def test_what_is_sent_is_signed(receiver: Receiver) -> None:
    assert await send(receiver) == "HTTP 200"
    [(method, headers, body)] = receiver.got
    told = Webhook(SECRET).verify(body, headers)
    assert method == "POST"
    assert headers["webhook-id"] == "n1"
    assert headers["content-type"] == "application/json"
    assert told == {"type": "fax.completed", "timestamp": "2026-11-28T12:00:00Z", "data": dict(ORDER.data)}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"2", b"3"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


async def test_while_a_secret_is_replaced_either_verifies(receiver: Receiver) -> None:
    former = new_secret()
    await send(receiver, secrets=(SECRET, former))
    [(_, headers, body)] = receiver.got
    assert Webhook(SECRET).verify(body, headers) == Webhook(former).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


async def test_a_form(receiver: Receiver) -> None:
    await send(receiver, method="put", form=True)
    [(method, headers, body)] = receiver.got
    Webhook(SECRET).verify(body, headers, json_parse=False)
    assert method == "PUT"
    assert parse_qs(body.decode(), keep_blank_values=True) == {
        "type": ["fax.completed"],
        "timestamp": ["2026-11-28T12:00:00Z"],
        "id": ["f1"],
        "pages": ["2"],
        "error_message": [""],
        "result_code": [""],
    }


async def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    await send(receiver, secrets=())
    assert "webhook-signature" not in receiver.got[0][1]


@pytest.mark.parametrize("status", [300, 302, 400, 404, 410])
async def test_a_final_no(receiver: Receiver, status: int) -> None:
    receiver.answers, receiver.location = [status], receiver.url
    with pytest.raises(RefusedDeliveryError, match=f"HTTP {status}: as you say"):
        await send(receiver)
    assert len(receiver.got) == 1  # a redirect is not followed


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_not_now(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(DelayedDeliveryError, match=f"HTTP {status}"):
        await send(receiver)


async def test_nothing_internal_is_told(receiver: Receiver) -> None:
    with pytest.raises(RefusedDeliveryError, match="internal address"):
        await HttpCallbacks().send(replace(ORDER, url=receiver.url), key="n1")
    assert receiver.got == []


async def test_a_program_that_is_away(receiver: Receiver) -> None:
    with pytest.raises(DelayedDeliveryError):
        await HttpCallbacks(LOOPBACK).send(replace(ORDER, url="http://127.0.0.1:9/"), key="n1")


@asynccontextmanager
async def saying(head: bytes, *, drip: bytes) -> AsyncIterator[str]:
    """The URL of a program that says `head`, then `drip` for ever, or hangs up where there is none."""

    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(head)
        with suppress(ConnectionError):
            while drip and not reader.at_eof():
                writer.write(drip)
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.02)
            writer.close()
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await ended.wait()


async def told(url: str) -> str:
    callbacks = HttpCallbacks(LOOPBACK, total_seconds=1.0, answer_seconds=0.2)
    async with asyncio.timeout(3):
        return await callbacks.send(replace(ORDER, url=url), key="n1")


async def test_a_head_that_never_ends_is_not_waited_for() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nX-Slow: ", drip=b"x") as url:
        with pytest.raises(DelayedDeliveryError, match="in time"):
            await told(url)


@pytest.mark.parametrize("drip", [b"x", b""])
async def test_what_was_taken_is_not_told_again_however_its_answer_ends(drip: bytes) -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", drip=drip) as url:
        assert await told(url) == "HTTP 200"


@pytest.mark.parametrize("secret", ["whsec_", "whsec_AAAA", "whsec_!!", "x" * 200])
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="Base64"):
        key_of(secret)
