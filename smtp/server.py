"""The listener: a socket in the gateway's own event loop, and the sessions that came through it."""

import asyncio
from collections import Counter

from smtp import replies
from smtp.policy import Policy
from smtp.session import Session
from smtp.transaction import Gateway


class Server:
    """The listening socket and its sessions."""

    def __init__(self, policy: Policy, gateway: Gateway) -> None:
        self.policy = policy
        self.gateway = gateway
        self.stopping = False
        self.sessions: set[Session] = set()
        self._per_peer: Counter[str] = Counter()
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Session(self), host, port, backlog=512)

    @property
    def port(self) -> int:
        """The port that is listened on, which is chosen by the system where 0 was asked for."""
        assert self._listener
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self, grace: float = 30.0) -> None:
        """Take no more connections, send the idle away, and wait `grace` seconds for mails that are on their way in."""
        self.stopping = True
        if self._listener:
            self._listener.close()
        for session in tuple(self.sessions):
            session.leave_if_idle()
        running = {session.task for session in self.sessions if session.task}
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def admit(self, session: "Session") -> str:
        """Count a new session in; the reply with which it is turned away, empty if it may stay."""
        self.sessions.add(session)
        self._per_peer[session.host] += 1
        if self.stopping:
            return replies.SHUTTING_DOWN
        if len(self.sessions) > self.policy.limits.connections:
            return replies.TOO_MANY_CONNECTIONS
        if self._per_peer[session.host] > self.policy.limits.connections_per_peer:
            return replies.TOO_MANY_FROM_PEER
        return ""

    def forget(self, session: "Session") -> None:
        self.sessions.discard(session)
        self._per_peer[session.host] -= 1
        if not self._per_peer[session.host]:
            del self._per_peer[session.host]
