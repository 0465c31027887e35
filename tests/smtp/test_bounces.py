"""What comes to a bounce address: who may bring it, and what it is taken for."""

import unicodedata
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounces import Bounce, BounceAddresses
from smtp import replies
from smtp.message import Options, read
from smtp.policy import Limits
from tests.smtp.conftest import BOUNCES, Client, Door, running
from tests.smtp.mails import octets, with_pdf

NOTICE = "0192f0c3a1b27c4d8e5f60718293a4b6"
ADDRESS = BOUNCES.of(NOTICE)
LOCAL = ADDRESS.partition("@")[0]
UNKNOWN_USER = "550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown"


def report(*recipients: str, header: str = "", kind: str = "message/delivery-status") -> bytes:
    """A report as Postfix writes it; `recipients` are groups of fields."""
    groups = "\r\n".join(recipients)
    return (
        "From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        f"Auto-Submitted: auto-replied\r\n{header}"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="A.1/mx"\r\n\r\n'
        "This is a MIME-encapsulated message.\r\n\r\n"
        "--A.1/mx\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you.\r\n\r\n"
        f"--A.1/mx\r\nContent-Type: {kind}\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n{groups}\r\n"
        "--A.1/mx\r\nContent-Type: message/rfc822\r\n\r\nSubject: Faxed to you\r\n\r\nYour fax\r\n--A.1/mx--\r\n"
    ).encode()


def group(action: str = "failed", diagnostic: str = f"Diagnostic-Code: smtp; {UNKNOWN_USER}\r\n") -> str:
    return f"Final-Recipient: rfc822; bob@example.org\r\nAction: {action}\r\nStatus: 5.1.1\r\n{diagnostic}"


def plain(text: str, *header: str) -> bytes:
    fields = "".join(f"{line}\r\n" for line in header)
    return f"{fields}Subject: About your mail\r\n\r\n{text}\r\n".encode()


FAILED: dict[str, tuple[bytes, str]] = {
    "a report": (report(group()), UNKNOWN_USER),
    "a folded one": (
        report(group(diagnostic="Diagnostic-Code: smtp; 550 5.1.1\r\n    no such\r\n\tuser\r\n")),
        "550 5.1.1 no such user",
    ),
    "without a diagnostic": (report(group(diagnostic="")), "failed with status 5.1.1"),
    "in capitals, with a comment": (report(group("FAILED (for good)")), UNKNOWN_USER),
    "one of two": (report(group("delivered"), group()), UNKNOWN_USER),
    "an internationalised one": (report(group(), kind="message/global-delivery-status"), UNKNOWN_USER),
    "exim's of old": (
        plain("This message was created automatically.\r\nunrouteable address", "Auto-Submitted: auto-replied",
              "X-Failed-Recipients: bob@example.org"),
        "This message was created automatically. unrouteable address",
    ),
    "qmail's": (
        plain("Hi. This is the qmail-send program.\r\n<bob@example.org>:\r\nSorry, no mailbox here.",
              "From: MAILER-DAEMON@mx.example.org"),
        "Hi. This is the qmail-send program. <bob@example.org>: Sorry, no mailbox here.",
    ),
    "html alone": (
        plain("<p>No such <b>user</b></p>", "Content-Type: text/html"),
        "No such user",
    ),
    "nothing but a subject": (plain(""), "About your mail"),
}  # fmt: skip

NOT_FAILED: dict[str, tuple[bytes, str]] = {
    "delayed": (report(group("delayed")), "a report: delayed"),
    "delivered and relayed": (report(group("delivered"), group("relayed")), "a report: delivered, relayed"),
    "a report of nothing": (report(), "a report: of nothing"),
    "vacation": (plain("I am away.", "Auto-Submitted: auto-replied (vacation)"), "an automatic reply"),
    "vacation of old": (plain("I am away.", "Precedence: junk"), "an automatic reply"),
    "exchange": (plain("I am away.", "Auto-Submitted: auto-generated"), "an automatic reply"),
    "read": (
        report(kind="message/disposition-notification"),
        "a disposition notification (RFC 8098)",
    ),
}


