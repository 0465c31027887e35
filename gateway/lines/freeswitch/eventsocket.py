"""FreeSWITCH's event socket, by way of greenswitch: the only module that knows it, or gevent.

greenswitch works in one thread that has a gevent hub of its own; everything else here is asyncio. What of it cannot be
relied on is replaced: it reads messages in a way that lets a far end forge header lines, dies of a message that it does
not know, spins for ever when a connection ends inside a body, and waits without end for connections and replies. What
stays is its protocol: commands and their replies in order, the authentication, the life of a connection.
"""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import gevent
import gevent.event
import gevent.lock
import gevent.socket
from greenswitch.esl import InboundESL, NotConnectedError

from gateway.lines.freeswitch.messages import MAX_LINE, MAX_LINES, Event, GarbledError, Head, read_event, read_head

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 50
"""Events handled in one turn of the event loop: two hundred calls must not keep it from everything else."""
YIELD_EVERY = 16
"""Messages of one connection after which the others have their turn."""
MOST_WAITING = 20_000
"""Events that may wait to be handled, about 100 MB. A switch that tells more than we can hear is not heard at all."""


class DisconnectedError(Exception):
    """There is no connection, or it has ended before the answer. `sent` tells whether the command may have got there;
    the text says why, and what to do about it."""

    def __init__(self, text: str, *, sent: bool = False) -> None:
        super().__init__(text)
        self.sent = sent


class GeventThread:
    """The thread in which greenswitch lives. Lines share it; the first user starts it, the last one ends it."""

    def __init__(self) -> None:
        self._users = 0
        self._thread: threading.Thread | None = None
        self._loop: Any = None
        self._ended: Any = None
        self._ready = threading.Event()

    def enter(self) -> None:
        self._users += 1
        if self._users == 1:
            self._ready.clear()
            self._thread = threading.Thread(target=self._run, name="freeswitch", daemon=True)
            self._thread.start()
            self._ready.wait()

    async def leave(self) -> None:
        self._users -= 1
        if self._users == 0 and self._thread is not None:
            self._ended.send()
            await asyncio.to_thread(self._thread.join, 5)

    def _run(self) -> None:
        hub = gevent.get_hub()
        # A greenlet's trouble is told to whom it concerns; gevent would print it beside the log.
        hub.print_exception = lambda context, kind, error, trace: log.error(
            "gevent: %r", context, exc_info=(kind, error, trace)
        )
        self._loop = hub.loop
        # An async watcher keeps the hub waiting where there is nothing to do, and may be woken from another thread.
        self._ended = hub.loop.async_()
        self._ready.set()
        hub.wait(self._ended)
        hub.destroy(destroy_loop=True)

    async def run(self, work: Callable[[], T]) -> T:
        """`work` in a greenlet of that thread. It runs to its end also when nobody waits for it any more."""
        done: Future[T] = Future()

        def greenlet() -> None:
            try:
                result = work()
            except BaseException as error:  # whatever it is, it is raised where it was asked for
                done.set_exception(error)
            else:
                done.set_result(result)

        done.set_running_or_notify_cancel()
        self._loop.run_callback_threadsafe(gevent.spawn, greenlet)
        return await asyncio.wrap_future(done)


THREAD = GeventThread()


