"""A session: the commands of one client and their replies (RFC 5321 4.1). A reply is written only after what it
promises is true.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.credentials import Known
from gateway.errors import BadAddress
from gateway.fax import DsnRequest
from smtp import auth, parameters, replies, wishes
from smtp.addresses import BadSyntaxError, check_sender, read_argument
from smtp.auth import BareLineFeedError, NotPresentedError
from smtp.client import Client
from smtp.connection import Connection
from smtp.maildata import MailData
from smtp.policy import Door
from smtp.transaction import Transaction

if TYPE_CHECKING:
    from smtp.server import Server

log = logging.getLogger(__name__)

EXTRA_OCTETS = {
    "MAIL": 53 + wishes.MAIL_OCTETS + auth.MAIL_OCTETS,
    "RCPT": wishes.RCPT_OCTETS,
    "AUTH": auth.COMMAND_OCTETS,
}
"""How much longer a command may be: SIZE 26 (RFC 1870 3), BODY 17 (RFC 6152 2), SMTPUTF8 10 (RFC 6531 3.1), the
parameters of RFC 3461 4, and what RFC 4954 3 and 4 ask for."""


class Session(Connection):
    protocol = "ESMTP"
    no_valid_recipients = replies.NO_VALID_RECIPIENTS
    """What DATA is answered after RCPT was refused."""

    def __init__(self, server: "Server", door: Door) -> None:
        super().__init__(server.policy.limits, server.policy.hostname)
        self._server = server
        self._door = door
        self._policy = server.policy
        self._helo = ""
        self._extended = False
        self._login: Known | None = None
        self._errors = 0
        self._refused = 0
        self._fruitless = 0
        self._transaction: Transaction | None = None
        self._receiving = False

    def leave_if_idle(self) -> None:
        """The server stops: go at once, unless a mail is on its way."""
        if self._waiting_since is not None and not self._receiving:
            self._hang_up(replies.SHUTTING_DOWN)

    async def _handle_client(self) -> None:
        try:
            self._server.enter(self)
            if self._policy.is_proxy(self.host):
                await self._hear_proxy()
            refusal = self._server.admit(self)
            if self._door is Door.SMTPS:
                if refusal:
                    return  # a handshake is too much for saying no
                assert self._server.certificate
                await self._await_handshake()
                await self._start_tls(self._server.certificate.context())
            await self._reply(refusal or f"220 {self.hostname} {self.protocol} faxgate")
            while self._open:
                if self._server.stopping:
                    await self._reply(replies.SHUTTING_DOWN)
                else:
                    await self._obey(await self._next_line())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # gone; what was begun is recorded below
        except asyncio.CancelledError:
            self._why = "the service was stopped"
            raise
        except Exception:
            log.exception("smtp session of %s failed", self.peer)
            self._why = "the session failed"
        finally:
            try:
                await self._end_transaction(self._last_words, self._why)
                await self._close()
            finally:
                self._server.forget(self)

    async def _obey(self, line: bytes | None) -> None:
        if line is None:
            return await self._complain(replies.LINE_TOO_LONG)
        if not line.endswith(b"\r\n"):
            return await self._refuse_bare_lf()
        if any(octet < 32 or octet == 127 for octet in line[:-2]):
            return await self._complain(replies.BAD_LINE_END)
        verb, _, argument = line[:-2].partition(b" ")
        try:
            command, text = verb.decode("ascii").upper(), argument.strip(b" ").decode()
        except UnicodeDecodeError:
            return await self._complain(replies.NOT_UTF8)
        if len(line) > self._limits.command_line + EXTRA_OCTETS.get(command, 0):
            return await self._complain(replies.LINE_TOO_LONG)
        method = self._smtp_methods.get(command)
        if method is None:
            return await self._complain(replies.UNKNOWN_COMMAND)
        await method(text)
        return None

    async def _refuse_bare_lf(self) -> None:
        """Behind a program that lets a bare LF pass, what follows it are smuggled commands: none of them is obeyed."""
        await self._complain(replies.BAD_LINE_END)
        if self._open:
            self._ends_with(replies.BAD_LINE_END)
        self._linger = True

    async def _complain(self, reply: str) -> None:
        """Refuse a command that cannot be obeyed, and the session after too many of them."""
        self._errors += 1
        self._linger = self._errors >= self._limits.errors or replies.is_final(reply)
        await self._reply(reply if self._errors < self._limits.errors else replies.TOO_MANY_ERRORS)

    async def _end_transaction(self, reply: str = "", note: str = "") -> None:
        if self._transaction:
            transaction, self._transaction = self._transaction, None
            self._fruitless += 1
            await transaction.end(reply, note)

    # The commands

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        await self._greet(hostname, [f"250 {self.hostname}"])

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        extensions = [f"SIZE {self._limits.size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        extensions += ["STARTTLS"] * self._offers_tls
        extensions += [f"AUTH {' '.join(auth.MECHANISMS)}"] * self._offers_auth
        lines = [f"250-{word}" for word in (self.hostname, *extensions, "DSN", "HELP")]
        await self._greet(hostname, [*lines[:-1], lines[-1].replace("-", " ", 1)], extended=True)

    async def _greet(self, hostname: str, lines: list[str], *, extended: bool = False) -> None:
        if not hostname:
            return await self._complain(replies.ARGUMENT_NEEDED)
        await self._end_transaction(note="the client began anew with HELO or EHLO")
        self._helo = hostname
        self._extended = extended
        await self._reply("\r\n".join(lines))
        return None

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        if not self._helo:
            return await self._complain(replies.HELO_FIRST)
        if self._transaction:
            return await self._complain(replies.NESTED_MAIL)
        if self._fruitless >= self._limits.fruitless:
            self._linger = True
            return await self._reply(replies.TOO_MANY_FRUITLESS)
        try:
            argument = read_argument("FROM:", arg)
            wanted = wishes.of_mail(argument)
        except BadSyntaxError as error:
            reply = replies.one_line(f"501 5.1.7 {error}" if error.in_path else f"501 5.5.4 {error}")
            await self._refuse_mail(arg, reply)
            return await self._complain(reply)
        reply = replies.TLS_FIRST if self._policy.tls_required and not self.tls else ""
        if reply := reply or parameters.refused(
            argument, self._limits, extended=self._extended, auth=self._offers_auth
        ):
            await self._refuse_mail(argument.address.written if argument.address else "", reply)
            return await self._reply(reply)
        if self._login and self._server.logins and (reply := await self._server.logins.ended(self._login)):
            self._linger = replies.is_final(reply)
            await self._refuse_mail(argument.address.written if argument.address else "", reply)
            return await self._reply(reply)
        try:
            sender = check_sender(argument.address.written) if argument.address else ""
        except BadAddress as error:
            await self._refuse_mail(arg, replies.of_error(error), error.detail)
            return await self._reply(replies.of_error(error))
        self._transaction = self._begin(sender, wanted, utf8="SMTPUTF8" in argument.parameters)
        self._transaction.entry.reply = replies.SENDER_OK
        await self._reply(replies.SENDER_OK)
        return None

    def _begin(self, sender: str, wanted: DsnRequest | None = None, *, utf8: bool = False) -> Transaction:
        credential = self._login.credential if self._login else None
        client = Client(host=self.host, peer=self.peer, helo=self._helo, tls=self.tls, credential=credential)
        return Transaction(self._server.gateway, self._policy, client, sender, wanted or DsnRequest(), utf8=utf8)

    async def _refuse_mail(self, sender: str, reply: str, detail: str = "") -> None:
        """A sender that is refused at MAIL is a transaction too, and in the smtplog."""
        self._fruitless += 1
        await self._begin(sender).end(reply, detail)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        if not self._transaction:
            return await self._complain(replies.MAIL_FIRST)
        try:
            argument = read_argument("TO:", arg)
            dsn = wishes.of_rcpt(argument, self._transaction.wanted, utf8=self._transaction.utf8)
        except BadSyntaxError as error:
            reply = replies.one_line(f"501 5.1.3 {error}" if error.in_path else f"501 5.5.4 {error}")
            self._transaction.note_malformed(arg, reply)
            self._refused += 1
            return await self._complain(reply)
        assert argument.address
        if unknown := argument.parameters.keys() - (wishes.OF_RCPT if self._extended else frozenset()):
            reply = replies.one_line(f"{replies.UNKNOWN_PARAMETER}: {min(unknown)}")
            self._transaction.note_malformed(arg, reply)
        elif not self._transaction.utf8 and not argument.address.written.isascii():
            reply = replies.UTF8_NOT_ASKED_FOR
            self._transaction.note_malformed(arg, reply)
        else:
            reply = await self._transaction.rcpt(argument.address, dsn)
        if reply.startswith("5"):
            self._refused += 1
        if self._refused > self._limits.refused:
            self._linger = True
            reply = replies.TOO_MANY_REFUSED
        await self._reply(reply)
        return None

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if arg:
            return await self._complain(replies.NO_ARGUMENT)
        if not self._transaction:
            return await self._complain(replies.MAIL_FIRST)
        if not self._transaction.has_recipients:
            reply = self.no_valid_recipients if self._transaction.entry.recipients else replies.RCPT_FIRST
            self._transaction.entry.reply = reply
            return await self._complain(reply)
        transaction = self._transaction
        await self._receive_mail(transaction)
        self._transaction = None
        self._fruitless += not transaction.entry.accepted
        return None

    async def _receive_mail(self, transaction: Transaction) -> None:
        """354, the mail, the reply."""
        directory = self._policy.spool_directory / transaction.entry.id
        mail = MailData(self._limits, directory)
        self._receiving = True
        try:
            transaction.entry.reply = replies.START_DATA
            await self._reply(replies.START_DATA)
            await self._read_mail(mail)
            content = await asyncio.to_thread(mail.finish) if mail.spooled else mail.finish()
            transaction.entry.size = mail.size
            if content is None:
                await transaction.end(mail.refusal, mail.trouble)
                reply = mail.refusal
            else:
                reply = await transaction.deliver(content)
        finally:
            transaction.entry.size = mail.size
            if mail.spooled:
                await asyncio.to_thread(mail.discard)
            self._receiving = False
        await self._answer_mail(reply, transaction)

    async def _answer_mail(self, reply: str, transaction: Transaction) -> None:
        await self._reply(reply)

    async def _read_mail(self, mail: MailData) -> None:
        """Read up to the end marker. What lies behind it stays for the next command."""
        deadline = self.loop.time() + self._limits.data_seconds
        while (rest := mail.feed(await self._read())) is None:
            if mail.overflows:
                await asyncio.to_thread(mail.spill)
            if mail.stuck or mail.endless:
                mail.refusal = mail.refusal or replies.BARE_LINE_END
                self._open, self._linger = False, True
                return
            if self.loop.time() > deadline:
                mail.refusal = replies.IDLE
                return
        if rest:
            self._put_back(rest)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        if arg:
            return await self._complain(replies.NO_ARGUMENT)
        await self._end_transaction(note="the client gave it up with RSET")
        await self._reply(replies.OK)
        return None

    async def smtp_NOOP(self, arg: str) -> None:  # noqa: N802
        await self._reply(replies.OK)

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        if not arg:
            return await self._complain(replies.ARGUMENT_NEEDED)
        await self._reply(replies.CANNOT_VERIFY)
        return None

    async def smtp_HELP(self, arg: str) -> None:  # noqa: N802
        offered = {"STARTTLS": self._offers_tls, "AUTH": self._offers_auth, "EXPN": False}
        await self._reply(replies.of_help(verb for verb in self._smtp_methods if offered.get(verb, True)))

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        if arg:
            return await self._complain(replies.NO_ARGUMENT)
        await self._end_transaction(note="the client gave it up with QUIT")
        await self._reply(replies.BYE)
        self._open = False
        return None

    async def smtp_EXPN(self, arg: str) -> None:  # noqa: N802
        await self._complain(replies.NOT_OFFERED)

    @property
    def _offers_tls(self) -> bool:
        return self._server.certificate is not None and not self.tls

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if self._server.certificate is None:
            return await self._complain(replies.NOT_OFFERED)
        if self.tls:
            return await self._complain(replies.ALREADY_TLS)
        if arg:
            return await self._complain(replies.NO_ARGUMENT)
        if self.transport:
            self._stream.pause_reading()  # what comes from here on is the handshake's
        if self._take_left_over():
            # RFC 3207 5: commands that somebody put there would be obeyed as if they had come under TLS.
            self._stream.resume_reading()
            self._linger = True
            return await self._reply(replies.BEHIND_STARTTLS)
        await self._end_transaction(note="the client began anew with STARTTLS")
        await self._reply(replies.READY_FOR_TLS)
        await self._start_tls(self._server.certificate.context())
        self._helo, self._extended = "", False  # RFC 3207 4.2
        return None

    @property
    def _offers_auth(self) -> bool:
        return self._server.logins is not None and bool(self.tls)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        if self._server.logins is None or self._server.certificate is None:
            return await self._complain(replies.NOT_OFFERED)
        if refusal := self._login_refused():
            return await self._complain(refusal)
        try:
            said = await auth.presented(arg, self._ask)
        except BareLineFeedError:
            return await self._refuse_bare_lf()
        except NotPresentedError as error:
            return await self._complain(str(error))
        found = await self._server.logins.log_in(said, self.host)
        if isinstance(found, str):
            return await self._complain(found)
        self._login = found
        await self._reply(replies.LOGGED_IN)
        return None

    def _login_refused(self) -> str:
        """The reply that refuses AUTH before anything is presented, empty if it may be (RFC 4954 4, RFC 3207 4)."""
        if not self.tls:
            return replies.TLS_FIRST if self._policy.tls_required else replies.TLS_BEFORE_LOGIN
        if not self._extended:
            return replies.EHLO_FIRST
        if self._login:
            return replies.ALREADY_LOGGED_IN
        return replies.NO_LOGIN_NOW if self._transaction else ""

    async def _ask(self, challenge: str) -> bytes | None:
        await self._reply(challenge)
        return await self._next_line()
