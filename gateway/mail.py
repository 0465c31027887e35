"""Where our own mails leave: an SMTP relay (or a Maildir for development, `gateway.maildir`).

It delivers one message to one recipient and says truly what became of it. What the relay will never take raises
RefusedDeliveryError; anything that may pass (its 4xx, no connection, our own password refused) raises
DelayedDeliveryError, and `gateway.postman` tries again. When the connection is lost after the message and before its
reply, the mail may have left: that is a delay too, for a mail that comes twice is better than none. A double is known
by its Message-ID and X-Faxgate-Notice.
"""

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib

from gateway.maildir import MaildirMailer, check_addresses
from gateway.networks import is_loopback
from gateway.ports import DelayedDeliveryError, Mailer, RefusedDeliveryError

log = logging.getLogger(__name__)


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
        return is_loopback(self.host)

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


class ChannelClosedError(DelayedDeliveryError):
    """421: the relay does not go on with this connection."""


MOST_CONNECTIONS = 4

LIMIT_SECONDS = 300.0
"""How long a relay that did not take one more connection is not asked for one again."""


def _written_as(smtp: aiosmtplib.SMTP, *addresses: str) -> tuple[list[str], str]:
    """With which options of MAIL, and in which encoding, the addresses are written (RFC 6531). Raises
    RefusedDeliveryError where the relay cannot have them."""
    if all(address.isascii() for address in addresses):
        return [], "ascii"
    if not smtp.supports_extension("smtputf8"):
        raise RefusedDeliveryError("The relay cannot deliver to internationalised addresses (no SMTPUTF8).")
    return ["SMTPUTF8"], "utf-8"


