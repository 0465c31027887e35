"""No secret stands in what the gateway writes: its log, also the long one, its answers, its errors, its findings."""

import re
import shutil
import smtplib
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import httpx
import pytest

from gateway.doctor import examine
from gateway.errors import OurTrouble
from gateway.settings import BadSettingsError, read
from gateway.store.engine import Store
from tests.documents import papers
from tests.hostile.conftest import ADMIN_TOKEN, OWN_NUMBER, RECIPIENT, SENDER, Nameserver, Target, serving

SECRET = "swordfish"
"""What every secret here begins with."""
MAIL = f"smtp://relay:{SECRET}-relay@127.0.0.1:1"
SMS = f"https://texter:{SECRET}-sms@127.0.0.1:1/send?key={SECRET}-sms-key"
WRONG = f"{SECRET}-wrong-token"


def mail(subject: str, **fields: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, subject
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("Please see attached.")
    message.add_attachment(papers.letter(1), maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes(policy=SMTP)


def asked(target: Target) -> list[httpx.Response]:
    """Requests that bear secrets, good and bad ones."""
    account = f"/v2/accounts/{target.account}"
    bad = {"X-Auth-Token": WRONG}
    url = f"http://reader:{SECRET}-of-the-url@127.0.0.1:1/a.pdf?signature={SECRET}-signature"
    order = {"to_number": "+12025550190", "from_number": OWN_NUMBER, "document": {"url": url}}
    with httpx.Client(base_url=f"http://127.0.0.1:{target.api_port}") as client:
        good = {"X-Auth-Token": target.token}
        sent = client.put(f"{account}/faxes", headers=good, json={"data": order})
        assert sent.status_code in (200, 201, 202), sent.text
        fax = sent.json()["data"]["id"]
        key = f"{SECRET}{'x' * 55}"
        answers = [
            client.get(account, headers=bad),
            client.get(account, headers={"Authorization": f"Bearer {WRONG}"}),
            client.get(f"{account}?auth_token={WRONG}"),
            client.put("/v2/api_auth", json={"data": {"api_key": key}}),
            client.put(f"{account}/faxes", headers=good, json={"data": order | {"password": {"a": f"{SECRET}-odd"}}}),
            client.put(f"{account}/faxes?password={SECRET}-query", headers=good, content=b"%PDF"),
        ]
        for _ in range(100):
            found = client.get(f"{account}/faxes/outgoing/{fax}", headers=good)
            if found.status_code == 404 or found.json()["data"].get("tx_result", {}).get("error_message"):
                break
            time.sleep(0.1)
    return answers


def test_of_logs_and_answers(tmp_path: Path, sqlite_template: Path, nameserver: Nameserver) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    also = {"mail_url": MAIL, "sms_url": SMS, "sms_header": f"Authorization: Bearer {SECRET}-header"}
    with serving(tmp_path, nameserver, verbose=True, **also) as target:
        with httpx.Client(base_url=f"http://127.0.0.1:{target.api_port}") as client:
            box = f"/v2/accounts/{target.account}/faxboxes/{target.faxbox}"
            told = {"outbound": {"sms": {"send_to": ["+12025550199"]}}}
            callback = {"url": f"http://us:{SECRET}-callback@127.0.0.1:1/?k={SECRET}-k"}
            told["outbound"]["callback"] = callback  # type: ignore[assignment]
            change = {"notifications": told, "mail_options": ["password"]}
            changed = client.patch(box, headers={"X-Auth-Token": ADMIN_TOKEN}, json={"data": change})
            assert changed.is_success, changed.text
            signed = changed.json()["data"]["callback_secret"]
        with smtplib.SMTP("127.0.0.1", target.smtp_port) as session:
            session.ehlo("client.example")
            refused = session.docmd("AUTH", f"PLAIN {SECRET}-auth-plain")
            assert refused[0] >= 500
            tag, field = f"Hello [password: {SECRET}-of-the-subject]", f"{SECRET}-of-the-field"
            session.sendmail(SENDER, [RECIPIENT], mail(tag))
            session.sendmail(SENDER, [RECIPIENT], mail("Hello", X_Fax_Password=field))
            with pytest.raises(smtplib.SMTPDataError) as twice:
                session.sendmail(SENDER, [RECIPIENT], mail(tag, X_Fax_Password=field))
            assert SECRET not in str(twice.value)
        answers = asked(target)
        time.sleep(2)  # its notices are tried: by mail, SMS and callback
        log = target.log
    assert "127.0.0.1:1" in log or "Connect" in log or "refused" in log, "nothing was tried"
    for secret in (SECRET, ADMIN_TOKEN, target.token, signed):
        assert secret not in log, _about(log, secret)
    for answer in answers:
        assert answer.is_error
        assert SECRET not in answer.text, answer.text


def _about(log: str, secret: str) -> str:
    return "\n".join(line for line in log.splitlines() if secret in line)


async def test_of_errors_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}-s3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"{SECRET}-s3-id")
    settings = read(
        data_dir=tmp_path,
        database_url=f"postgresql://faxgate:{SECRET}-database@127.0.0.1:1/faxgate",
        documents_url="s3://bucket?endpoint=http://127.0.0.1:1&region=x",
        mail_url=MAIL,
        sms_url=SMS,
        lines=f"freeswitch://:{SECRET}-lines@127.0.0.1:1?dial=sofia/gateway/x/{{number}}&spool={tmp_path}/fs",
        admin_token=f"{SECRET}-admin-token-of-the-operator",
    )
    with pytest.raises(OurTrouble) as trouble:
        await Store.open(settings.database)
    assert SECRET not in f"{trouble.value} {trouble.value.detail}"
    findings = await examine(settings)
    assert {"database", "FAXGATE_MAIL_URL", "FAXGATE_SMS_URL"} <= {finding.name for finding in findings}
    for finding in findings:
        assert SECRET not in finding.text, finding
    assert SECRET not in repr(settings), re.findall(rf"\w+=[^ ]*{SECRET}\S*", repr(settings))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mail_url": f"gopher://x:{SECRET}@h"},
        {"sms_url": f"smpp://x:{SECRET}@h:port"},
        {"lines": f"freeswitch://:{SECRET}@h:1?nonsense=1"},
        {"database_url": f"mysql://x:{SECRET}@h/x"},
        {"documents_url": f"ftp://x:{SECRET}@h/x"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_of_settings_that_are_wrong(tmp_path: Path, wrong: dict[str, str]) -> None:
    try:
        findings = await examine(read(data_dir=tmp_path, **wrong))
        said = [finding.text for finding in findings if not finding.ok]
    except BadSettingsError as error:
        said = [str(error)]
    assert said
    assert not [text for text in said if SECRET in text]
