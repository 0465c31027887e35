"""The listener: a socket in the gateway's own event loop, and the sessions that came through it."""

import asyncio
from collections import Counter

from gateway.networks import neighbours
from smtp import replies
from smtp.lmtp import LmtpSession
from smtp.logins import Logins
from smtp.policy import Door, Policy
from smtp.session import Session
from smtp.tls import Certificate
from smtp.transaction import Gateway


class Server:
    """The listening socket and its sessions."""

    def __init__(
        self,
        policy: Policy,
        gateway: Gateway,
        certificate: Certificate | None = None,
        logins: Logins | None = None,
    ) -> None:
        self.policy = policy
        self.gateway = gateway
        self.certificate = certificate
        """Without one there is no TLS, and nobody can log in."""
        self.logins = logins
        self.stopping = False
        self.sessions: set[Session] = set()
        self._admitted: dict[Session, str] = {}
        """As whom each of them was counted."""
        self._per_peer: Counter[str] = Counter()
        self._listeners: list[asyncio.Server] = []

    async def start(self, host: str, port: int, door: Door = Door.SMTP) -> int:
        """Listen, beside where it listens already; returns the port, which is chosen by the system where 0 was asked
        for. Raises OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        session = LmtpSession if door is Door.LMTP else Session
        listener = await loop.create_server(lambda: session(self, door), host, port, backlog=512)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    @property
    def port(self) -> int:
        """The first port that is listened on."""
        return int(self._listeners[0].sockets[0].getsockname()[1])

    async def stop(self, grace: float = 30.0) -> None:
        """Take no more connections, send the idle away, and wait `grace` seconds for mails that are on their way in."""
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        for session in tuple(self.sessions):
            session.leave_if_idle()
        running = {session.task for session in self.sessions if session.task}
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def enter(self, session: Session) -> None:
        """A new session, of which it may not be known yet who it is."""
        self.sessions.add(session)

    def admit(self, session: Session) -> str:
        """Count it for its peer; the reply with which it is turned away, empty if it may stay."""
        peer = self._admitted[session] = neighbours(session.host)
        self._per_peer[peer] += 1
        if self.stopping:
            return replies.SHUTTING_DOWN
        if len(self.sessions) > self.policy.limits.connections:
            return replies.TOO_MANY_CONNECTIONS
        if self._per_peer[peer] > self.policy.limits.connections_per_peer:
            return replies.TOO_MANY_FROM_PEER
        return ""

    def forget(self, session: Session) -> None:
        self.sessions.discard(session)
        peer = self._admitted.pop(session, None)
        if peer is not None:
            self._per_peer[peer] -= 1
            if not self._per_peer[peer]:
                del self._per_peer[peer]
