"""Line ends and the like in fields of the API that end in headers, mails, log lines or commands. Braces, commas and
quotes in a caller's name may be; what FreeSWITCH is told of them is in `tests.lines.freeswitch.test_command`."""

from typing import Any

import httpx
import pytest

from tests.hostile.conftest import ADMIN_TOKEN, OWN_NUMBER, SENDER, Target

EVIL = "x\r\nBcc: evil@example.com\r\n\r\nbody"
FAX = {"to_number": "+12025550190", "from_number": OWN_NUMBER, "document": {"url": "http://example.com/a.pdf"}}


def answered(target: Target, method: str, path: str, data: dict[str, Any], token: str = "") -> httpx.Response:
    url = f"http://127.0.0.1:{target.api_port}/v2/accounts/{target.account}{path}"
    return httpx.request(method, url, json={"data": data}, headers={"X-Auth-Token": token or target.token})


@pytest.mark.parametrize(
    "fields",
    [
        {"to_name": EVIL},
        {"from_name": EVIL},
        {"to_number": EVIL},
        {"from_number": EVIL},
        {"cost_code": EVIL},
        {"notifications": {"email": {"send_to": f"a@example.com{EVIL}"}}},
        {"notifications": {"email": {"send_to": ["a@example.com", "b@example.com\nRCPT TO:<evil@example.com>"]}}},
        {"notifications": {"sms": {"send_to": f"+12025550190{EVIL}"}}},
        {"document": {"url": "http://example.com/\r\nX-Evil: 1"}},
        {"document": {"url": "http://example.com/", "host": EVIL}},
        {"document": {"url": "http://example.com/", "referer": EVIL}},
        {"document": {"url": "http://example.com/", "method": "post", "content_type": EVIL}},
        {"document": {"url": "file:///etc/passwd"}},
        {"document": {"url": "gopher://example.com/"}},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_of_a_fax(target: Target, fields: dict[str, Any]) -> None:
    answer = answered(target, "PUT", "/faxes", FAX | fields)
    assert answer.status_code == 400, answer.text
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "fields",
    [
        {"name": EVIL},
        {"caller_name": EVIL},
        {"caller_id": EVIL},
        {"fax_header": EVIL},
        {"fax_identity": EVIL},
        {"fax_timezone": "../../etc/passwd"},
        {"custom_smtp_email_address": EVIL},
        {"smtp_permission_list": [EVIL]},
        {"notifications": {"inbound": {"email": {"send_to": [EVIL]}}}},
        {"notifications": {"inbound": {"callback": {"url": "http://example.com/\r\nX-Evil: 1"}}}},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_of_a_faxbox(target: Target, fields: dict[str, Any]) -> None:
    answer = answered(target, "PUT", "/faxboxes", {"name": "Evil", "smtp_permission_list": [SENDER]} | fields)
    assert answer.status_code == 400, answer.text


def test_of_an_account(target: Target) -> None:
    evil: list[dict[str, Any]] = [
        {"name": EVIL},
        {"timezone": "../../etc/passwd"},
        {"language": "../x"},
        {"domains": ["a.example\r\nx"]},
    ]
    for fields in evil:
        answer = answered(target, "PATCH", "", fields, ADMIN_TOKEN)
        assert answer.status_code == 400, (fields, answer.text)