class _Protocol(InboundESL):  # type: ignore[misc]  # greenswitch has no types
    """greenswitch's side of a connection, with what cannot be relied on replaced."""

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        timeout: float,
        heard: Callable[[Event], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(host, port, password, timeout)
        self.sock: Any = None
        self._heard = heard
        self._tell_ended = ended
        self._sending = gevent.lock.RLock()
        self.reason = ""
        """Why the connection has ended."""

    def connect(self) -> None:
        """Raises DisconnectedError."""
        try:
            with gevent.Timeout(self.timeout, TimeoutError("no answer")):
                self.sock = gevent.socket.create_connection((self.host, self.port))
                self.sock_file = self.sock.makefile("rb")
                self.connected = True
                self._receive_events_greenlet = gevent.spawn(self.receive_events)
                self._auth_request_event.wait()
                if not self.connected:
                    raise DisconnectedError(self.reason)
                self.authenticate()
        except (ValueError, KeyError) as error:
            raise DisconnectedError("FreeSWITCH refuses the password: see event_socket.conf.xml") from error
        except (OSError, NotConnectedError) as error:
            raise DisconnectedError(self.reason or f"FreeSWITCH cannot be reached: {error}") from error

    def send(self, data: str) -> Any:
        """The reply. Raises DisconnectedError."""
        written = False
        answer = gevent.event.AsyncResult()
        try:
            with gevent.Timeout(self.timeout, TimeoutError("no reply")):
                with self._sending:
                    if not self.connected:
                        raise DisconnectedError(self.reason)
                    self._commands_sent.append(answer)
                    written = True
                    self.sock.sendall(f"{data}\n\n".encode())
                return answer.get()
        except (OSError, NotConnectedError) as error:
            # Replies have no names: after one that is missing nobody knows which is whose.
            self.end(f"FreeSWITCH does not answer: {error}")
            raise DisconnectedError(self.reason, sent=written) from error

    def receive_events(self) -> None:
        try:
            for received in itertools.count(1):
                if not self.connected:
                    break
                self._receive()
                if received % YIELD_EVERY == 0:
                    # A peer that sends without pause must not keep the other lines, and our own timeouts, waiting.
                    gevent.sleep(0)
        except GarbledError as error:
            self.end(f"FreeSWITCH sends what is no event socket message: {error}")
        except (OSError, ValueError) as error:  # ValueError: the file was closed meanwhile
            self.end(f"the connection broke: {error}")
        finally:
            self.end("closed")
            self.sock_file.close()

    def _receive(self) -> None:
        lines: list[bytes] = []
        while (line := self.sock_file.readline(MAX_LINE)) != b"\n":
            if not line:
                raise OSError("it ended inside a message" if lines else "FreeSWITCH closed it")
            lines.append(line)
            if len(lines) > MAX_LINES or not line.endswith(b"\n"):
                raise GarbledError("too many lines, or one that does not end")
        if not lines:
            return  # an empty line between two messages
        head = read_head(lines)
        body = self.sock_file.read(head.length) if head.length else b""
        if len(body) < head.length:
            raise OSError("it ended inside a message")
        self._take(head, body)

    def _take(self, head: Head, body: bytes) -> None:
        match head.content_type:
            case "auth/request":
                self._auth_request_event.set()
            case "command/reply" | "api/response":
                if not self._commands_sent:
                    raise GarbledError("a reply that nobody waits for")
                self._commands_sent.pop(0).set(_Reply(head, body.decode("utf-8", "replace")))
            case "text/event-plain":
                self._heard(read_event(body))
            case "text/disconnect-notice":
                self.end("FreeSWITCH ended the connection: it stops, or reloads its event socket")
            case "text/rude-rejection":
                self.end("FreeSWITCH refuses our address: add it to the list that apply-inbound-acl names")
            case _:
                log.debug("a message of type %s is passed over", head.content_type)

    def end(self, reason: str) -> None:
        """Once; later reasons follow from the first."""
        if self.reason:
            return
        self.reason = reason
        self.connected = False
        for answer in self._commands_sent:
            answer.set_exception(NotConnectedError(reason))
        self._commands_sent.clear()
        self._auth_request_event.set()
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(gevent.socket.SHUT_RDWR)  # or who reads from it would not wake up
            self.sock.close()
        self._tell_ended()


class _Reply:
    """What greenswitch expects of an answer, and its text."""

    def __init__(self, head: Head, body: str) -> None:
        self.headers = head.fields
        self.data = body or head.fields.get("Reply-Text", "")


class EventSocket:
    """One connection. `open`, then `command` as often as is wanted, until `ended` is set; then it is of no more use.

    `heard` is called in the event loop for every event, in order.
    """

    def __init__(self, host: str, port: int, password: str, heard: Callable[[Event], None], *, timeout: float) -> None:
        self._asyncio = asyncio.get_running_loop()
        self._heard = heard
        self._waiting: deque[Event] = deque()
        self._handling = False
        self.ended = asyncio.Event()
        self._protocol = _Protocol(host, port, password, timeout, self._event, self._end)

    @property
    def reason(self) -> str:
        """Why it has ended."""
        return self._protocol.reason

    async def open(self) -> None:
        """Connect and authenticate. Raises DisconnectedError."""
        try:
            await THREAD.run(self._protocol.connect)
        except DisconnectedError:
            await self.close()
            raise

    async def command(self, text: str) -> str:
        """Send a command and return its reply: Reply-Text, or the text of an `api` answer. Raises DisconnectedError,
        and ValueError for a text that would be more than one command."""
        lines = text.split("\n")
        # The one command of two lines: `bgapi` and the name of its job.
        named = len(lines) == 2 and lines[1].startswith("Job-UUID: ")
        if not (len(lines) == 1 or named) or not all(line.isprintable() for line in lines):
            raise ValueError(f"no command of the event socket: {text!r}")
        reply: _Reply = await THREAD.run(lambda: self._protocol.send(text))
        return reply.data

    async def close(self) -> None:
        await THREAD.run(lambda: self._protocol.end("closed"))

    def _event(self, event: Event) -> None:
        """In gevent's thread."""
        self._waiting.append(event)
        if len(self._waiting) > MOST_WAITING:
            raise GarbledError("more events than can be handled")
        self._wake(self._handle)

    def _end(self) -> None:
        self._wake(self.ended.set)

    def _wake(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody is left to be told
            self._asyncio.call_soon_threadsafe(call)

    def _handle(self) -> None:
        """In the event loop: some of what waits, and the rest in a later turn."""
        for _ in range(BATCH):
            if not self._waiting:
                return
            event = self._waiting.popleft()
            try:
                self._heard(event)
            except Exception:  # one event's trouble must not cost the others
                log.exception("event %s of channel %s", event.name, event.uuid)
        self._asyncio.call_soon(self._handle)
