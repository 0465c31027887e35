"""Mail into a Maildir, read back with the standard library."""

import asyncio
import mailbox
import os
import time
from pathlib import Path

import pytest

from gateway.mail import mailer_from_url
from gateway.maildir import MaildirMailer
from gateway.ports import DelayedDeliveryError, RefusedDeliveryError

MESSAGE = b"From: faxgate@fax.example.com\r\nTo: alice@example.com\r\nSubject: hello\r\n\r\nbody\r\n"
KEY = "0192f0c3a1b27c4d8e5f60718293a4b6"


def read(path: Path) -> list[mailbox.MaildirMessage]:
    return list(mailbox.Maildir(path, create=False))


async def deliver(mailer: MaildirMailer, *, recipient: str = "alice@example.com", key: str = KEY) -> str:
    return await mailer.send(sender="faxgate@fax.example.com", recipient=recipient, message=MESSAGE, key=key)


async def test_a_mail_is_in_new_with_its_envelope(tmp_path: Path) -> None:
    mailer = mailer_from_url(f"maildir:{tmp_path}/deep/mail")
    answer = await mailer.send(sender="", recipient="alice@example.com", message=MESSAGE, key=KEY)
    (message,) = read(tmp_path / "deep" / "mail")
    assert message.get_subdir() == "new"
    assert message["Delivered-To"] == message["X-Original-To"] == "alice@example.com"
    assert message["Return-Path"] == "<>"
    assert message["Subject"] == "hello"
    assert message.get_payload() == "body\n"
    assert list((tmp_path / "deep" / "mail" / "tmp").iterdir()) == []
    assert KEY in answer
    await mailer.close()


async def test_the_same_notice_again_makes_no_second_mail(tmp_path: Path) -> None:
    await deliver(MaildirMailer(tmp_path))
    await deliver(MaildirMailer(tmp_path))
    assert len(read(tmp_path)) == 1


async def test_nor_when_it_was_read_meanwhile(tmp_path: Path) -> None:
    await deliver(MaildirMailer(tmp_path))
    (mail,) = (tmp_path / "new").iterdir()
    mail.rename(tmp_path / "cur" / f"{mail.name}:2,S")
    answer = await deliver(MaildirMailer(tmp_path))
    assert answer.startswith("already")
    assert [*(tmp_path / "new").iterdir()] == []


async def test_each_recipient_and_each_notice_has_its_mail(tmp_path: Path) -> None:
    mailer = MaildirMailer(tmp_path)
    await deliver(mailer)
    await deliver(mailer, recipient="bob@example.com")
    await deliver(mailer, key="../../another")
    recipients = sorted(str(message["Delivered-To"]) for message in read(tmp_path))
    assert recipients == ["alice@example.com", "alice@example.com", "bob@example.com"]


async def test_what_a_crash_left_behind_is_cleared_away_in_time(tmp_path: Path) -> None:
    await deliver(MaildirMailer(tmp_path))
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    long_ago = time.time() - 40 * 3600
    os.utime(old, (long_ago, long_ago))
    await deliver(MaildirMailer(tmp_path), key="next")
    assert not old.exists()
    assert young.exists()


async def test_first_mails_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """One clears tmp of what a crash left, while another moves its mail from there to `new`."""
    for turn in range(40):
        mailer = MaildirMailer(tmp_path / str(turn))
        await asyncio.gather(*(deliver(mailer, key=f"{turn}-{number}") for number in range(8)))
        assert len(read(tmp_path / str(turn))) == 8


async def test_a_maildir_that_cannot_be_written_delays(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DelayedDeliveryError):
        await deliver(MaildirMailer(tmp_path / "file"))


async def test_an_address_cannot_write_headers(tmp_path: Path) -> None:
    with pytest.raises(RefusedDeliveryError):
        await deliver(MaildirMailer(tmp_path), recipient="a@example.com\nBcc: b@example.com")