def taken_for(mail: bytes, sender: str = "") -> Bounce:
    bounce = read(mail, Options(faxed=False, bounce_of=sender)).bounce
    assert bounce is not None
    return bounce


@pytest.mark.parametrize(("mail", "words"), FAILED.values(), ids=FAILED)
def test_a_bounce_in_its_own_words(mail: bytes, words: str) -> None:
    assert taken_for(mail) == Bounce(failed=True, words=words)


@pytest.mark.parametrize(("mail", "words"), NOT_FAILED.values(), ids=NOT_FAILED)
def test_what_is_no_bounce(mail: bytes, words: str) -> None:
    assert taken_for(mail) == Bounce(failed=False, words=words)


BLOCKED = (
    "554-5.7.1 [198.51.100.1 12] Our system has detected that this message is 554-5.7.1 likely unsolicited mail. To "
    "reduce the amount of spam sent, 554 5.7.1 this message has been blocked. x12-20020a05 - gsmtp"
)
NOBODY = "550 5.1.1 <nobody@far.example>: Recipient address rejected: User unknown in virtual mailbox table"
REAL = {"postfix-nobody": NOBODY, "postfix-spam": BLOCKED, "exim-nobody": NOBODY, "exim-spam": BLOCKED}


@pytest.mark.parametrize("name", REAL)
def test_real_ones(name: str) -> None:
    """Of Postfix 3.7 and Exim 4.96, as they were written."""
    mail = (Path(__file__).parent / "bounced" / f"{name}.eml").read_bytes()
    assert taken_for(mail) == Bounce(failed=True, words=REAL[name])


@pytest.mark.parametrize("action", ["delayed", "relayed"])
def test_real_reports_that_are_no_bounces(action: str) -> None:
    mail = (Path(__file__).parent / "bounced" / f"postfix-{action}.eml").read_bytes()
    assert taken_for(mail) == Bounce(failed=False, words=f"a report: {action}")


def test_a_mail_of_a_person_is_no_bounce() -> None:
    assert not taken_for(plain("Thank you!", "From: bob@example.org"), "bob@example.org").failed
    # But some daemons write as themselves.
    assert taken_for(plain("No such user", "From: MAILER-DAEMON@x.example"), "MAILER-DAEMON@x.example").failed
    assert taken_for(report(group()), "postmaster@x.example").failed


def deep(levels: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )
    return b"Subject: deep\r\n" + head + b"\r\nend\r\n"


