"""A connection: octets in, replies out, time running. aiosmtpd's SMTP protocol underneath, spoken in `smtp.session`.

Taken from aiosmtpd: the stream protocol. Its own here: reading, because commands end in CR LF and nothing else and
mails are read in large pieces; TLS, because its handshake must be timed and may come first; and ending, because a mail
that is being stored is stored to its end whether or not anybody waits for the reply: the session is never cancelled,
its reader tells it that the peer left.
"""

import asyncio
import logging
import ssl
from typing import NoReturn, cast

from aiosmtpd.smtp import SMTP

from smtp import proxy, replies
from smtp.policy import Limits

log = logging.getLogger(__name__)

READ = 1 << 18
LINGER = 2.0
"""Seconds in which a peer that is still sending can read our last reply before the socket goes."""


class _NoHandler:
    """aiosmtpd wants a handler object to look for hooks in; the session is its own."""


class Connection(SMTP):
    """What a session stands on. Every wait for the client is timed: `limits.idle_seconds`."""

    line_length_limit = 1 << 16  # aiosmtpd's limit of the stream's buffer: what is read ahead

    def __init__(self, limits: Limits, hostname: str) -> None:
        self._limits = limits
        super().__init__(
            _NoHandler(),
            data_size_limit=limits.size,
            enable_SMTPUTF8=True,
            hostname=hostname,
            timeout=limits.idle_seconds,
            loop=asyncio.get_running_loop(),
        )
        self.host = self.peer = "local"
        self.tls = ""
        """Protocol and cipher, empty without TLS."""
        self.task: asyncio.Task[None] | None = None
        self._open = True
        """False when the last reply is written."""
        self._linger = False
        self._waiting_since: float | None = None
        self._speechless = False
        """A header or a handshake is awaited: nothing can be said."""
        self._last_words = ""
        self._why = "the client disconnected"
        """How the session ended, for the smtplog."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self._name_peer(*name[:2])
        super().connection_made(transport)
        self.task = self._handler_coroutine

    def _name_peer(self, host: str, port: int) -> None:
        self.host = host
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def connection_lost(self, error: Exception | None) -> None:
        # Not aiosmtpd's, which cancels the session even while a mail is being stored. The reader tells it the end.
        if self._timeout_handle:
            self._timeout_handle.cancel()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool | None:
        # Not aiosmtpd's: a client that has sent all its commands may close its half and still read the replies.
        return asyncio.StreamReaderProtocol.eof_received(self)

    @property
    def _stream(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self.transport)

    def _hang_up(self, reply: str) -> None:
        """Close a connection on which we are waiting for the client."""
        self._open = False
        if self._speechless and self.transport:
            self._stream.abort()
            return
        self._ends_with(reply)
        if self.transport:
            self._writer.write(reply.encode() + b"\r\n")
            self._writer.close()
            self.loop.call_later(LINGER, self._writer.transport.abort)  # should the peer not even read

    def _ends_with(self, reply: str) -> None:
        """It was our last, and the smtplog says so."""
        self._open = False
        self._last_words, self._why = reply, "we closed the connection"

    def _reset_timeout(self, duration: float | None = None) -> None:
        # One timer a session, moved only when it fires: not at every command.
        self._timeout_handle = self.loop.call_later(duration or self._limits.idle_seconds, self._timeout_cb)

    def _timeout_cb(self) -> None:
        idle = 0.0 if self._waiting_since is None else self.loop.time() - self._waiting_since
        if idle >= self._limits.idle_seconds:
            self._hang_up(replies.IDLE)
        else:
            self._reset_timeout(self._limits.idle_seconds - idle)

    async def _reply(self, status: str) -> None:
        """Write one reply."""
        self._writer.write(status.encode() + b"\r\n")
        if replies.is_final(status):
            self._ends_with(status)
        self._waiting_since = self.loop.time()
        await self._writer.drain()
        self._waiting_since = None

    async def _close(self) -> None:
        """Close. Where the client is still sending, so that the last reply arrives: closing with unread octets would
        reset the connection (RFC 1122 4.2.2.13)."""
        if not self.transport or self.transport.is_closing():
            return
        try:
            if self._linger and self._writer.can_write_eof():
                self._writer.write_eof()
                async with asyncio.timeout(LINGER):
                    while await self._reader.read(READ):
                        pass
        except OSError:  # TimeoutError too
            pass  # it is gone, or had its time to read
        finally:
            self._writer.close()

    async def _hear_proxy(self) -> None:
        """Learn from the proxy who is there. Raises ConnectionError where it does not say."""
        self._waiting_since, self._speechless = self.loop.time(), True
        try:
            async with asyncio.timeout(self._limits.proxy_seconds):
                found = await proxy.read(self._reader)
        except (proxy.BadHeaderError, TimeoutError) as error:
            log.warning("smtp: proxy %s: %s", self.peer, str(error) or "no PROXY header in time")
            raise ConnectionResetError from error
        self._waiting_since, self._speechless = None, False
        if found:
            self._name_peer(*found)

    async def _await_handshake(self) -> None:
        """Until a client has begun with TLS. Raises ConnectionError or IncompleteReadError where none does. Whoever
        leaves before, as health checks do, has not failed, and the log says nothing."""
        self._speechless = True
        try:
            async with asyncio.timeout(self._limits.handshake_seconds):
                self._put_back(await self._read())
        except TimeoutError as error:
            log.info("smtp: TLS with %s failed: no handshake in time", self.peer)
            raise ConnectionResetError from error
        self._speechless = False

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands, as the server; what was read already is a part of it. Raises ConnectionError where that comes
        to nothing, and then the connection is closed."""
        if self.transport is None:
            raise ConnectionResetError
        self._stream.pause_reading()  # until TLS stands in our place
        early = self._take_left_over()
        self._waiting_since, self._speechless = self.loop.time(), True
        handshake = self.loop.create_task(
            self.loop.start_tls(
                self._stream,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=LINGER,
            )
        )
        try:
            if early:
                await asyncio.sleep(0)  # it stands there now, and takes what came too soon
                beneath = cast(asyncio.BufferedProtocol, self._stream.get_protocol())
                memoryview(beneath.get_buffer(len(early)))[: len(early)] = early
                beneath.buffer_updated(len(early))
            transport = await handshake
        except OSError as error:  # ssl.SSLError too
            self._tls_failed(error)
        if transport is None or self.transport is None:  # it was closed meanwhile
            self._tls_failed(ConnectionResetError("the connection was closed"))
        self._waiting_since, self._speechless = None, False
        self.transport = transport
        self._reader._transport = transport  # type: ignore[attr-defined]  # noqa: SLF001
        self._writer._transport = transport  # type: ignore[attr-defined]  # noqa: SLF001
        self._replace_writer(self._writer)  # type: ignore[attr-defined]  # asyncio's: now it knows that this is TLS
        secured = transport.get_extra_info("ssl_object")
        self.tls = f"{secured.version()} {secured.cipher()[0]}"

    def _tls_failed(self, error: OSError) -> NoReturn:
        log.info("smtp: TLS with %s failed: %s", self.peer, str(error) or type(error).__name__)
        self._why = f"TLS failed: {error}"
        self.connection_lost(None)  # asyncio tells the end of a handshake to nobody but its waiter
        raise ConnectionResetError from error

    async def _read(self) -> bytes:
        """The next octets, at least one. Raises IncompleteReadError at the end."""
        self._waiting_since = self.loop.time()
        try:
            octets = await self._reader.read(READ)
        finally:
            self._waiting_since = None
        if not octets:
            raise asyncio.IncompleteReadError(b"", None)
        return octets

    def _put_back(self, octets: bytes) -> None:
        """What was read too far, to be read again."""
        self._reader._buffer[:0] = octets  # type: ignore[attr-defined]  # noqa: SLF001  # there is no other way

    def _take_left_over(self) -> bytes:
        """What was read and not asked for yet."""
        octets = bytes(self._reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001
        return octets

    async def _next_line(self) -> bytes | None:
        """The next command line; None for one that is too long, which is not kept. Raises IncompleteReadError."""
        self._waiting_since = self.loop.time()
        too_long = False
        try:
            while True:
                try:
                    line = await self._reader.readuntil(b"\n")
                    return None if too_long else line
                except asyncio.LimitOverrunError as error:
                    await self._reader.readexactly(error.consumed)
                    too_long = True
        finally:
            self._waiting_since = None
