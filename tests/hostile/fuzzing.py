"""What is thrown at the gateway that nobody thought of: dialogues, mails and requests made of the pieces that real ones
are made of, and of noise. Whatever comes, each is answered in its form and time, and nothing is a fault of ours.

`test_fuzz` throws a few, always the same; `make fuzz` (`python -m tests.hostile.fuzz`) new ones, for as long as told.
"""

import json
import pickle
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from smtp import claims, dkim
from smtp.message import Message, Options, read
from tests.hostile.conftest import RECIPIENT, SENDER, Target
from tests.smtp.mails import pdf, png

REPLY = re.compile(rb"[2-5][0-9]{2}[ -][^\r\n]*\Z")
PATIENCE = 15.0
TROUBLE = re.compile(r"Traceback| ERROR | CRITICAL ")


@dataclass
class Watched:
    """A gateway, and how far its log has been read."""

    target: Target
    description: dict[str, Any] = field(repr=False)
    _read: int = field(default=0)

    def no_trouble(self) -> None:
        with (self.target.folder / "gateway.log").open("rb") as log:
            log.seek(self._read)
            said = log.read()
        self._read += len(said)
        assert not TROUBLE.search(said.decode("utf-8", "replace")), said.decode("utf-8", "replace")[-4000:]


def exchange(port: int, said: bytes, *, closing: bool) -> bytes:
    """Say all of it, close our side or not, and hear to the end."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as link:
        with suppress(ConnectionError):
            link.sendall(said)
            if closing:
                link.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while octets := link.recv(1 << 16):
                heard += octets
    return bytes(heard)


# Mails

NAMES = st.sampled_from([
    b"Subject", b"From", b"To", b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding",
    b"Content-ID", b"Message-ID", b"Date", b"DKIM-Signature", b"Authentication-Results", b"Auto-Submitted",
    b"X-Fax-Cover", b"X-Fax-At", b"Received", b"MIME-Version", b"", b" ", b"\xff",
])  # fmt: skip
VALUES = st.sampled_from([
    b"multipart/mixed; boundary=b", b"multipart/related; boundary=b", b"multipart/alternative; boundary=\"c\"",
    b"multipart/digest; boundary=b", b"message/rfc822", b"text/plain; charset=utf-7", b"text/plain; charset=idna",
    b"text/html; charset=\"\xff\"", b"application/pdf; name*0*=utf-8''%ff; name*1=x; name*0=y",
    b"image/png; name=logo.png", b"attachment; filename=\"a\\\"b.pdf\"", b"inline", b"base64", b"quoted-printable",
    b"x-uuencode", b"7bit (\"", b"=?utf-8?b?SGVsbG8NCg==?=", b"=?idna?q?=FF?=", b"=?utf-16?b?AAA?=", b"<x>",
    b"a@b.example, c@d.example", b"<alice@example.com>",
    b"v=1; a=rsa-sha256; d=example.com; s=s; h=from:from; bh=x; b=x",
    b"v=1; a=ed25519-sha256; d=a.example; s=\xff; t=9; x=1; h=; bh=; b=",
    b"mx.example; dmarc=pass header.from=example.com", b"mx.example; dmarc=((pass", b"auto-generated",
    b"2026-13-45", b"yes", b"\t\r\n folded", b"(((((((", b"\"", b";;;=;", b"Sun, 99 Nov 99999 99:99:99 +9999",
])  # fmt: skip
FIELDS = st.tuples(NAMES, st.one_of(VALUES, VALUES, st.binary(max_size=30))).map(lambda pair: b"%s: %s\r\n" % pair)
BODIES = st.sampled_from([
    pdf(), png(300, 300), b"%PDF-1.4\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0",
    b"\x78\x9f\x3e\x22\x01\0", b"PK\x03\x04", b"JVBERi0xLjQK", b"=ZZ=\r\n=", b"<html><p>x<img src='cid:x'>",
    b"--b\r\n", b"--b--\r\n", b"--c\r\n", b"\r\n\r\n", b"\r\n", b"begin 644 a\r\n", b"{\\rtf1", b"BEGIN:VCARD\r\n",
    b"-- \r\n", b"\n", b"\0",
])  # fmt: skip
MAILS = st.lists(st.one_of(FIELDS, BODIES, st.just(b"\r\n"), st.binary(max_size=12)), max_size=30).map(b"".join)


def mail(octets: bytes, body_as_page: bool) -> None:
    """A mail is read or refused, in a text that can be stored and shown; and so is what it says of its sender."""
    began = time.process_time()
    got = read(octets, Options(body_as_page=body_as_page, mail_options=frozenset({"cover", "at", "password"})))
    assert isinstance(got, Message)
    assert got.refusal is not None or any(part.outcome == "faxed" for part in got.parts)
    for text in (got.subject, got.message_id, got.date, *(part.name for part in got.parts)):
        text.encode()
        assert not set(text) & set("\r\n\0")
    pickle.loads(pickle.dumps(got))
    bounced = read(octets, Options(bounce_of=""))
    assert bounced.bounce is not None or bounced.refusal is not None
    said = claims.read(octets, 1.8e9, "mx.example")
    dkim.verify(octets, said.signatures, {at: ("v=DKIM1; p=AAAA",) for at, _ in enumerate(said.signatures)})
    assert time.process_time() - began < 5


# Dialogues

WORDS = st.sampled_from([
    b"EHLO x.example", b"HELO x", b"EHLO", b"RSET", b"NOOP", b"QUIT", b"VRFY x", b"EXPN x", b"HELP", b"DATA",
    b"DATA x", b"BDAT 5 LAST", b"AUTH PLAIN AGEAYg==", b"AUTH LOGIN", b"AUTH", b"STARTTLS", b"XCLIENT ADDR=1.2.3.4",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2", b"LHLO x", b"MAIL FROM:<>", b"MAIL FROM:<%s>" % SENDER.encode(),
    b"MAIL FROM:<%s> SIZE=99 BODY=8BITMIME RET=HDRS ENVID=a+3Db" % SENDER.encode(),
    b"MAIL FROM:<a@b.example> SMTPUTF8 SIZE=99999999999999999999", b"MAIL FROM:<\"a b\"@[IPv6:::1]>",
    b"MAIL FROM: <@a,@b:c@d.example>", b"RCPT TO:<%s>" % RECIPIENT.encode(),
    b"RCPT TO:<%s> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b" % RECIPIENT.encode(), b"RCPT TO:<postmaster>",
    b"RCPT TO:<postmaster@fax.example.com>", b"RCPT TO:<\"\\\r\n\"@fax.example.com>",
    b"RCPT TO:<FAX=+1/T33S=1@fax.example.com>", b"RCPT TO:<911@fax.example.com>",
    "RCPT TO:<\u0665\u0665@fax.example.com>".encode(), b"GET / HTTP/1.1", b"\x16\x03\x01\x02\0\x01",
])  # fmt: skip
LINES = st.one_of(
    WORDS.map(lambda word: word + b"\r\n"),
    WORDS.map(lambda word: word + b"\r\n"),
    st.tuples(WORDS, st.sampled_from([b"\n", b"\r", b"\0\r\n", b" \r\n", b" X=Y\r\n"])).map(b"".join),
    st.tuples(st.sampled_from([b"MAIL FROM:", b"RCPT TO:", b"EHLO ", b""]), st.text(max_size=30)).map(
        lambda pair: pair[0] + pair[1].encode("utf-8", "surrogatepass") + b"\r\n"
    ),
    MAILS,
    st.just(b"\r\n.\r\n"),
    st.binary(max_size=20),
)
SENT = MAILS.map(
    lambda octets: (
        b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n%s\r\n.\r\n" % (SENDER.encode(), RECIPIENT.encode(), octets)
    )
)
DIALOGUES = st.lists(st.one_of(LINES, LINES, SENT), max_size=25).map(
    lambda said: b"EHLO x.example\r\n" + b"".join(said)
)


def dialogue(watched: Watched, said: bytes) -> None:
    """Every line heard is a reply's, the session ends with the client, and the log knows of no fault."""
    heard = exchange(watched.target.smtp_port, said, closing=True)
    for line in heard.split(b"\r\n")[:-1]:
        assert REPLY.match(line), line
        assert len(line) <= 510
    assert heard.endswith(b"\r\n") or b"STARTTLS" in said
    watched.no_trouble()


