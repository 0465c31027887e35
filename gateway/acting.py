"""What is done on somebody's behalf, and noted in the audit log in the transaction that does it."""

from copy import copy
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit
from gateway.audit import OPERATOR, Actor
from gateway.clock import Clock
from gateway.store import audit as audit_log
from gateway.store.engine import Store


class Acting:
    """Acts for the operator, unless `by` names somebody else."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._actor = OPERATOR

    def by(self, actor: Actor) -> Self:
        """The same, done by `actor`."""
        done = copy(self)
        done._actor = actor  # noqa: SLF001  # one of ours
        return done

    async def _note(
        self, connection: AsyncConnection, action: str, kind: str, object_id: str, account_id: str, /, **facts: object
    ) -> None:
        entry = audit.entry(self._actor, action, kind, object_id, account_id, self._clock.now(), **facts)
        await connection.run_sync(audit_log.add, [entry])