HOSTILE = {
    "deep": deep(5000),
    "many parts": b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "many recipients": report(*[group("delayed")] * 20_000),
    "a long diagnostic": report(group(diagnostic=f"Diagnostic-Code: smtp; {'x' * 900_000}\r\n")),
    "a report without an end": report(group())[:600] + b"y" * 3_000_000,
    "base64 that is none": report(group(), kind="message/delivery-status\r\nContent-Transfer-Encoding: base64"),
    "an encoding nobody knows": report(group(), kind="message/delivery-status\r\nContent-Transfer-Encoding: x-uu"),
    "a large mail": plain("z" * 5_000_000),
    "tags without an end": plain("<" * 500_000, "Content-Type: text/html"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE)
def test_hostile_ones_end_clean(mail: bytes, tmp_path: Path) -> None:
    kept = tmp_path / "mail"
    kept.write_bytes(mail)
    for content in (mail, kept):
        bounce = read(content, Options(faxed=False, bounce_of="")).bounce
        assert bounce is not None
        assert len(bounce.words) <= 400
        assert "\n" not in bounce.words


@given(st.binary(max_size=400), st.sampled_from(["", "a@b.example"]))
def test_anything_is_taken_for_something(body: bytes, sender: str) -> None:
    start = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    for mail in (body, start + body, start + b"A: b\r\n\r\nAction: failed\r\nDiagnostic-Code: " + body):
        message = read(mail, Options(faxed=False, bounce_of=sender))
        words = message.bounce.words if message.bounce else ""
        assert message.refusal or message.bounce
        assert len(words) <= 400
        assert not {unicodedata.category(letter) for letter in words} & {"Cc", "Cs", "Zl", "Zp"}


# Who may bring one


def test_an_address_names_its_notice_and_cannot_be_forged() -> None:
    assert len(LOCAL) <= 64
    assert BOUNCES.notice_of(LOCAL) == BOUNCES.notice_of(LOCAL.upper()) == NOTICE
    for place in range(len("bounces+"), len(LOCAL)):
        other = "0" if LOCAL[place] != "0" else "1"
        assert BOUNCES.notice_of(LOCAL[:place] + other + LOCAL[place + 1 :]) is None
    assert BounceAddresses(domain=BOUNCES.domain, key=b"another").notice_of(LOCAL) is None
    for local in ("bounces+", "bounces", f"bounces+{NOTICE}", f"bounces+{NOTICE}-", LOCAL + "0", "x" + LOCAL, ""):
        assert BOUNCES.notice_of(local) is None


async def bring(client: Client, mail: bytes, sender: str = "") -> str:
    await client.envelope(ADDRESS, sender=sender)
    assert (await client.ask("DATA")).startswith("354")
    client.say(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return await client.hear()


async def test_everybody_may_bring_one(tmp_path: Path) -> None:
    """The far server is in no trusted network and its sender in no faxbox; the signature is what counts."""
    async with running(tmp_path, Limits(), trusted="192.0.2.0/24") as door:
        client = await door.greeted()
        assert (await bring(client, report(group()))).startswith("250 2.0.0")
        assert (await bring(client, plain("I am here"), "bob@example.org")).startswith("250 2.0.0")
    first, second = door.submissions.submitted
    assert first.returned is not None
    assert (first.returned.notice_id, first.returned.bounce.words) == (NOTICE, UNKNOWN_USER)
    assert (first.routes, first.documents, first.operator_mail) == ((), (), None)
    assert first.entry is not None
    assert (first.entry.account_id, first.entry.sender, first.entry.accepted) == (None, "", True)
    assert first.entry.subject == "Undelivered Mail Returned to Sender"
    assert second.returned is not None
    assert not second.returned.bounce.failed


async def test_a_forged_one_is_refused(client: Client, door: Door) -> None:
    assert (await client.ask("MAIL FROM:<>")).startswith("250")
    forged = ADDRESS.replace(LOCAL[-20:], "0" * 20)
    assert (await client.ask(f"RCPT TO:<{forged}>")).startswith("550 5.1.1 ")
    assert (await client.ask("DATA")).startswith("554")
    await client.ask("QUIT")
    assert [entry.recipients[0].reply[:9] for entry in door.submissions.recorded] == ["550 5.1.1"]


async def test_a_bounce_is_nothing_else_beside(client: Client, door: Door) -> None:
    other = BOUNCES.of("0" * 32)
    number = "+15551234567@fax.example.com"
    await client.envelope(ADDRESS)
    for recipient in (number, other, "postmaster@fax.example.com"):
        assert await client.ask(f"RCPT TO:<{recipient}>") == replies.OTHER_ACCOUNT
    assert (await client.ask(f"RCPT TO:<{ADDRESS}>")).startswith("250")
    await client.ask("RSET")
    await client.envelope(number)
    assert await client.ask(f"RCPT TO:<{ADDRESS}>") == replies.OTHER_ACCOUNT
    await client.ask("RSET")
    # A document that comes to a bounce address is not faxed.
    assert (await bring(client, octets(with_pdf()), "alice@example.com")).startswith("250")
    (submission,) = door.submissions.submitted
    assert (submission.routes, submission.documents) == ((), ())


async def test_a_large_one_is_read_from_the_disk(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Returned"
    mail.set_content("No such user.\n")
    mail.add_attachment(b"x" * 3_000_000, maintype="application", subtype="pdf", filename="fax.pdf")
    async with running(tmp_path, Limits(memory=10_000)) as door:
        client = await door.greeted()
        assert (await bring(client, mail.as_bytes(policy=SMTP))).startswith("250")
    (submission,) = door.submissions.submitted
    assert submission.returned is not None
    assert submission.returned.bounce == Bounce(failed=True, words="No such user.")