# Requests

TEXTS = st.sampled_from([
    "+12025550190", "alice@example.com", "http://127.0.0.1/", "2026-12-01T09:00", "Europe/Paris", "*", "yes", "de",
    "GB",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | TEXTS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.sampled_from([
    b"Accept: image/png;q=0.5, */*;q=x", b"Accept: text/csv", b"Accept: application/pdf", b"Range: bytes=0-1,5-",
    b"Range: bytes=99999999999999999999-", b"If-Match: \"x\", W/\"", b"If-None-Match: *", b"Idempotency-Key: \xff",
    b"Idempotency-Key: a", b"Content-Type: application/pdf", b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: multipart/form-data", b"Content-Type: \xff; charset=\"", b"X-Request-Id: \x7f",
    b"Last-Event-ID: x", b"Expect: 100-continue", b"Connection: upgrade", b"Upgrade: websocket",
    b"X-Forwarded-For: \xff, ::1", b"Cookie: " + b"a" * 5000, b"X-Forwarded-Proto: wss", b"Accept-Encoding: gzip",
    b"Host: y",
])  # fmt: skip
PARAMETERS = st.sampled_from([
    "page_size", "start_key", "created_from", "filter_status", "descending", "paginate", "to_number", "name", "dry_run",
    "page", "x",
])  # fmt: skip
OCTETS = st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass"))


def _query(found: dict[str, bytes]) -> bytes:
    return "&".join(f"{name}=" + "".join(f"%{octet:02x}" for octet in value) for name, value in found.items()).encode()


QUERIES = st.dictionaries(PARAMETERS, OCTETS, max_size=3).map(_query)
SKIPPED = ("/events",)
"""What never ends."""


def names_of(found: object) -> set[str]:
    """The names of all fields in the description."""
    if isinstance(found, list):
        return {name for one in found for name in names_of(one)}
    if not isinstance(found, dict):
        return set()
    own = found.get("properties")
    inner = {name for one in found.values() for name in names_of(one)}
    return inner | (set(own) if isinstance(own, dict) else set())


def requests(watched: Watched) -> st.SearchStrategy[bytes]:
    """Requests of the operations that the API describes; what they name may be there or not."""
    target, description = watched.target, watched.description
    operations = [
        (method.upper().encode(), path)
        for path, methods in description["paths"].items()
        for method in methods
        if not path.endswith(SKIPPED) and not (method == "delete" and path.count("{") < 2)
    ]
    fields = sorted(names_of(description))
    known = [target.faxbox, "0" * 32, "x", "%00", "..%2f", "%ff", "+12025550123", "", "a" * 300]
    ids = st.sampled_from(known)
    data = st.dictionaries(st.sampled_from(fields), JSON, max_size=5)
    pieces = st.one_of(st.just(b"--b\r\n"), st.just(b"--b--\r\n"), FIELDS, BODIES, st.binary(max_size=9))
    bodies = st.one_of(
        data.map(lambda found: json.dumps({"data": found}).encode()),
        JSON.map(lambda found: json.dumps(found).encode()),
        st.lists(pieces, max_size=9).map(b"".join),
    )

    @st.composite
    def request(draw: st.DrawFn) -> bytes:
        method, path = draw(st.sampled_from(operations))
        where = re.sub(r"\{(\w+)\}", lambda m: target.account if m[1] == "account_id" else draw(ids), path)
        query, body = draw(QUERIES), draw(st.one_of(st.just(b""), bodies))
        told = [
            b"Host: x",
            b"X-Auth-Token: " + target.token.encode(),
            b"Connection: close",
            *draw(st.lists(HEADERS, max_size=3)),
        ]
        told.append(b"Content-Length: %d" % len(body))
        first = b"%s %s%s HTTP/1.1" % (method, where.encode(), b"?" + query if query else b"")
        return b"\r\n".join((first, *told, b"", body))

    return request()


def request(watched: Watched, said: bytes) -> None:
    """It has one answer, in the envelope where that is JSON, and never 500."""
    heard = exchange(watched.target.api_port, said, closing=False)
    while heard.startswith(b"HTTP/1.1 100 "):
        heard = heard.partition(b"\r\n\r\n")[2]
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), heard[:200]
    status = int(head[9:12])
    assert status < 500, heard[:2000]
    assert b"Traceback" not in body
    if status >= 400 and b"application/json" in head and body and b"HEAD" not in said[:4]:
        assert json.loads(body)["status"] == "error"
    watched.no_trouble()
