"""Hostile mail programs, on real sockets, against a whole gateway: each gets its reply in its time, for little memory,
and the next mail is taken.
"""

import email
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.policy import default
from itertools import count
from typing import Any

import httpx
import pytest

from benchmarks.gateway import DOMAIN
from tests.hostile.conftest import PATIENCE, RECIPIENT, SENDER, Nameserver, Target, bounded
from tests.smtp.mails import pdf

numbers = count()


class Client:
    """Says octets, hears replies."""

    def __init__(self, target: Target, peer: str = "127.0.0.1") -> None:
        address = ("127.0.0.1", target.smtp_port)
        self.link = socket.create_connection(address, 20, source_address=(peer, 0))
        self._file = self.link.makefile("rb")
        assert self.hear().startswith("220")
        assert self.ask(b"EHLO hostile.example").startswith("250")

    def hear(self) -> str:
        """One reply; empty at the end."""
        with suppress(ConnectionResetError):
            while line := self._file.readline().decode():
                if line[3:4] != "-":
                    return line.rstrip("\r\n")
        return ""

    def ask(self, said: bytes) -> str:
        self.link.sendall(said + b"\r\n")
        return self.hear()

    def begin(self, recipient: str = RECIPIENT, sender: str = SENDER) -> None:
        assert self.ask(b"MAIL FROM:<%s>" % sender.encode()).startswith("250")
        assert self.ask(b"RCPT TO:<%s>" % recipient.encode()).startswith("250")
        assert self.ask(b"DATA").startswith("354")

    def send(self, mail: bytes) -> str:
        self.begin()
        with suppress(ConnectionError):
            self.link.sendall(mail.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return self.hear()


@contextmanager
def client(target: Target, peer: str = "127.0.0.1") -> Iterator[Client]:
    one = Client(target, peer)
    try:
        yield one
    finally:
        one._file.close()
        one.link.close()


def headed(*fields: bytes) -> bytes:
    return b"".join(field + b"\r\n" for field in (*fields, b"Message-ID: <%d@hostile.example>" % next(numbers)))


def attached(content: bytes, kind: bytes = b"application/pdf; name=a.pdf", *header: bytes) -> bytes:
    """A part, in Base64."""
    encoded = b64encode(content)
    lines = b"\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    return b"\r\n".join(
        (b"--b", b"Content-Type: " + kind, *header, b"Content-Transfer-Encoding: base64", b"", lines, b"")
    )


def mixed(*parts: bytes, fields: tuple[bytes, ...] = ()) -> bytes:
    return headed(*fields, b"Content-Type: multipart/mixed; boundary=b") + b"\r\n" + b"".join(parts) + b"--b--\r\n"


def letter(*fields: bytes) -> bytes:
    """A mail that is faxed."""
    return mixed(attached(pdf()), fields=fields)


def folded(name: bytes, size: int) -> bytes:
    return name + b": a" + b"\r\n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * (size // 64)


def deep(levels: int) -> bytes:
    return headed() + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
    )


def rfc822(levels: int) -> bytes:
    return headed() + b"Content-Type: message/rfc822\r\n\r\n" * levels + letter()


def many_signatures(n: int) -> bytes:
    one = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=s%d.example.com; s=s%d; h=from;\r\n bh=%s=; b=%s"
    return letter(b"From: alice@example.com", *(one % (at, at, b"A" * 43, b"B" * 172) for at in range(n)))


TOO_LARGE_A_HEADER = "554 5.6.1 The mail has too large a header"
PDF_PART = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: "
NOISE = bytes(range(256)) * 4000
MAILS: dict[str, tuple[Callable[[], bytes], str]] = {
    "MIME 10,000 deep": (lambda: deep(10_000), "554 5.6.1 The parts of the mail are nested more than"),
    "mails in mails, 1000 deep": (lambda: rfc822(1000), "554 5.6.1"),
    "10,000 parts": (lambda: mixed(*[attached(b"x")] * 10_000), "554 5.6.1 The mail has more than 500 parts"),
    "From of a megabyte": (lambda: folded(b"From", 1 << 20) + b"\r\n" + letter(), TOO_LARGE_A_HEADER),
    "header of 30 MB": (lambda: folded(b"X-Large", 30 << 20) + b"\r\n" + letter(), TOO_LARGE_A_HEADER),
    "a line of 30 MB": (lambda: b"X-Large: " + b"a" * (30 << 20) + b"\r\n" + letter(), "500 5.5.2 Line too long"),
    "100,000 fields": (lambda: letter(*[b"X-Many: yes"] * 100_000), TOO_LARGE_A_HEADER),
    "3000 Received": (lambda: letter(*[b"Received: from a by b; Sun, 29 Nov 2026 10:00:00 +0000"] * 3000), "554 5.4.6"),
    "Base64 that is none": (lambda: mixed(PDF_PART + b"base64\r\n\r\n" + b"=*?!~" * 300 + b"\r\n"), "554 5.6.1"),
    "a PDF of noise": (lambda: mixed(attached(b"%PDF-1.7\n" + NOISE)), "554 5.6.1"),
    "uuencode": (lambda: mixed(PDF_PART + b"x-uuencode\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\n"), "554 5.6.1"),
    "winmail.dat of noise": (
        lambda: mixed(attached(b"\x78\x9f\x3e\x22" + NOISE, b"application/ms-tnef; name=winmail.dat")),
        "554 5.6.1",
    ),
    "charsets that there are not": (
        lambda: mixed(
            b'--b\r\nContent-Type: text/plain; charset="../../x-\xff\0nonsense"\r\n\r\nHello\r\n',
            b"--b\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xff\xfe\r\n",
            b"--b\r\nContent-Type: text/html; charset=zip\r\n\r\n<p>\x80\r\n",
            attached(pdf()),
            fields=(b"Subject: =?hex?q?zz?= =?punycode?b?////?= =?x-none?b?AA==?=",),
        ),
        "250",
    ),
    "octets of zero": (lambda: mixed(attached(pdf()), fields=(b"Subject: a\0b", b"X-Nul: \0\0")), "250"),
    "nothing": (lambda: b"", "554 5.6.1"),
    "no parts": (lambda: headed(b"Content-Type: multipart/mixed; boundary=b") + b"\r\n", "554 5.6.1"),
}


