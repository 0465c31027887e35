"""`faxgate check`: what it says is what happens, and nothing of it stays."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.accounts import NAMED_RECIPIENTS, Account, Faxbox
from gateway.administration import Administration
from gateway.building import open_desk
from gateway.cli import main
from gateway.desk import Desk
from gateway.dryrun import Asked, Verdict, check
from gateway.errors import BadField
from gateway.sending import send
from gateway.settings import Settings, read
from tests.nameserver import serving
from tests.smtp.clinic import addressed, dkim, publish

NUMBER = "+12025550190@fax.example.com"


@pytest.fixture
async def settings(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Settings]:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    async with serving() as zone:
        publish(zone)
        yield read(data_dir=tmp_path, dns=f"127.0.0.1:{zone.port}", trusted_networks="127.0.9.0/24")


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    desk = await open_desk(settings)
    yield desk
    await desk.close()


@pytest.fixture
async def office(desk: Desk) -> tuple[Account, Faxbox]:
    administration = Administration(desk.store, desk.wake, desk.clock)
    account, _ = await administration.add_account("Office", domains=["fax.example.com"])
    box = await administration.add_faxbox(
        account.id, "Front", permits=["@example.com"], limits={"faxes": {"day": 1}}, numbers=["+12025550101"]
    )
    return account, box


async def test_what_is_said_of_mails(
    settings: Settings, desk: Desk, office: tuple[Account, Faxbox], tmp_path: Path
) -> None:
    async def said(sender: str, recipient: str = NUMBER, **how: Any) -> Verdict:
        return await check(settings, desk, Asked(sender=sender, recipient=recipient, **how))

    signed = tmp_path / "signed.eml"
    signed.write_bytes(dkim().replace(b"\r\n", b"\n"))

    trusted = await said("alice@example.com", peer="127.0.9.1")
    assert (trusted.would_be_sent, trusted.why, trusted.told) == (True, "trusted network", "alice@example.com")
    assert (trusted.account, trusted.faxbox, trusted.number) == ("Office", "Front", "+12025550190")
    assert [(one.words, one.spent) for one in trusted.limits] == [("The faxbox may send 1 fax a day", 0)]

    by_spf = await said("alice@example.com", peer="127.0.0.5")
    assert (by_spf.would_be_sent, by_spf.why, by_spf.faxbox) == (True, "SPF of example.com", "Front")

    unproven = await said("alice@example.com")
    assert unproven.reply.startswith("550 5.7.1 This sender may not send faxes here, or cannot be proven")
    assert "the faxbox Front permits alice@example.com" in unproven.notes
    assert any("--file" in note for note in unproven.notes)

    by_signature = await said("x@forwarder.example", file=signed)
    assert by_signature.reply == "250 2.0.0 Accepted"
    assert by_signature.why == "DKIM of example.com, aligned with From alice@example.com"
    assert (by_signature.told, by_signature.documents) == ("alice@example.com", ["contract.pdf: faxed"])

    stranger = await said("x@evil.example", peer="127.0.9.1")
    assert (stranger.would_be_sent, stranger.why) == (False, "trusted network, but no faxbox permits the sender")
    premium = await said("alice@example.com", "+19005551234@fax.example.com", peer="127.0.9.1")
    assert premium.reply.startswith("550 5.7.1 Faxes to +19005551234 are not allowed here: it is a premium number.")
    assert (await said("alice@example.com", "+12025550190@elsewhere.example")).reply.startswith("550 5.1.2")

    await send(desk, office[1].id, "+12025550191", [])
    spent = await said("alice@example.com", peer="127.0.9.1")
    assert spent.reply == "450 4.7.1 The faxbox may send 1 fax a day; try again later."
    assert [one.spent for one in spent.limits] == [1]
    assert (await said("alice@example.com", file=signed)).reply.startswith("450 4.7.1")
    assert (await desk.status())["outbound"] == {"attaching_files": 1}  # none but the one that was sent


async def test_what_is_said_of_a_signature_that_does_not_name_the_number(
    settings: Settings, desk: Desk, office: tuple[Account, Faxbox], tmp_path: Path
) -> None:
    account, _ = office
    administration = Administration(desk.store, desk.wake, desk.clock)
    await administration.change_account(account.id, lambda it: replace(it, signature_policy=NAMED_RECIPIENTS))
    told = {}
    for number in ("+12025550190", "+12025550191"):
        signed = tmp_path / f"{number}.eml"
        signed.write_bytes(dkim(addressed(f"To: {number}@fax.example.com")).replace(b"\r\n", b"\n"))
        told[number] = await check(settings, desk, Asked(sender="x@forwarder.example", recipient=NUMBER, file=signed))
    assert told["+12025550190"].would_be_sent
    refused = told["+12025550191"]
    assert refused.reply.startswith("550 5.7.1 The DKIM signature of this mail does not name +12025550190,")
    assert "DKIM of example.com, aligned with From alice@example.com, whose signed To and Cc do not name" in refused.why


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Asked(sender="nobody", recipient=NUMBER), "--from"),
        (Asked(sender="alice@example.com", recipient="no address"), "--to"),
        (Asked(sender="alice@example.com", recipient=NUMBER, peer="server"), "--peer"),
    ],
)
async def test_what_is_no_address(settings: Settings, desk: Desk, asked: Asked, field: str) -> None:
    with pytest.raises(BadField) as caught:
        await check(settings, desk, asked)
    assert field in str(caught.value.field)


def test_who_is_believed_is_said_on_the_command_line(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    monkeypatch.setenv("FAXGATE_DATA_DIR", str(tmp_path))

    def made(*words: str) -> Any:
        assert main(words) == 0
        return json.loads(capsys.readouterr().out)

    policy = ("--sender-policy", "trust_envelope", "--signing-domain", "Tenant.onmicrosoft.com")
    account = made(
        "account", "add", "Office", "--domain", "fax.example.com", *policy, "--trusted-network", "10.1.0.0/16"
    )
    assert account["sender_policy"] == "trust_envelope"
    assert account["signing_domains"] == ["tenant.onmicrosoft.com"]
    assert account["signature_policy"] == "any_recipient"
    careful = made("account", "add", "Careful", "--signature-policy", "named_recipients")
    assert careful["signature_policy"] == "named_recipients"
    assert account["trusted_networks"] == ["10.1.0.0/16"]
    scanner = "192.0.2.7=scan@example.com,pages=20,receipts=nurse@example.com,plaintext"
    box = made("faxbox", "add", "Office", "Front", "--trusted-network", "192.0.2.8", "--scanner", scanner)
    assert box["trusted_networks"] == ["192.0.2.8/32"]
    assert box["scanners"] == [
        {
            "network": "192.0.2.7/32",
            "sender": "scan@example.com",
            "max_pages": 20,
            "receipts_to": "nurse@example.com",
            "plaintext": True,
        }
    ]
    for wrong in ("gmail.com", "onmicrosoft.com", "co.uk", "20230601.gappssmtp.com", "amazonses.com"):
        assert main(["account", "add", "Other", "--signing-domain", wrong]) == 1
        assert f"{wrong} is everybody's" in capsys.readouterr().err
    for wrong in ("192.0.2.7", "192.0.2.7=", "1.2.3.4=a@b.example,pages=many", "1.2.3.4=a@b.example,loud"):
        with pytest.raises(SystemExit):
            main(["faxbox", "add", "Office", "Front", "--scanner", wrong])
        assert "a scanner is written" in capsys.readouterr().err


def test_the_command(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    monkeypatch.setenv("FAXGATE_DATA_DIR", str(tmp_path))
    assert main(["account", "add", "Office", "--domain", "fax.example.com"]) == 0
    assert main(["faxbox", "add", "Office", "Front", "--allow", "@example.com"]) == 0
    capsys.readouterr()
    assert main(["check", "--from", "alice@example.com", "--to", NUMBER, "--peer", "127.0.0.1"]) == 0
    assert json.loads(capsys.readouterr().out)["would_be_sent"]
    assert main(["check", "--from", "mallory@evil.example", "--to", NUMBER, "--peer", "127.0.0.1"]) == 1
    assert "550 5.7.1" in json.loads(capsys.readouterr().out)["reply"]
