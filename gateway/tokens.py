"""Tokens and keys of the API: making and revoking them, and what a key is exchanged for. They are shown once and stored
only as hashes."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway import audit, checks
from gateway.accounts import KEY, TOKEN, Token
from gateway.acting import Acting
from gateway.errors import BadField
from gateway.store import accounts, tokens

SCOPES = ("read", "send", "admin")

EXCHANGED_FOR = timedelta(hours=1)
"""How long a token is good that a key was exchanged for, as existing clients expect."""


class Tokens(Acting):
    async def add(
        self,
        account_id: str,
        name: str,
        *,
        scopes: Sequence[str] = SCOPES,
        kind: str = TOKEN,
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        """A new token or key of the account, and itself, which is shown once and stored only as a hash."""
        now = self._clock.now()
        if kind not in (TOKEN, KEY):
            raise BadField("kind", f"A token is of the kind {TOKEN} or {KEY}.")
        if not scopes or not set(scopes) <= set(SCOPES):
            raise BadField("scopes", f"Scopes are some of {', '.join(SCOPES)}.")
        if expires_at is not None and expires_at <= now:
            raise BadField("expires", "That has passed already.")
        secret = secrets.token_hex(32)
        async with self._store.begin() as connection:
            await accounts.account(connection, account_id)
            token = Token(
                id="",
                account_id=account_id,
                name=checks.line("name", name),
                kind=kind,
                scopes=tuple(scope for scope in SCOPES if scope in scopes),
                created_at=now,
                expires_at=expires_at,
            )
            token_id = await tokens.add(
                connection, secret, account_id, token.scopes, now, name=token.name, kind=kind, expires_at=expires_at
            )
            facts = {"name": token.name, "kind": kind, "scopes": token.scopes}
            await self._note(connection, audit.ADDED, audit.TOKEN, token_id, account_id, **facts)
        return replace(token, id=token_id), secret

    async def revoke(self, account_id: str, token_id: str, check: Callable[[Token], None]) -> None:
        """Delete a token or key of the account; what a key was exchanged for ends with it."""
        async with self._store.begin() as connection:
            check(token := await tokens.find(connection, token_id, account_id))
            await tokens.remove(connection, token_id)
            await self._note(connection, audit.DELETED, audit.TOKEN, token_id, account_id, name=token.name)

    async def exchange(self, key: str) -> tuple[Token, str] | None:
        """A short-lived token with the rights of a key, and itself; None where the key is unknown or has expired."""
        now = self._clock.now()
        async with self._store.read() as connection:
            if await tokens.known(connection, key, now, kind=KEY) is None:
                return None  # writing waits for other writers: a guess shall not
        secret = secrets.token_hex(32)
        async with self._store.begin() as connection:
            known = await tokens.known(connection, key, now, kind=KEY)
            if known is None:
                return None
            ends = now + EXCHANGED_FOR if known.expires_at is None else min(now + EXCHANGED_FOR, known.expires_at)
            token = replace(known, id="", kind=TOKEN, created_at=now, expires_at=ends, key_id=known.id)
            await tokens.forget_expired(connection, known.id, now)
            token_id = await tokens.add(
                connection,
                secret,
                known.account_id,
                known.scopes,
                now,
                name=known.name,
                expires_at=ends,
                key_id=known.id,
            )
        return replace(token, id=token_id), secret