@pytest.mark.parametrize(("made", "reply"), MAILS.values(), ids=MAILS.keys())
def test_hostile_mails(target: Target, made: Callable[[], bytes], reply: str) -> None:
    mail = made()
    with bounded(target.pid, mebibytes=40, seconds=12), client(target) as one:
        assert one.send(mail).startswith(reply)
        assert one.ask(b"NOOP").startswith("250")


def test_hundreds_of_signatures_ask_the_dns_a_few_times(target: Target, nameserver: Nameserver) -> None:
    """From a peer that must be proven: each signature names a key in the DNS, and all of them are aligned."""
    before = nameserver.asked
    with bounded(target.pid, mebibytes=40, seconds=12), client(target, "127.0.0.2") as one:
        assert one.send(many_signatures(400)).startswith("550 5.7.1")
    assert nameserver.asked - before <= 20


@pytest.mark.parametrize(
    "said",
    [b"MAIL FROM:<a@b.example>\n", b"MAIL FROM:<a@b.example>\rNOOP\r\n", b"NO\0OP\r\n", b"\x1b[2JNOOP\r\n"],
)  # fmt: skip
def test_commands_with_other_line_ends_are_not_obeyed(target: Target, said: bytes) -> None:
    with client(target) as one:
        one.link.sendall(said)
        assert one.hear().startswith("500 5.5.2")
        # Behind a bare LF nothing is heard any more.
        assert one.ask(b"RCPT TO:<a@b.example>")[:3] == ("503" if said.endswith(b"\r\n") else "")


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\0\n.\r\0\n"])
def test_nothing_is_smuggled_behind_another_end(target: Target, end: bytes) -> None:
    smuggled = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (SENDER.encode(), RECIPIENT.encode())
    with client(target) as one:
        assert one.send(letter() + end + smuggled + letter()).startswith("554 5.6.0")
        assert one.ask(b"NOOP").startswith("250")


def test_ten_thousand_recipients(target: Target) -> None:
    with bounded(target.pid, mebibytes=20, seconds=30), client(target) as one:
        assert one.ask(b"MAIL FROM:<%s>" % SENDER.encode()).startswith("250")
        one.link.sendall(b"".join(b"RCPT TO:<+1202555%04d@%s>\r\n" % (n, DOMAIN.encode()) for n in range(10_000)))
        heard = [one.hear()[:9] for _ in range(10_000)]
        assert heard.count("250 2.1.5") <= 100
        assert heard[100:] == ["452 4.5.3"] * 9_900
        assert one.ask(b"RSET").startswith("250")


N = "+12025550190"
NOT_DIALLED = [
    f"{N};ext=5", f"{N},loopback/x", f"sofia/gateway/trunk/{N}", f"{{origination_uuid=x}}{N}", f"{N}^+12025550191",
    f"{N}&bridge", f"{N}|x", "${system}", f"{N}%0d%0aX", f"tel:{N}", f"{N} PAGER", f"'{N}'", f"{N}#", f"*67{N}",
    "+1202555\u0660190", f"{N}\\,x", "911", "+1911",
]  # fmt: skip


@pytest.mark.parametrize("number", NOT_DIALLED)
def test_no_dial_string_is_a_number(target: Target, number: str) -> None:
    quoted = number.replace("\\", "\\\\")
    with client(target) as one:
        assert one.ask(b"MAIL FROM:<%s> SMTPUTF8" % SENDER.encode()).startswith("250")
        assert one.ask(f'RCPT TO:<"{quoted}"@{DOMAIN}>'.encode())[:3] in {"550", "501"}
    url = f"http://127.0.0.1:{target.api_port}/v2/accounts/{target.account}/faxes"
    order = {"to_number": number, "from_number": "+12025550123", "document": {"url": "http://example.com/a.pdf"}}
    answer = httpx.put(url, json={"data": order}, headers={"X-Auth-Token": target.token})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("said", [b"", b"MAIL FROM:<" + b"a" * 100])