class SmtpMailer:
    """Delivers to an SMTP relay over a few connections, each kept while it is fresh, so that a slow mail does not hold
    up others. Safe for many tasks: those that find no connection wait.

    A relay may limit the connections of a client, mostly with a greeting of 421. Where it takes no further one while we
    have some, the mail waits for one of these. Where it says 421 to a mail, which closes the channel (RFC 5321 3.8),
    that mail is tried later, and there is one connection less while we have others.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._withheld = 0
        """Places that are not used, as the relay takes fewer connections."""
        self._withheld_at = 0.0
        self._opening = asyncio.Lock()
        """One at a time: whoever is refused then knows whether others are open."""
        self._open = 0
        self._kept: list[tuple[float, aiosmtplib.SMTP]] = []
        """Idle connections, and since when. The last used is used first, so that those too many grow old."""
        self._closed = False

    async def send(self, *, sender: str, recipient: str, message: bytes, key: str) -> str:
        # The key is not ours to write into the message: letters carry it as X-Faxgate-Notice.
        check_addresses(sender, recipient)
        smtp = await self._taken()
        try:
            answer = await self._transaction(smtp, sender, recipient, message)
        except RefusedDeliveryError:
            self._keep(smtp)  # a whole answer: the connection is good for the next mail
            self._places.release()
            raise
        except ChannelClosedError as error:
            self._drop(smtp)
            self._fewer(error)
            raise
        except BaseException:
            self._drop(smtp)  # cancelled, too: half a dialogue is of no use to the next mail
            self._places.release()
            raise
        self._keep(smtp)
        self._places.release()
        return answer

    async def examine(self, sender: str, recipient: str) -> str:
        """Whether it would take a mail, asked without sending one; why not, or empty. What it says for now (4xx, as
        greylisting) does not count, nor does anything that it says of the mail itself."""
        try:
            smtp = await self._taken()
        except DelayedDeliveryError as error:
            return str(error)
        try:
            options, encoding = _written_as(smtp, sender, recipient)
            await smtp.mail(sender, options=options, encoding=encoding)
            await smtp.rcpt(recipient, encoding=encoding)
        except RefusedDeliveryError as error:
            return str(error)
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= 500:
                return f"The relay {self._relay.host} refuses a mail to {recipient}: {_told(error.code, error.message)}"
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return f"The relay {self._relay.host} cannot be used: {error}"
        finally:
            await self._quit(smtp)
            self._places.release()
        return ""

    async def close(self) -> None:
        """A connection under way is closed when its mail has left."""
        self._closed = True
        kept, self._kept = self._kept, []
        await asyncio.gather(*(self._quit(smtp) for _, smtp in kept))

    async def _taken(self) -> aiosmtplib.SMTP:
        """A connection, and a place for it, which the caller releases."""
        while True:
            await self._places.acquire()
            try:
                return await self._connected()
            except DelayedDeliveryError as error:
                if self._fewer(error):
                    continue  # another place becomes free, as its connection is open
                raise
            except BaseException:
                self._places.release()
                raise

    def _fewer(self, error: DelayedDeliveryError) -> bool:
        """Give up the place of a connection that the relay did not take or keep: withheld while others are open; else
        the relay is away, which says nothing of its limit. Returns whether others are open."""
        if not self._open:
            self._restore()
            self._places.release()
            return False
        log.info("%s; going on with %d connections", error, self._open)
        self._withheld += 1
        self._withheld_at = time.monotonic()
        return True

    def _restore(self) -> None:
        for _ in range(self._withheld):
            self._places.release()
        self._withheld = 0

    def _keep(self, smtp: aiosmtplib.SMTP) -> None:
        now = time.monotonic()
        for since, old in [*self._kept]:
            if now - since >= FRESH_SECONDS:
                self._kept.remove((since, old))
                self._drop(old)
        if self._closed:
            self._drop(smtp)
        else:
            self._kept.append((now, smtp))

    def _drop(self, smtp: aiosmtplib.SMTP) -> None:
        smtp.close()
        self._open -= 1

    async def _quit(self, smtp: aiosmtplib.SMTP) -> None:
        if smtp.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # we leave, whatever it says
                await smtp.quit(timeout=5)
        self._drop(smtp)

    async def _transaction(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, message: bytes) -> str:
        options, encoding = _written_as(smtp, sender, recipient)
        if smtp.supports_extension("size"):
            options.append(f"SIZE={len(message)}")
        if smtp.supports_extension("8bitmime") and not message.isascii():
            options.append("BODY=8BITMIME")
        if smtp.supports_extension("dsn"):
            options.append("RET=HDRS")  # RFC 3461 4.3: a bounce need not take the fax over the network once more
        try:
            await smtp.mail(sender, options=options, encoding=encoding)
            await smtp.rcpt(recipient, encoding=encoding)
            answer = await smtp.data(message, timeout=self._relay.timeout * ANSWER_TO_DATA)
        except aiosmtplib.SMTPResponseException as error:
            text = _told(error.code, error.message)
            if 500 <= error.code <= 599 and error.code not in _OUR_ACCESS:
                raise RefusedDeliveryError(text) from error
            if error.code == aiosmtplib.SMTPStatus.domain_unavailable:  # 421
                raise ChannelClosedError(text) from error
            raise DelayedDeliveryError(text) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DelayedDeliveryError(f"The relay went away: {error}") from error
        except ValueError as error:
            raise RefusedDeliveryError(f"An address cannot be sent: {error}") from error
        return _told(answer.code, answer.message)

    async def _connected(self) -> aiosmtplib.SMTP:
        """A kept connection that still answers, else a new one."""
        if self._withheld and time.monotonic() - self._withheld_at > LIMIT_SECONDS:
            self._restore()
        smtp = await self._fresh()
        if smtp is None:
            async with self._opening:
                smtp = await self._fresh()  # one may have become free
                if smtp is None:
                    smtp = await self._connect()
                    self._open += 1
        return smtp

    async def _fresh(self) -> aiosmtplib.SMTP | None:
        while self._kept:
            since, smtp = self._kept.pop()
            try:
                if smtp.is_connected and time.monotonic() - since < FRESH_SECONDS:
                    await smtp.rset()
                    return smtp
            except (aiosmtplib.SMTPException, OSError):
                pass  # it went stale: a new one tells more
            except BaseException:
                self._drop(smtp)
                raise
            self._drop(smtp)
        return None

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


def _told(code: int, message: str) -> str:
    """The relay's reply on one line; bytes of it that are not UTF-8 become `?`, as the answer is to be stored."""
    return f"{code} {' '.join(message.split())}".encode("utf-8", "replace").decode()
