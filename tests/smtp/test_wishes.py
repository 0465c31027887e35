"""What clients may ask to be told (RFC 3461 4): the parameters as a table, and what is handed in with a fax."""

import asyncio
import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import xtext
from gateway.fax import DsnRequest
from smtp import replies
from smtp.addresses import BadSyntaxError, read_argument
from smtp.wishes import of_mail, of_rcpt
from tests.smtp.conftest import Client, Door
from tests.smtp.mails import octets, with_pdf

NUMBER = "+15551234567@fax.example.com"
BAD = "501 5.5.4"

OF_MAIL = {
    "RET=FULL": "250 2.1.0",
    "RET=hdrs ENVID=QQ314159": "250 2.1.0",
    "ENVID=rock+2Band+2Broll": "250 2.1.0",
    "ENVID=" + "x" * 100: "250 2.1.0",
    "RET=FULL ENVID=" + "x" * 100 + " SIZE=" + "1" * 7 + " BODY=8BITMIME SMTPUTF8": "250 2.1.0",
    "ENVID=" + "x" * 101: BAD,
    "RET": BAD,
    "RET=BODY": BAD,
    "RET=FULL,HDRS": BAD,
    "RET=FULL RET=HDRS": BAD,
    "ENVID": BAD,
    "ENVID=": BAD,
    "ENVID=1 ENVID=2": BAD,
    "ENVID=a+2b": BAD,
    "ENVID=a+": BAD,
    "ENVID=a+4": BAD,
    "ENVID=a+0D+0A": BAD,
    "ENVID=+00": BAD,
    "ENVID=+7F": BAD,
    "ENVID=+E4": BAD,
    "ENVID=ä SMTPUTF8": BAD,
    "NOTIFY=NEVER": "555 5.5.4",
}

OF_RCPT = {
    "NOTIFY=NEVER": "250 2.1.5",
    "NOTIFY=success": "250 2.1.5",
    "NOTIFY=SUCCESS,FAILURE,DELAY": "250 2.1.5",
    "NOTIFY=DELAY,Failure": "250 2.1.5",
    "NOTIFY=SUCCESS,SUCCESS": "250 2.1.5",
    "ORCPT=rfc822;bob+2Bfax@example.com": "250 2.1.5",
    "ORCPT=x400;/S+3Dbob/": "250 2.1.5",
    "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;" + "x" * 493: "250 2.1.5",
    "ORCPT=rfc822;" + "x" * 494: BAD,
    "NOTIFY": BAD,
    "NOTIFY=": BAD,
    "NOTIFY=NEVER,FAILURE": BAD,
    "NOTIFY=SUCCESS,NEVER": BAD,
    "NOTIFY=SUCCESS,": BAD,
    "NOTIFY=,": BAD,
    "NOTIFY=ALWAYS": BAD,
    "NOTIFY=SUCCESS NOTIFY=FAILURE": BAD,
    "ORCPT": BAD,
    "ORCPT=bob@example.com": BAD,
    "ORCPT=;bob@example.com": BAD,
    "ORCPT=(x);bob@example.com": BAD,
    "ORCPT=rfc822;a ORCPT=rfc822;b": BAD,
    "ORCPT=rfc822;bob+40": "250 2.1.5",
    "ORCPT=rfc822;bob+4G": BAD,
    "ORCPT=rfc822;+0Abcc": BAD,
    "ORCPT=utf-8;ü@example.com": BAD,
    "RET=FULL": "555 5.5.4",
}


@pytest.mark.parametrize(("said", "expected"), OF_MAIL.items(), ids=[f"{said[:40]}" for said in OF_MAIL])
async def test_what_mail_takes(client: Client, said: str, expected: str) -> None:
    assert (await client.ask(f"MAIL FROM:<alice@example.com> {said}")).startswith(expected)


@pytest.mark.parametrize(("said", "expected"), OF_RCPT.items(), ids=[f"{said[:40]}" for said in OF_RCPT])
async def test_what_rcpt_takes(client: Client, said: str, expected: str) -> None:
    assert (await client.ask("MAIL FROM:<alice@example.com>")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}> {said}")).startswith(expected)


