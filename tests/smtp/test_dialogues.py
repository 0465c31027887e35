"""What the listener answers, as a table: everything that is said on one connection, and every reply."""

import re

import pytest

from smtp import replies
from tests.smtp.conftest import Door
from tests.smtp.mails import octets, with_pdf, written

EXTENSIONS = ("SIZE 36700160", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN")
EHLO = (
    "EHLO client.example",
    "\n".join((r"250-mx\.example\.com", *(f"250-{word}" for word in EXTENSIONS), "250 HELP")),
)
MAIL = ("MAIL FROM:<alice@example.com>", r"250 2\.1\.0 .*")
RCPT = ("RCPT TO:<+15551234567@fax.example.com>", r"250 2\.1\.5 .*")
DATA = ("DATA", r"354 .*")
NUMBER = "+15551234567@fax.example.com"

SESSIONS: dict[str, list[tuple[str | bytes, str]]] = {
    "helo": [("HELO client.example", r"250 mx\.example\.com")],
    "ehlo": [EHLO],
    "no name": [("EHLO", r"501 5\.5\.4 .*"), ("HELO ", r"501 5\.5\.4 .*")],
    "lower case": [("ehlo x", r"250-(.|\n)*"), ("mail from:<alice@example.com>", "250 .*"), ("rset", "250 .*")],
    "noop, help, vrfy, expn": [
        ("NOOP", r"250 2\.0\.0 .*"),
        ("NOOP with words", r"250 2\.0\.0 .*"),
        ("HELP", r"214 2\.0\.0 DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET VRFY"),
        ("VRFY alice", r"252 2\.\d\.\d .*"),
        ("VRFY", r"501 5\.5\.4 .*"),
        ("EXPN list", r"502 5\.5\.1 .*"),
    ],
    "not offered": [EHLO, ("STARTTLS", r"502 5\.5\.1 .*"), ("AUTH PLAIN AGEAYg==", r"502 5\.5\.1 .*")],
    "unknown command": [("FROBNICATE", r"500 5\.5\.1 .*"), ("", r"500 5\.5\.1 .*"), ("BDAT 5 LAST", r"500 5\.5\.1 .*")],
    "mail before helo": [("MAIL FROM:<alice@example.com>", r"503 5\.5\.1 .*")],
    "rcpt before mail": [EHLO, (RCPT[0], r"503 5\.5\.1 .*")],
    "data before mail": [EHLO, ("DATA", r"503 5\.5\.1 .*")],
    "data before rcpt": [EHLO, MAIL, ("DATA", r"503 5\.5\.1 .*")],
    "data after refused rcpt": [EHLO, MAIL, ("RCPT TO:<1@nowhere.example>", "550 .*"), ("DATA", r"554 5\.5\.1 .*")],
    "nested mail": [EHLO, MAIL, ("MAIL FROM:<bob@example.com>", r"503 5\.5\.1 .*")],
    "rset": [EHLO, MAIL, RCPT, ("RSET", r"250 2\.0\.0 .*"), ("DATA", r"503 .*"), MAIL],
    "ehlo resets": [EHLO, MAIL, EHLO, (RCPT[0], r"503 .*")],
    "arguments where none belong": [
        EHLO, MAIL, RCPT, ("DATA now", r"501 5\.5\.4 .*"), ("RSET now", r"501 5\.5\.4 .*"), ("QUIT now", r"501 .*"),
    ],
    "quit": [("QUIT", r"221 2\.0\.0 .*"), ("", "")],
    "size early": [EHLO, ("MAIL FROM:<alice@example.com> SIZE=36700161", r"552 5\.3\.4 .*"), MAIL],
    "size fits": [EHLO, ("MAIL FROM:<alice@example.com> SIZE=36700160", r"250 .*")],
    "size is no number": [EHLO, ("MAIL FROM:<alice@example.com> SIZE=-1", r"501 5\.5\.4 .*"),
                          ("MAIL FROM:<alice@example.com> SIZE", r"501 5\.5\.4 .*"),
                          ("MAIL FROM:<alice@example.com> SIZE=" + "9" * 21, r"501 5\.5\.4 .*")],
    "body": [EHLO, ("MAIL FROM:<alice@example.com> BODY=8BITMIME SIZE=10", r"250 .*")],
    "body unknown": [EHLO, ("MAIL FROM:<alice@example.com> BODY=BINARYMIME", r"501 5\.5\.4 .*")],
    "parameter unknown": [EHLO, ("MAIL FROM:<alice@example.com> FROB=1", r"555 5\.5\.4 .*")],
    "parameter twice": [EHLO, ("MAIL FROM:<alice@example.com> SIZE=1 SIZE=2", r"501 5\.5\.4 .*")],
    "parameter malformed": [EHLO, ("MAIL FROM:<alice@example.com> =1", r"501 5\.5\.4 .*")],
    "parameters need ehlo": [("HELO x", "250 .*"), ("MAIL FROM:<alice@example.com> SIZE=10", r"555 5\.5\.4 .*")],
    "rcpt parameter": [EHLO, MAIL, (f"RCPT TO:<{NUMBER}> FROB=NEVER", r"555 5\.5\.4 .*FROB")],
    "sender without brackets": [EHLO, ("MAIL FROM:alice@example.com", r"501 5\.1\.7 .*")],
    "sender without keyword": [EHLO, ("MAIL <alice@example.com>", r"501 5\.5\.4 .*")],
    "sender malformed": [EHLO, ("MAIL FROM:<alice@@example.com>", r"501 5\.1\.7 .*"),
                         ("MAIL FROM:<alice>", r"501 5\.1\.7 .*")],
    "sender impossible": [EHLO, ("MAIL FROM:<alice@exam_ple.com>", r"553 5\.1\.7 .*")],
    "sender with a space behind the colon": [EHLO, ("MAIL FROM: <alice@example.com>", r"250 .*"), RCPT],
    "sender with a source route": [EHLO, ("MAIL FROM:<@a.example,@b.example:alice@example.com>", r"250 .*"), RCPT],
    "null sender": [EHLO, ("MAIL FROM:<>", r"250 2\.1\.0 .*"), (RCPT[0], r"550 5\.7\.1 .*null sender.*"),
                    ("RCPT TO:<postmaster@fax.example.com>", r"250 2\.1\.5 .*")],
    "utf-8 asked for": [EHLO, ("MAIL FROM:<älice@example.com> SMTPUTF8", r"250 .*"), RCPT],
    "utf-8 not asked for": [EHLO, ("MAIL FROM:<älice@example.com>", r"553 5\.6\.7 .*"), MAIL,
                            ("RCPT TO:<1é@fax.example.com>", r"553 5\.6\.7 .*")],
    "smtputf8 with a value": [EHLO, ("MAIL FROM:<alice@example.com> SMTPUTF8=1", r"501 5\.5\.4 .*")],
    "octets that are no utf-8": [EHLO, (b"MAIL FROM:<\xff@example.com>", r"500 5\.5\.2 .*")],
    "unknown domain": [EHLO, MAIL, ("RCPT TO:<+15551234567@example.org>", r"550 5\.1\.2 .*"),
                       ("RCPT TO:<+15551234567@[127.0.0.1]>", r"550 5\.1\.2 .*")],
    "numbers": [EHLO, MAIL, *[(f"RCPT TO:<{local}@fax.example.com>", r"250 2\.1\.5 .*") for local in (
        "+15551234567", "15551234567", "555-123-4567", '"(555) 123 4567"', "00442071234567", "011442071234567",
        "FAX=+15551234567", r'"\(555\)123\4567"', "555.123.4567")]],
    "no numbers": [EHLO, MAIL, *[(f"RCPT TO:<{local}@fax.example.com>", r"550 5\.1\.3 .*") for local in (
        "4155551234x12", "1-800-FLOWERS", "bob", "911", "FAX=+15551234567/T33S=12", "VOICE=+15551234567",
        '"555 123 4567 ext 9"')]],
    "comments are no comments": [EHLO, MAIL, ("RCPT TO:<(555)1234567@fax.example.com>", r"501 5\.1\.3 .*"),
                                 ("RCPT TO:<+1(a)5551234567@fax.example.com>", r"501 5\.1\.3 .*"),
                                 ("RCPT TO:<>", r"501 5\.1\.3 .*"),
                                 ("RCPT TO:<555 123 4567@fax.example.com>", r"501 5\.1\.3 .*")],
    "domain in capitals": [EHLO, MAIL, ("RCPT TO:<+15551234567@FAX.Example.COM>", r"250 .*")],
    "not permitted": [EHLO, ("MAIL FROM:<x@example.com.evil>", r"250 .*"), (RCPT[0], r"550 5\.7\.1 .*")],
    "our trouble": [EHLO, MAIL, ("RCPT TO:<+15551234567@trouble.example>", r"451 4\.3\.0 .*"),
                    ("RCPT TO:<+15551234567@bug.example>", r"451 4\.3\.0 .*"), RCPT],
    "another account": [EHLO, MAIL, RCPT, ("RCPT TO:<+493012345678@fax.example.net>", r"452 4\.5\.3 .*"), DATA,
                        (octets(with_pdf()) + b".", r"250 2\.0\.0 .*")],
    "two accounts, one after the other": [EHLO, MAIL, RCPT, ("RSET", "250 .*"), MAIL,
                                          ("RCPT TO:<030 123456@fax.example.net>", "501 .*"),
                                          ('RCPT TO:<"030 123456"@fax.example.net>', "250 .*")],
    "postmaster": [EHLO, ("MAIL FROM:<stranger@example.org>", "250 .*"),
                   ("RCPT TO:<PostMaster@fax.example.com>", "250 .*"), DATA,
                   (octets(written()) + b".", r"250 2\.0\.0 .*")],
    "a mail": [EHLO, MAIL, RCPT, DATA, (octets(with_pdf()) + b".", r"250 2\.0\.0 .*"), MAIL, RCPT, DATA,
               (octets(with_pdf()) + b".", r"250 2\.0\.0 .*"), ("QUIT", "221 .*")],
    "no document": [EHLO, MAIL, RCPT, DATA, (octets(written()) + b".", r"554 5\.6\.1 .*"), ("NOOP", "250 .*")],
    "an empty mail": [EHLO, MAIL, RCPT, DATA, (".", r"554 5\.6\.1 .*"), ("NOOP", "250 .*")],
    "bare LF in the mail": [EHLO, MAIL, RCPT, DATA, (b"Subject: x\r\n\r\na\nb\r\n.", r"554 5\.6\.0 .*"), MAIL],
    "bare CR in the mail": [EHLO, MAIL, RCPT, DATA, (b"Subject: x\r\n\r\na\rb\r\n.", r"554 5\.6\.0 .*"), MAIL],
    "smuggled end with LF": [EHLO, MAIL, RCPT, DATA, (b"x\r\n\r\na\n.\nMAIL FROM:<a@b>\r\n.", r"554 5\.6\.0 .*"), MAIL],
    "line of text too long": [EHLO, MAIL, RCPT, DATA, (b"x" * 2047 + b"\r\n.", r"500 5\.5\.2 .*"), ("NOOP", "250 .*")],
    "bare LF behind a command": [(b"EHLO x\nNOOP", r"500 5\.5\.2 .*"), ("NOOP", "")],
    "control characters": [(b"EHLO a\0b", r"500 5\.5\.2 .*"), (b"EHLO a\rb", r"500 5\.5\.2 .*")],
    "command too long": [("NOOP " + "x" * 506, r"500 5\.5\.2 .*"), ("NOOP " + "x" * 505, "250 .*"),
                         ("NOOP " + "x" * 1_000_000, r"500 5\.5\.2 .*"), EHLO, MAIL,
                         (f"RCPT TO:<{'1' * 490}@x>", r"50[01] 5\.(5\.2|1\.3) .*"),
                         (f"RCPT TO:<{NUMBER}> ORCPT=rfc822;{'x' * 1000}", r"500 5\.5\.2 .*")],
}  # fmt: skip


@pytest.mark.parametrize("dialogue", SESSIONS.values(), ids=SESSIONS.keys())
async def test_dialogue(door: Door, dialogue: list[tuple[str | bytes, str]]) -> None:
    client = await door.connect()
    assert re.fullmatch(r"220 mx\.example\.com ESMTP .*", await client.hear())
    for said, expected in dialogue:
        heard = await client.ask(said)
        assert re.fullmatch(expected, heard), f"{said[:200]!r} was answered {heard!r}, not {expected}"
        assert all(len(line) <= 510 for line in heard.split("\n"))
    if "\nNOOP" in str(dialogue):
        assert (await client.hear()).startswith("250")


async def test_who_closed_the_connection_behind_a_bare_line_feed(door: Door) -> None:
    client = await door.greeted()
    await client.envelope()
    assert (await client.ask(b"DATA\nNOOP")).startswith("500 5.5.2")
    assert await client.hear() == ""
    await door.until_all_left()
    [entry] = door.submissions.recorded
    assert (entry.reply, entry.errors) == (replies.BAD_LINE_END, ["we closed the connection"])


def test_there_are_enough_dialogues() -> None:
    assert len(SESSIONS) >= 40