def test_a_command_that_does_not_end(target: Target, said: bytes) -> None:
    with bounded(target.pid, mebibytes=20, seconds=PATIENCE * 3), client(target) as one:
        one.link.sendall(said)
        began = time.monotonic()
        one.link.settimeout(0.1)
        with suppress(ConnectionError):
            while time.monotonic() - began < PATIENCE * 2:
                one.link.sendall(b"x")
                with suppress(TimeoutError):
                    one.link.recv(1, socket.MSG_PEEK)
                    break
        one.link.settimeout(20)
        assert one.hear().startswith("421 4.4.2")


def test_a_mail_that_stops_half_way(target: Target) -> None:
    with bounded(target.pid, mebibytes=20, seconds=PATIENCE * 3), client(target) as one:
        one.begin()
        one.link.sendall(letter()[:500])
        assert one.hear().startswith("421 4.4.2")


def test_a_client_that_reads_nothing(target: Target) -> None:
    with bounded(target.pid, mebibytes=20, seconds=PATIENCE * 15), client(target) as one:
        one.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(ConnectionError, TimeoutError):
            while True:
                one.link.sendall(b"EHLO x\r\n" * 1000)


NAMES = [
    "../../../etc/passwd.pdf", "a\0b.pdf", "fdp.exe\u202egnp.pdf", "x" * 4000 + ".pdf", "con.pdf",
    "$(reboot);`id`|&.pdf", "a\r\nBcc: evil@example.com.pdf", "C:\\Windows\\a.pdf",
    ".pdf", "'\"<script>alert(1)</script>.pdf",
]  # fmt: skip


def words(text: str) -> bytes:
    """As encoded words (RFC 2047)."""
    pieces = [b64encode(text[at : at + 10].encode()) for at in range(0, len(text), 10)]
    return b"\r\n ".join(b"=?utf-8?b?%s?=" % piece for piece in pieces)


def continued(name: str) -> bytes:
    """As the continuations of a parameter (RFC 2231 3)."""
    octets = [b"%%%02x" % octet for octet in name.encode()]
    pieces = [b"".join(octets[at : at + 20]) for at in range(0, len(octets), 20)]
    return b"".join(
        b";\r\n filename*%d*=%s%s" % (at, b"" if at else b"utf-8''", piece) for at, piece in enumerate(pieces)
    )


def test_names_and_subjects_break_nothing(target: Target) -> None:
    """Of files, in encoded words and parameters of RFC 2231: they are shown, and are part of no path and no header."""
    before = {path.name for path in target.folder.rglob("*") if path.is_dir()}
    parts = []
    for name in NAMES:
        parts.append(attached(pdf(), b'application/pdf;\r\n name="' + words(name) + b'"'))
        parts.append(attached(pdf(), b"application/pdf", b"Content-Disposition: attachment" + continued(name)))
    subject = words("Hello\r\nBcc: evil@example.com\r\n\r\n<b>\u202eolleH")
    mail = mixed(*parts, fields=(b"Subject: " + subject,))
    with bounded(target.pid, mebibytes=40, seconds=20), client(target) as one:
        reply = one.send(mail)
    assert reply.startswith("250"), reply
    entry = _entry(target, reply.split()[-1])
    for shown in (entry["subject"], *(one["name"] for one in entry["attachments"])):
        assert shown.isprintable(), ascii(shown)
        assert "\u202e" not in shown
        assert len(shown) < 1000
    told = _told(target, entry["fax_ids"][0])
    assert not {"bcc", "cc", "x-evil"} & {name.lower() for name in told}
    assert len(told.get_all("To", [])) == len(told.get_all("Subject", [])) == 1
    made = {path.name for path in target.folder.rglob("*") if path.is_dir()} - before
    assert not {name for name in made if not name.replace("-", "").isalnum()}
    assert not list(target.folder.rglob("*passwd*"))


def _entry(target: Target, entry_id: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{target.api_port}/v2/accounts/{target.account}/faxes/smtplog/{entry_id}"
    found: dict[str, Any] = httpx.get(url, headers={"X-Auth-Token": target.token}).json()["data"]
    return found


def _told(target: Target, fax_id: str) -> email.message.EmailMessage:
    """The mail that tells the sender of this fax."""
    for _ in range(600):
        for path in (target.folder / "mail" / "new").glob("*"):
            if fax_id.encode() in (octets := path.read_bytes()):
                return email.message_from_bytes(octets, policy=default)
        time.sleep(0.05)
    raise TimeoutError
