"""Where our own mails leave: an SMTP relay, or a Maildir for development.

Both deliver one message to one recipient and say truly what became of it. What the relay will never take raises
RefusedDeliveryError; anything that may pass (its 4xx, no connection, a full disk, our own password refused) raises
DelayedDeliveryError, and `gateway.postman` tries again. When the connection is lost after the message and before its
reply, the mail may have left: that is a delay too, for a mail that comes twice is better than none. A double in SMTP
is known by its Message-ID and X-Faxgate-Notice; in a Maildir there is none, as the file is named by its key.
"""

import asyncio
import contextlib
import hashlib
import ipaddress
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib

from gateway.ports import DelayedDeliveryError, Mailer, RefusedDeliveryError


def mailer_from_url(url: str, *, hostname: str | None = None) -> Mailer:
    """The mailer of a `FAXGATE_MAIL_URL`; `hostname` is what we call ourselves in EHLO. Raises ValueError.

    `smtp://user:password@host:port` and `smtps://...`, percent-encoded, with these options behind `?`, joined by `&`:
    `starttls=auto` (the default: when it is offered), `on` or `off`; `ca=FILE` to trust, in PEM; `timeout=SECONDS`.
    `maildir:PATH`.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "maildir":
        if not rest.strip("/"):
            raise ValueError("expected maildir:PATH")
        return MaildirMailer(Path(rest.removeprefix("//")))
    if scheme not in {"smtp", "smtps"}:
        raise ValueError("expected smtp://, smtps:// or maildir:")
    return SmtpMailer(_relay(url, hostname))


def _check_addresses(sender: str, recipient: str) -> None:
    # aiosmtplib takes the address out of what looks like a header, and so would mail somebody else.
    if not recipient or any(c in "<>\x7f" or ord(c) < 32 for c in sender + recipient):
        raise RefusedDeliveryError("An address has a character in it that no address can have.")


# A relay


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """How to reach the relay, as its URL says."""

    host: str
    port: int
    tls: bool = False
    """TLS from the first byte (RFC 8314)."""
    starttls: bool | None = None
    """None: when the relay offers it."""
    user: str = ""
    password: str = ""
    ca: str = ""
    timeout: float = 60.0
    """Seconds for connecting and for the answer to a command."""
    hostname: str | None = None

    @property
    def on_this_host(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def verified(self) -> bool:
        """Whether the relay's certificate must be good. A relay on this host needs no proof, and where TLS is only
        taken because it is offered, a bad certificate is no worse than none (RFC 7435); a password asks for more."""
        if self.ca:
            return True
        return not self.on_this_host and (self.tls or self.starttls is True or bool(self.user))

    @property
    def password_in_clear(self) -> bool:
        """Whether the password may be sent without TLS: on this host, or where the operator has said so."""
        return self.on_this_host or (not self.tls and self.starttls is False)


def _relay(url: str, hostname: str | None) -> Relay:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("expected smtp://user:password@host:port") from None  # its text could show the password
    if not parts.hostname or parts.path.strip("/"):
        raise ValueError("expected smtp://user:password@host:port")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "auto")
    if starttls not in _STARTTLS or (parts.scheme == "smtps" and starttls == "on"):
        raise ValueError("starttls is on, off or auto, and smtps:// has TLS without it")
    ca = options.pop("ca", "")
    if ca and not Path(ca).is_file():
        raise ValueError(f"ca: there is no file {ca}")
    try:
        timeout = float(options.pop("timeout", "60"))
    except ValueError:
        timeout = 0.0
    if not 0 < timeout <= 3600:
        raise ValueError("timeout is a number of seconds, up to 3600")
    if options:
        raise ValueError(f"unknown option {min(options)}; there are starttls, ca and timeout")
    tls = parts.scheme == "smtps"
    return Relay(
        host=parts.hostname,
        port=port or (465 if tls else 25),
        tls=tls,
        starttls=False if tls else _STARTTLS[starttls],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ca=ca,
        timeout=timeout,
        hostname=hostname,
    )


_STARTTLS = {"on": True, "off": False, "auto": None}

FRESH_SECONDS = 30.0
"""How long an idle connection is used again; relays hang up on idle clients after minutes."""

ANSWER_TO_DATA = 10
"""RFC 5321 4.5.3.2.6 gives the answer to the final dot ten minutes, as giving up there makes doubles: so many times
the time-out of a command."""

_OUR_ACCESS = frozenset({530, 534, 535, 538})
"""5xx that speak of our password and not of this mail (RFC 4954 6): the operator mends it and the mail goes."""


class SmtpMailer:
    """Delivers to an SMTP relay over one connection, which is kept while it is fresh. Safe for many tasks: they wait
    for each other."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._turn = asyncio.Lock()
        self._smtp: aiosmtplib.SMTP | None = None
        self._used_at = 0.0

    async def send(self, *, sender: str, recipient: str, message: bytes, key: str) -> str:
        # The key is not ours to write into the message: letters carry it as X-Faxgate-Notice.
        _check_addresses(sender, recipient)
        async with self._turn:
            try:
                smtp = await self._connected()
                answer = await self._transaction(smtp, sender, recipient, message)
            except RefusedDeliveryError:
                self._used_at = time.monotonic()  # a whole answer: the connection is good for the next mail
                raise
            except BaseException:
                self._drop()  # cancelled, too: half a dialogue is of no use to the next mail
                raise
            self._used_at = time.monotonic()
            return answer

    async def close(self) -> None:
        async with self._turn:
            if self._smtp is not None and self._smtp.is_connected:
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # we leave, whatever it says
                    await self._smtp.quit(timeout=5)
            self._drop()

    async def _transaction(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, message: bytes) -> str:
        options = []
        encoding = "ascii"
        if not (sender + recipient).isascii():
            if not smtp.supports_extension("smtputf8"):
                raise RefusedDeliveryError("The relay cannot deliver to internationalised addresses (no SMTPUTF8).")
            options.append("SMTPUTF8")
            encoding = "utf-8"
        if smtp.supports_extension("size"):
            options.append(f"SIZE={len(message)}")
        if smtp.supports_extension("8bitmime") and not message.isascii():
            options.append("BODY=8BITMIME")
        try:
            await smtp.mail(sender, options=options, encoding=encoding)
            await smtp.rcpt(recipient, encoding=encoding)
            answer = await smtp.data(message, timeout=self._relay.timeout * ANSWER_TO_DATA)
        except aiosmtplib.SMTPResponseException as error:
            text = _told(error.code, error.message)
            if 500 <= error.code <= 599 and error.code not in _OUR_ACCESS:
                raise RefusedDeliveryError(text) from error
            raise DelayedDeliveryError(text) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DelayedDeliveryError(f"The relay went away: {error}") from error
        except ValueError as error:
            raise RefusedDeliveryError(f"An address cannot be sent: {error}") from error
        return _told(answer.code, answer.message)

    async def _connected(self) -> aiosmtplib.SMTP:
        """The kept connection if it still answers, else a new one."""
        smtp = self._smtp
        if smtp is not None and smtp.is_connected and time.monotonic() - self._used_at < FRESH_SECONDS:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # it went stale: a new one tells more
                await smtp.rset()
                return smtp
        self._drop()
        self._smtp = smtp = await self._connect()
        return smtp

    async def _connect(self) -> aiosmtplib.SMTP:
        relay = self._relay
        try:
            smtp = aiosmtplib.SMTP(
                hostname=relay.host,
                port=relay.port,
                local_hostname=relay.hostname,
                timeout=relay.timeout,
                use_tls=relay.tls,
                start_tls=relay.starttls,
                validate_certs=relay.verified,
                cert_bundle=relay.ca or None,
            )
            await smtp.connect()
        except aiosmtplib.SMTPResponseException as error:
            # A 5xx here is about us and not about the mail: it stays.
            raise DelayedDeliveryError(
                f"The relay {relay.host} does not take our mail now: {_told(error.code, error.message)}"
            ) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ValueError: a name of ours that is none
            raise DelayedDeliveryError(f"The relay {relay.host} cannot be reached: {error}") from error
        try:
            await self._log_in(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        relay = self._relay
        try:
            if not relay.user:
                await smtp.ehlo()
                return
            encrypted = smtp.get_transport_info("sslcontext") is not None
            if not encrypted and not relay.password_in_clear:
                raise DelayedDeliveryError(
                    f"The relay {relay.host} offers no TLS, and the password is not sent without it "
                    "(starttls=off in the mail URL allows that)."
                )
            await smtp.login(relay.user, relay.password)
        except aiosmtplib.SMTPResponseException as error:
            raise DelayedDeliveryError(
                f"The relay {relay.host} does not let us in: {_told(error.code, error.message)}"
            ) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DelayedDeliveryError(f"The relay {relay.host} cannot be used: {error}") from error

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


def _told(code: int, message: str) -> str:
    """The relay's reply on one line; bytes of it that are not UTF-8 become `?`, as the answer is to be stored."""
    return f"{code} {' '.join(message.split())}".encode("utf-8", "replace").decode()


# A Maildir

_ABANDONED = 36 * 3600
"""maildir(5): what is in tmp for 36 hours belongs to nobody any more."""


class MaildirMailer:
    """One Maildir for all recipients, told apart by Delivered-To; for development and tests.

    A file is named by its key and recipient: a delivery that is tried again after a crash finds the first one, in
    `new` or moved on to `cur`, and writes no second. A returned delivery is on the disk, directory included.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = False

    async def send(self, *, sender: str, recipient: str, message: bytes, key: str) -> str:
        _check_addresses(sender, recipient)
        try:
            return await asyncio.to_thread(self._deliver, sender, recipient, message, key)
        except OSError as error:
            raise DelayedDeliveryError(f"The Maildir cannot be written: {error.strerror}") from error

    async def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(self, sender: str, recipient: str, message: bytes, key: str) -> str:
        if not self._made:
            self._make()
            self._made = True
        name = _maildir_name(key, recipient)
        if self._holds(name):
            return f"already in the Maildir as {name}"
        envelope = f"Return-Path: <{sender}>\nX-Original-To: {recipient}\nDelivered-To: {recipient}\n"
        written = self._path / "tmp" / f"{name}.{os.getpid()}.{time.monotonic_ns()}"
        with written.open("xb") as file:
            file.write(envelope.encode() + message.replace(b"\r\n", b"\n"))  # a Maildir holds local line ends
            file.flush()
            os.fsync(file.fileno())
        written.rename(self._path / "new" / name)
        _sync(self._path / "new")
        return f"in the Maildir as {name}"

    def _holds(self, name: str) -> bool:
        # A reader moves `new/NAME` to `cur/NAME:2,FLAGS`.
        return (self._path / "new" / name).exists() or any((self._path / "cur").glob(f"{name}:2,*"))

    def _make(self) -> None:
        tmp = self._path / "tmp"
        for folder in (tmp, self._path / "cur", self._path / "new"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(self._path)
        _sync(self._path.parent)
        for left in tmp.iterdir():
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink(missing_ok=True)


def _maildir_name(key: str, recipient: str) -> str:
    """The same for the same notice and recipient; in order of time where keys are."""
    readable = key if re.fullmatch(r"[0-9A-Za-z_-]{1,64}", key) else hashlib.sha256(key.encode()).hexdigest()
    return f"{readable}.{hashlib.sha256(recipient.encode()).hexdigest()[:16]}.faxgate"


def _sync(folder: Path) -> None:
    """Make the folder's own entries durable: the fsync of a file does not cover its name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
