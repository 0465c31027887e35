"""Logging in: whether a name and a password are those of a credential, and no faster than `smtp.lockout` allows.

How it fails: one reply for a name that nobody has and for a wrong password, after the same work; one more where too
many have failed; trouble of ours says so (454) and counts for nothing. The log names the peer and the name of each
failure (docs/who-may-send.md), a password is named nowhere. Each process counts for itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from gateway import passwords
from gateway.credentials import Known
from gateway.errors import BadField, FaxgateError
from gateway.networks import neighbours
from smtp import replies
from smtp.auth import Presented
from smtp.lockout import Lockout, Refusal, Try

log = logging.getLogger(__name__)


class Credentials(Protocol):
    """`gateway.credentials.Credentials`."""

    async def known(self, name: str) -> Known | None:
        """What is known of the name. Raises OurTrouble."""
        ...

    async def logged_in(self, known: Known, peer: str) -> None:
        """Remember that `peer` has logged in."""
        ...


class Logins:
    def __init__(
        self, credentials: Credentials, lockout: Lockout | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._credentials = credentials
        self._lockout = lockout or Lockout()
        self._now = now
        self._ended = asyncio.Event()
        passwords.nobodys()  # made now, and not while the first one waits whose name nobody has

    async def log_in(self, said: Presented, host: str) -> Known | str:
        """With what somebody at the IP address `host` has logged in; or the reply that refuses."""
        try:
            name, password = passwords.name_of(said.name), passwords.password_of(said.password)
        except BadField:
            name, password = "", "?"  # nobody's, which takes as long to find out
        peer = neighbours(host)
        try:
            return await self._log_in(name, password, peer, host)
        except FaxgateError as error:
            log.error("smtp: login of %s from %s: %s %s", name or "?", host, error, error.detail)
            return replies.LOGIN_TROUBLE

    async def _log_in(self, name: str, password: str, peer: str, host: str) -> Known | str:
        known = await self._credentials.known(name) if name else None
        before = known is not None and peer in known.peers
        trying = await self._begin(peer, name, before=before)
        if trying is None:
            log.warning("smtp: login of %s from %s refused, too many have failed", name or "?", host)
            return replies.LOCKED_OUT
        failed = False
        try:
            await asyncio.sleep(trying.delay)
            right = await passwords.matches(password, passwords.nobodys() if known is None else known.hash)
            failed = known is None or not right
        finally:
            self._lockout.end(trying, failed=failed, now=self._now())
            ended, self._ended = self._ended, asyncio.Event()
            ended.set()
        if failed or known is None:
            log.warning("smtp: login of %s from %s failed", name or "?", host)
            return replies.LOGIN_FAILED
        await self._credentials.logged_in(known, peer)
        log.info("smtp: login of %s from %s", name, host)
        return known

    async def ended(self, known: Known) -> str:
        """The reply to who goes on with a credential that has been deleted, or has another password now; empty where it
        stands."""
        try:
            now = await self._credentials.known(known.credential.name)
        except FaxgateError as error:
            log.error("smtp: login of %s: %s %s", known.credential.name, error, error.detail)
            return replies.LOCAL_TROUBLE
        stands = now is not None and (now.credential, now.hash) == (known.credential, known.hash)
        return "" if stands else replies.LOGIN_ENDED

    async def _begin(self, peer: str, name: str, *, before: bool) -> Try | None:
        """None where nothing may be tried now."""
        while True:
            ended = self._ended
            begun = self._lockout.begin(peer, name, before=before, now=self._now())
            if isinstance(begun, Try):
                return begun
            if begun is Refusal.LOCKED:
                return None
            await ended.wait()