async def test_the_reply_to_a_recipient_is_the_same_with_and_without(client: Client) -> None:
    """RFC 3461 5.1 (b)."""
    assert (await client.ask("MAIL FROM:<alice@example.com> RET=FULL ENVID=1")).startswith("250")
    for recipient in (NUMBER, "bob@fax.example.com", "postmaster@fax.example.com", "1@nowhere.example"):
        plain = await client.ask(f"RCPT TO:<{recipient}>")
        assert await client.ask(f"RCPT TO:<{recipient}> NOTIFY=SUCCESS ORCPT=rfc822;x") == plain


async def test_only_after_ehlo(door: Door) -> None:
    client = await door.greeted(hello="HELO client.example")
    assert await client.ask("MAIL FROM:<alice@example.com> RET=FULL") == replies.UNKNOWN_PARAMETER
    assert (await client.ask("MAIL FROM:<alice@example.com>")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}> NOTIFY=NEVER")).startswith("555 5.5.4")


async def test_an_address_beyond_ascii_needs_smtputf8(client: Client) -> None:
    assert (await client.ask("MAIL FROM:<alice@example.com> SMTPUTF8")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}> ORCPT=utf-8;ü@example.com")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}> ORCPT=rfc822;ü@example.com")).startswith(BAD)


async def test_each_fax_gets_what_its_recipient_was_given(door: Door) -> None:
    """The values go with the fax as they came."""

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", door.server.port, timeout=20) as client:
            assert client.has_extn("dsn") or client.ehlo()[0] == 250
            assert client.has_extn("dsn")
            client.mail("alice@example.com", ["RET=hdrs", "ENVID=a+2Bb"])
            client.rcpt(NUMBER, ["NOTIFY=failure,success", "ORCPT=rfc822;Bob+2BFax@example.com"])
            client.rcpt("5557654321@fax.example.com", ["NOTIFY=NEVER"])
            client.rcpt("5557654322@fax.example.com")
            client.data(octets(with_pdf()))
            client.mail("alice@example.com")
            client.rcpt(NUMBER)
            client.data(octets(with_pdf()))

    await asyncio.to_thread(send)
    first, second = door.submissions.submitted
    shared = DsnRequest(ret="HDRS", envid="a+2Bb")
    assert [route.dsn for route in first.routes] == [
        DsnRequest(
            notify=("SUCCESS", "FAILURE"),
            ret="HDRS",
            envid="a+2Bb",
            orcpt="rfc822;Bob+2BFax@example.com",
            recipient=NUMBER,
        ),
        DsnRequest(notify=("NEVER",), ret="HDRS", envid="a+2Bb", recipient="5557654321@fax.example.com"),
        DsnRequest(ret=shared.ret, envid=shared.envid, recipient="5557654322@fax.example.com"),
    ]
    assert [route.dsn for route in second.routes] == [None]


def encoded(text: str) -> str:
    """xtext as a client writes it (RFC 3461 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_xtext_comes_back_as_it_was_meant(text: str) -> None:
    assert xtext.decode(encoded(text)) == text


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=80)
MOSTLY_XTEXT = st.text(st.sampled_from("+0129ABEFabcf;=ü\u2028\ufeff~! \t"), max_size=20)


@given(WORDS | MOSTLY_XTEXT.map(lambda text: "".join(text.split())), WORDS)
def test_any_value_is_kept_as_it_came_or_refused(envid: str, orcpt: str) -> None:
    try:
        mail = of_mail(read_argument("FROM:", f"FROM:<a@x.example> ENVID={envid}"))
        assert mail == DsnRequest(envid=envid)
        assert xtext.decode(envid).replace("\t", " ").isprintable()
    except BadSyntaxError:
        pass
    for value in (orcpt, f"rfc822;{orcpt}", f"utf-8;{orcpt}"):
        try:
            wanted = of_rcpt(read_argument("TO:", f"TO:<1@x.example> ORCPT={value}"), DsnRequest(), utf8=True)
        except BadSyntaxError:
            continue
        assert wanted == DsnRequest(orcpt=value, recipient="1@x.example")
