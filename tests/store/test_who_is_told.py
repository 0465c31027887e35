"""Who is told of the end of a fax, and as what: by a letter, or as the sender has asked (RFC 3461)."""

import pytest

from gateway.accounts import Faxbox
from gateway.fax import Direction, DsnRequest, Fax, Status
from gateway.ids import new_id
from gateway.notices import about_end, about_withdrawal
from gateway.store import accounts
from gateway.store.engine import Store
from tests.conftest import MovedClock
from tests.store.conftest import Seed

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SENDER, DESK = "alice@example.com", "desk@example.com"
C, F, X = Status.COMPLETED, Status.FAILED, Status.CANCELLED
LETTER, NOT_SENT, DELIVERED, FAILED = "receipt", "failure", "dsn_delivered", "dsn_failed"


def asked(*notify: str) -> DsnRequest:
    return DsnRequest(notify=notify, envid="1", recipient="1@fax.example.com")


CASES: list[tuple[DsnRequest | None, Status, tuple[str, ...], list[tuple[str, str]]]] = [
    (None, C, (), [(LETTER, SENDER)]),
    (None, F, (), [(NOT_SENT, SENDER)]),
    (asked(), C, (DESK,), [(LETTER, SENDER), (LETTER, DESK)]),
    (asked(), F, (), [(NOT_SENT, SENDER)]),
    (asked("SUCCESS", "FAILURE"), C, (), [(DELIVERED, SENDER)]),
    (asked("SUCCESS", "FAILURE"), F, (DESK,), [(FAILED, SENDER), (NOT_SENT, DESK)]),
    (asked("SUCCESS", "FAILURE"), X, (), [(FAILED, SENDER)]),
    (asked("SUCCESS"), F, (DESK,), [(NOT_SENT, DESK)]),
    (asked("SUCCESS"), X, (), []),
    (asked("FAILURE"), C, (DESK,), [(LETTER, DESK)]),
    (asked("DELAY"), C, (), []),
    (asked("DELAY"), F, (), []),
    (asked("NEVER"), C, (DESK,), [(LETTER, DESK)]),
    (asked("NEVER"), F, (), []),
    # Whom the box names has his letter, be he the sender too; but nobody is told twice of the same.
    (asked("NEVER"), C, ("Alice@example.com",), [(LETTER, "Alice@example.com")]),
    (asked("SUCCESS"), C, ("Alice@example.com",), [(DELIVERED, SENDER)]),
    (asked("SUCCESS"), F, ("Alice@example.com",), [(NOT_SENT, "Alice@example.com")]),
]


def ids(case: object) -> str:
    return ",".join(case.notify) or "nothing" if isinstance(case, DsnRequest) else ""


@pytest.mark.parametrize(("dsn", "status", "desks", "expected"), CASES, ids=ids)
async def test_who_is_told(
    store: Store,
    seed: Seed,
    clock: MovedClock,
    dsn: DsnRequest | None,
    status: Status,
    desks: tuple[str, ...],
    expected: list[tuple[str, str]],
) -> None:
    account = await seed.account()
    box = Faxbox(id=new_id(), account_id=account.id, name="Box", created_at=clock.now(), outbound_email=desks)
    async with store.begin() as connection:
        await accounts.add_faxbox(connection, box)
        fax = fax_of(account.id, box.id, dsn, clock)
        told = await about_end(connection, fax, status, clock.now())
    assert sorted((notice.kind, notice.recipient) for notice in told) == sorted(expected)
    assert {(notice.fax_id, notice.account_id, notice.way) for notice in told} <= {(fax.id, account.id, "email")}


@pytest.mark.parametrize(("dsn", "told"), [(None, 0), (asked(), 0), (asked("SUCCESS"), 0), (asked("FAILURE"), 1)])
def test_a_withdrawn_fax(clock: MovedClock, database_url: str, dsn: DsnRequest | None, told: int) -> None:
    """Who cancels a fax in the queue knows it; a mail server that has asked is told."""
    fax = fax_of(new_id(), new_id(), dsn, clock)
    assert [notice.kind for notice in about_withdrawal(fax, clock.now())] == ["dsn_failed"] * told


def fax_of(account_id: str, box_id: str, dsn: DsnRequest | None, clock: MovedClock) -> Fax:
    now = clock.now()
    return Fax(
        id=new_id(),
        account_id=account_id,
        faxbox_id=box_id,
        direction=Direction.OUTBOUND,
        status=Status.PROCESSING,
        created_at=now,
        updated_at=now,
        sender=SENDER,
        dsn=dsn,
    )
