"""Credentials with which mail programs log in: making, listing and deleting them, giving them a new password, and
finding the one that a client names. The command line, the API and the SMTP door use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit, passwords
from gateway.accounts import Credential
from gateway.acting import Acting
from gateway.errors import BadField, NotFound
from gateway.ids import new_id
from gateway.store import accounts, credentials

MOST_PEERS = 20
"""Peers that are remembered of a credential, the latest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a login is compared with."""

    credential: Credential
    hash: str
    peers: tuple[str, ...]
    """Those that have logged in with it."""


class Credentials(Acting):
    async def _noted(self, connection: AsyncConnection, action: str, one: Credential) -> None:
        await self._note(connection, action, audit.CREDENTIAL, one.id, one.account_id, name=one.name)

    async def add(
        self, account_id: str, name: str, *, faxbox_id: str | None = None, password: str | None = None
    ) -> tuple[Credential, str]:
        """A new credential of the account, or of one of its faxboxes, and its password: the given one, or one made
        here. It is stored only as a hash. Raises NotFound, BadField; Conflict where anybody has the name."""
        credential = Credential(
            id=new_id(),
            account_id=account_id,
            faxbox_id=faxbox_id,
            name=passwords.name_of(name),
            created_at=self._clock.now(),
        )
        secret = passwords.generated() if password is None else passwords.chosen(password)
        hashed = await passwords.hashed(secret)
        async with self._store.begin() as connection:
            await accounts.account(connection, account_id, lock=True)
            if faxbox_id is not None:
                try:
                    await accounts.faxbox(connection, faxbox_id, account_id)
                except NotFound as error:
                    raise BadField("faxbox_id", "The account has no such faxbox.") from error
            await credentials.add(connection, credential, hashed)
            await self._noted(connection, audit.ADDED, credential)
        return credential, secret

    async def of_account(self, account_id: str) -> Sequence[Credential]:
        async with self._store.read() as connection:
            return await credentials.of_account(connection, account_id)

    async def change_password(
        self, account_id: str, credential_id: str, check: Callable[[Credential], None], password: str | None = None
    ) -> tuple[Credential, str]:
        """Another password, given or made here, and itself. Raises NotFound, BadField."""
        async with self._store.read() as connection:
            await credentials.find(connection, credential_id, account_id)  # hashing is not for who guesses ids
        secret = passwords.generated() if password is None else passwords.chosen(password)
        hashed = await passwords.hashed(secret)
        async with self._store.begin() as connection:
            check(found := await credentials.find(connection, credential_id, account_id))
            await credentials.change_hash(connection, credential_id, hashed)
            await self._noted(connection, audit.CHANGED, found)
        return found, secret

    async def delete(
        self, account_id: str, credential_id: str, check: Callable[[Credential], None] = lambda _: None
    ) -> Credential:
        """Nobody logs in with it from now on. Raises NotFound."""
        async with self._store.begin() as connection:
            check(found := await credentials.find(connection, credential_id, account_id))
            await credentials.remove(connection, credential_id)
            await self._noted(connection, audit.DELETED, found)
        return found

    # For the door

    async def known(self, name: str) -> Known | None:
        """What is known of a name as `passwords.name_of` has it. Raises OurTrouble."""
        async with self._store.read() as connection:
            found = await credentials.by_name(connection, name)
        return None if found is None else Known(credential=found[0], hash=found[1], peers=found[2])

    async def logged_in(self, known: Known, peer: str) -> None:
        """Remember that `peer` has logged in, if that was with the password that stands now."""
        if peer in known.peers:
            return
        async with self._store.begin() as connection:
            # Read again: to compare a password takes long, and others log in or change it meanwhile.
            found = await credentials.by_name(connection, known.credential.name, lock=True)
            if found is None or found[:2] != (known.credential, known.hash) or peer in found[2]:
                return
            peers = (peer, *found[2])[:MOST_PEERS]
            await credentials.set_peers(connection, known.credential.id, peers)
