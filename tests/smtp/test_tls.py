"""TLS: STARTTLS (RFC 3207) and TLS from the first octet (RFC 8314), spoken by clients of the standard library."""

import asyncio
import datetime
import logging
import os
import smtplib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from smtp import replies
from smtp.policy import Door as Speaks
from smtp.policy import Limits
from smtp.tls import BadCertificateError, Certificate
from tests.smtp.conftest import Client, Door, running
from tests.smtp.mails import octets, with_pdf

AUTHORITY = trustme.CA()
NUMBER = "+15551234567@fax.example.com"


def write(certificate: trustme.LeafCert, folder: Path) -> Path:
    path = folder / "listener.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return write(AUTHORITY.issue_cert("127.0.0.1"), tmp_path)


@pytest.fixture
async def secured(tmp_path: Path, pem: Path) -> AsyncIterator[Door]:
    async with running(tmp_path / "spool", Limits(), certificate=Certificate(pem)) as door:
        yield door


async def upgraded(client: Client) -> Client:
    assert await client.ask("STARTTLS") == replies.READY_FOR_TLS
    await client.writer.start_tls(trusting(), server_hostname="127.0.0.1")
    return client


async def test_smtplib_sends_after_starttls(secured: Door) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", secured.server.port, timeout=20) as client:
            client.ehlo()
            assert client.has_extn("starttls")
            client.starttls(context=trusting())
            client.ehlo()
            assert not client.has_extn("starttls")
            client.send_message(with_pdf(filler=b"y" * 200_000), "alice@example.com", [NUMBER])

    await asyncio.to_thread(send)
    (entry,) = secured.submissions.entries
    assert entry.accepted
    assert entry.tls.startswith("TLSv1.3 TLS_")


async def test_smtplib_sends_where_tls_comes_first(secured: Door) -> None:
    port = await secured.server.start("127.0.0.1", 0, Speaks.SMTPS)

    def send() -> None:
        with smtplib.SMTP_SSL("127.0.0.1", port, timeout=20, context=trusting()) as client:
            client.send_message(with_pdf(), "alice@example.com", [NUMBER])

    await asyncio.to_thread(send)
    (entry,) = secured.submissions.entries
    assert entry.tls.startswith("TLSv1.3 ")


async def test_the_session_begins_anew_after_the_handshake(secured: Door) -> None:
    client = await secured.greeted()
    await client.envelope()
    await upgraded(client)
    assert await client.ask("MAIL FROM:<alice@example.com>") == replies.HELO_FIRST
    assert await client.ask("DATA") == replies.MAIL_FIRST
    assert await client.ask("STARTTLS") == replies.ALREADY_TLS
    assert "STARTTLS" not in await client.ask("EHLO client.example")
    assert (await client.send(octets(with_pdf()))).startswith("250")
    assert "the client began anew with STARTTLS" in secured.submissions.recorded[0].errors


async def test_what_stands_behind_starttls_is_not_obeyed(secured: Door) -> None:
    client = await secured.greeted()
    client.say("STARTTLS\r\nEHLO evil\r\nMAIL FROM:<alice@example.com>\r\n")
    assert await client.hear() == replies.BEHIND_STARTTLS
    assert await client.hear() == ""
    await secured.until_all_left()
    assert not secured.submissions.entries


