import pytest

from gateway.accounts import Account
from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.store import accounts, faxes
from gateway.store.engine import Store
from tests.conftest import MovedClock


class Seed:
    """Makes accounts and faxes for a test."""

    def __init__(self, store: Store, clock: MovedClock) -> None:
        self._store = store
        self._clock = clock

    async def account(self, max_calls: int = 4) -> Account:
        account = Account(id=new_id(), name="Seed", created_at=self._clock.now(), max_calls=max_calls)
        async with self._store.begin() as connection:
            await accounts.add_account(connection, account)
        return account

    async def fax(self, account: Account, destination: str = "+12025550190", **fields: object) -> Fax:
        now = self._clock.now()
        given: dict[str, object] = {
            "status": Status.PENDING,
            "direction": Direction.OUTBOUND,
            "due_at": now,
            "faxbox_id": None,
            **fields,
        }
        fax = Fax(
            id=new_id(),
            account_id=account.id,
            created_at=now,
            updated_at=now,
            destination=destination,
            **given,  # type: ignore[arg-type]
        )
        async with self._store.begin() as connection:
            await connection.run_sync(faxes.add, [fax])
        return fax


@pytest.fixture
def seed(store: Store, clock: MovedClock) -> Seed:
    return Seed(store, clock)
