"""Short messages leave over SMPP, to a real server process, and over HTTP; what came of each is told truly."""

import json

import pytest

from gateway import sms
from gateway.ports import DelayedDeliveryError, RefusedDeliveryError
from gateway.sms import texter_from_url
from tests.notices.receiver import receiving
from tests.notices.texting import TO, centre


async def test_a_short_message() -> None:
    async with centre() as one:
        assert await one.send() == "taken as m1"
        pdu = await one.got("submit_sm")
        assert (pdu["to"], pdu["source"], pdu["source_ton"]) == ("15551234567", "FAX", 5)
        assert (bytes.fromhex(pdu["message"]), pdu["coding"], pdu["esm_class"]) == (b"Fax delivered", 0, 0)
        assert await one.send(key="n2") == "taken as m2"  # over the same connection
        assert (await one.got("submit_sm"))["to"] == "15551234567"


async def test_other_letters_are_ucs_2_and_long_texts_come_in_parts() -> None:
    text = "Факс доставлен, всё хорошо. " * 5 + "😀"
    async with centre(source="+15550001") as one:
        assert await one.send(text) == "taken as m1, m2, m3"
        parts = [await one.got("submit_sm") for _ in range(3)]
        assert {(part["coding"], part["esm_class"], part["source_ton"]) for part in parts} == {(8, 0x40, 1)}
        payloads = [bytes.fromhex(part["message"]) for part in parts]
        assert [payload[:3].hex() + payload[4:6].hex() for payload in payloads] == [
            f"05000303{n:02x}" for n in (1, 2, 3)
        ]
        assert b"".join(payload[6:] for payload in payloads).decode("utf-16-be") == text.replace("😀", "?")


@pytest.mark.parametrize("status", ["0x58", "0x14", "0x08"])
async def test_a_centre_that_is_busy(status: str) -> None:
    async with centre(status) as one:
        with pytest.raises(DelayedDeliveryError, match=f"SMPP {int(status, 0):#x}"):
            await one.send()
        assert await one.send() == "taken as m2"


async def test_a_final_no() -> None:
    async with centre("0x0B") as one:
        with pytest.raises(RefusedDeliveryError, match="SMPP 0xb"):
            await one.send()


async def test_after_a_break_the_rest_of_the_parts_follows() -> None:
    async with centre("0", "close") as one:
        with pytest.raises(DelayedDeliveryError, match="went away"):
            await one.send("x" * 400)
        assert await one.send("x" * 400) == "taken as m2, m3"
        parts = [bytes.fromhex((await one.got("submit_sm"))["message"]) for _ in range(4)]
    # The second was said twice, as its answer was lost; by the number in front a telephone joins them.
    assert {part[:5].hex() for part in parts} == {parts[0][:5].hex()}
    assert [part[5] for part in parts] == [1, 2, 2, 3]


async def test_a_centre_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "SECONDS", 0.5)
    async with centre("silent") as one:
        with pytest.raises(DelayedDeliveryError, match="went away"):
            await one.send()
        assert await one.send() == "taken as m1"


async def test_an_idle_connection_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "ENQUIRE_SECONDS", 0.1)
    async with centre() as one:
        await one.send()
        assert await one.got("enquire_link")


async def test_a_wrong_password_is_the_operators_to_mend() -> None:
    async with centre(password="wrong") as one:
        with pytest.raises(DelayedDeliveryError, match="does not let us in") as caught:
            await one.send()
        assert "wrong" not in str(caught.value)


async def test_a_centre_that_is_away() -> None:
    texter = texter_from_url("smpp://u:p@127.0.0.1:9")
    assert texter is not None
    with pytest.raises(DelayedDeliveryError, match="went away"):
        await texter.send(recipient=TO, text="x", key="n")
    await texter.close()


async def test_a_service_on_the_web() -> None:
    async with receiving() as receiver:
        texter = texter_from_url(
            receiver.url,
            template='{"msisdn": "{to}", "body": "{text}", "ref": "{id}"}',
            header="Authorization: Bearer t",
        )
        assert texter is not None
        receiver.answers = [200, 400, 429, 401, 503]
        assert await texter.send(recipient=TO, text='He said "{id}"\n', key="n1") == "HTTP 200: as you say"
        _, headers, body = receiver.got[0]
        assert json.loads(body) == {"msisdn": TO, "body": 'He said "{id}"\n', "ref": "n1"}
        assert (headers["authorization"], headers["content-type"]) == ("Bearer t", "application/json")
        with pytest.raises(RefusedDeliveryError, match="HTTP 400"):
            await texter.send(recipient=TO, text="x", key="n2")
        for status in (429, 401, 503):
            with pytest.raises(DelayedDeliveryError, match=f"HTTP {status}"):
                await texter.send(recipient=TO, text="x", key="n2")
        await texter.close()


@pytest.mark.parametrize(
    ("url", "more", "said"),
    [
        ("smtp://host", {}, "expected smpp://"),
        ("smpp://u:secret@host:port", {}, "expected smpp://"),
        ("smpp://u:secret@host?from=1", {}, "unknown option from"),
        ("http://sms.example.com/send", {}, "https://"),
        ("https://sms.example.com/", {"template": "{}"}, "{to}"),
        ("https://sms.example.com/", {"template": "{to}{text}"}, "no JSON"),
        ("https://sms.example.com/", {"header": "Bearer x"}, "Name: value"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, more: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        texter_from_url(url, **more)
    assert "secret" not in str(caught.value)