async def test_what_comes_behind_starttls_in_a_packet_of_its_own_is_no_command(
    secured: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smtp")
    client = await secured.greeted()
    assert await client.ask("STARTTLS") == replies.READY_FOR_TLS
    client.say("MAIL FROM:<alice@example.com>\r\n")
    await secured.until_all_left()
    assert not secured.submissions.entries
    assert "smtp: TLS with 127.0.0.1:" in caplog.text


async def test_tls_before_1_2_is_refused(secured: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smtp")
    port = await secured.server.start("127.0.0.1", 0, Speaks.SMTPS)

    def shake() -> None:
        old = trusting()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            pytest.raises(OSError),
            old.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            pass

    await asyncio.to_thread(shake)
    await secured.until_all_left()
    assert "TLS with 127.0.0.1:" in caplog.text


async def test_a_handshake_that_does_not_come_is_not_waited_for(tmp_path: Path, pem: Path) -> None:
    limits = Limits(handshake_seconds=0.2)
    async with running(tmp_path, limits, certificate=Certificate(pem)) as door:
        client = await door.greeted()
        assert await client.ask("STARTTLS") == replies.READY_FOR_TLS
        async with asyncio.timeout(5):
            await door.until_all_left()
        assert await client.hear() == ""


@pytest.mark.parametrize("reset", [True, False])
async def test_a_health_check_is_no_handshake_that_failed(
    secured: Door, caplog: pytest.LogCaptureFixture, reset: bool
) -> None:
    """HAProxy and others connect to a TLS port, and leave by RST or FIN without a word."""
    caplog.set_level(logging.INFO, "smtp")
    port = await secured.server.start("127.0.0.1", 0, Speaks.SMTPS)
    with socket.create_connection(("127.0.0.1", port), 10) as check:
        check.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    await secured.until_all_left()
    assert not secured.server.sessions
    assert not caplog.records


async def test_a_handshake_that_is_not_begun_is_not_waited_for(
    tmp_path: Path, pem: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smtp")
    async with running(tmp_path, Limits(handshake_seconds=0.2), certificate=Certificate(pem)) as door:
        port = await door.server.start("127.0.0.1", 0, Speaks.SMTPS)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
            await door.until_all_left()
        writer.close()
    assert "no handshake in time" in caplog.text


async def test_the_server_stops_before_a_handshake(tmp_path: Path, pem: Path) -> None:
    async with asyncio.timeout(5), running(tmp_path, Limits(), certificate=Certificate(pem)) as door:
        port = await door.server.start("127.0.0.1", 0, Speaks.SMTPS)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        await door.server.stop()
        assert await reader.read() == b""
        writer.close()


async def test_the_server_stops_during_a_handshake(tmp_path: Path, pem: Path) -> None:
    async with asyncio.timeout(5), running(tmp_path, Limits(), certificate=Certificate(pem)) as door:
        client = await door.greeted()
        assert await client.ask("STARTTLS") == replies.READY_FOR_TLS
        await asyncio.sleep(0.05)


async def test_mail_without_tls_where_it_is_required(tmp_path: Path, pem: Path) -> None:
    async with running(tmp_path, Limits(), certificate=Certificate(pem), tls_required=True) as door:
        client = await door.greeted()
        assert await client.ask("MAIL FROM:<alice@example.com>") == replies.TLS_FIRST
        (refused,) = door.submissions.recorded
        assert (refused.reply, refused.tls, refused.sender) == (replies.TLS_FIRST, "", "alice@example.com")
        await upgraded(client)
        await client.ask("EHLO client.example")
        assert (await client.send(octets(with_pdf()))).startswith("250")


async def test_no_tls_without_certificate(door: Door, client: Client) -> None:
    assert "STARTTLS" not in await client.ask("EHLO client.example")
    assert await client.ask("STARTTLS") == replies.NOT_OFFERED


def expiry(port: int) -> float:
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        trusting().wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        assert secure.recv(100).startswith(b"220")
        found = secure.getpeercert()
    assert found
    return ssl.cert_time_to_seconds(str(found["notAfter"]))


async def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(
    secured: Door, pem: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = await secured.server.start("127.0.0.1", 0, Speaks.SMTPS)
    before = await asyncio.to_thread(expiry, port)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90)
    write(AUTHORITY.issue_cert("127.0.0.1", not_after=later), pem.parent)
    renewed = await asyncio.to_thread(expiry, port)
    assert renewed != before
    pem.write_text("half a certif")
    assert [await asyncio.to_thread(expiry, port) for _ in range(2)] == [renewed, renewed]
    assert caplog.text.count("the new certificate cannot be used") == 1
    pem.unlink()
    assert await asyncio.to_thread(expiry, port) == renewed


@pytest.mark.parametrize("trouble", ["missing", "no key", "somebody's key", "locked key", "text"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, pem: Path, trouble: str) -> None:
    key = pem
    if trouble == "missing":
        pem.unlink()
    elif trouble == "no key":
        AUTHORITY.cert_pem.write_to_path(str(pem))
    elif trouble == "somebody's key":
        key = tmp_path / "key.pem"
        AUTHORITY.issue_cert("x.example").private_key_pem.write_to_path(str(key))
    elif trouble == "locked key":
        key = tmp_path / "key.pem"
        key.write_bytes(locked())
    else:
        pem.write_text("text")
    with pytest.raises(BadCertificateError, match=os.fspath(pem)):
        Certificate(pem, key)


def locked() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
