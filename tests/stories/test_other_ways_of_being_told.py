"""People are told by SMS and programs by callbacks too; what was told to whom is seen in the API, and told again."""

import json
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from gateway.administration import Administration
from gateway.fax import Status
from gateway.tokens import Tokens
from tests.notices.receiver import receiving
from tests.stories.conftest import FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""


async def asked(house: House, *, path: str = "", method: str = "GET", body: Any = None) -> Any:
    token = await Tokens(house.app.store, house.clock).add(house.account.id, "test", scopes=["read", "send", "admin"])
    url = f"http://{house.app.addresses.api}/v2/accounts/{house.account.id}/notifications{path}"
    async with httpx.AsyncClient(headers={"X-Auth-Token": token[1]}, verify=False) as client:
        answer = await client.request(method, url, json=body)
    assert answer.is_success, answer.text
    return answer.json()["data"]


async def test_everybody_is_told_once_in_every_way(house: House, letter: EmailMessage) -> None:
    async with receiving() as receiver:
        told = {
            "sms": {"send_to": ["+12025550111"]},
            "callback": {"url": f"{receiver.url}?key=opens-doors", "method": "post", "type": "json"},
        }
        administration = Administration(house.app.store, house.app.wake, house.clock)
        await administration.change_faxbox(
            house.account.id,
            house.alice.id,
            lambda box: replace(box, notifications={"outbound": told}, outbound_email=("ALICE@example.com",)),
        )
        receiver.answers = [503]
        await house.send(letter, FAX_MACHINE)
        fax = await house.fax(Status.COMPLETED)

        async def ended() -> Any:
            found = await asked(house, path=f"?filter_fax_id={fax.id}")
            if len(receiver.got) == 1:
                await house.later(61)
            return found if {one["state"] for one in found} == {"sent", "unavailable"} else None

        notices = {one["way"]: one for one in await house.until(ended, "everybody told")}
        assert {way: (one["state"], one["recipient"].lower()) for way, one in notices.items()} == {
            "email": ("sent", "alice@example.com"),
            "sms": ("unavailable", "+12025550111"),
            "callback": ("sent", f"{receiver.url}?key=opens-doors"),
        }
        assert "FAXGATE_SMS_URL" in notices["sms"]["answer"]
        assert [mail["To"] for mail in house.mails()].count("alice@example.com") == 1
        [_, (_, headers, body)] = receiver.got
        said = Webhook(house.alice.callback_secret).verify(body, headers)
        assert (said["type"], said["data"]["id"], said["data"]["pages"]) == ("fax.completed", fax.id, 2)
        assert {headers["webhook-id"] for _, headers, _ in receiver.got} == {notices["callback"]["id"]}
        detail = await asked(house, path=f"/{notices['callback']['id']}")
        assert [(one["number"], one["outcome"]) for one in detail["tries"]] == [(1, "delayed"), (2, "sent")]

        noted = {one.facts["way"]: one.facts["recipient"] for one in await house.audit() if one.action == "told"}
        assert noted == {"email": "alice@example.com", "callback": f"{receiver.url}?..."}

        again = {"action": "resend"}
        assert (await asked(house, path=f"/{detail['id']}", method="PUT", body=again))["state"] == "pending"

        async def third() -> bool | None:
            return len(receiver.got) == 3 or None

        await house.until(third, "the third callback")
        assert json.loads(receiver.got[2][2])["data"] == said["data"]


async def test_a_number_that_may_not_be_dialled_gets_no_sms(house: House, letter: EmailMessage) -> None:
    told = {"sms": {"send_to": ["(900) 555-1234", "+881612345678", "(202) 555-0111"]}}
    administration = Administration(house.app.store, house.app.wake, house.clock)
    await administration.change_faxbox(
        house.account.id, house.alice.id, lambda box: replace(box, notifications={"outbound": told})
    )
    await house.send(letter, FAX_MACHINE)
    fax = await house.fax(Status.COMPLETED)

    async def ended() -> Any:
        found = await asked(house, path=f"?filter_fax_id={fax.id}&filter_way=sms")
        return found if "pending" not in {one["state"] for one in found} else None

    notices = await house.until(ended, "everybody told")
    assert {one["recipient"]: (one["state"], one["answer"]) for one in notices} == {
        "+19005551234": ("failed", "SMS to +19005551234 are not allowed here: it is a premium number."),
        "+881612345678": ("failed", "SMS to +881612345678 are not allowed here: it is a satellite number."),
        "+12025550111": ("unavailable", "no SMS service is configured (FAXGATE_SMS_URL)"),
    }
