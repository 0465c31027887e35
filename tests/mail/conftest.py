"""A faxbox in Paris of an account in New York, and faxes that went well through it."""

from datetime import UTC, datetime

import pytest

from gateway.accounts import Account, Faxbox
from gateway.fax import CallResult, Direction, Document, Fax, LeftOut, Status
from gateway.letters import Letterhead

NOW = datetime(2026, 11, 23, 13, 5, 9, tzinfo=UTC)


@pytest.fixture
def account() -> Account:
    return Account(id="a1", name="Example & Sons", created_at=NOW, timezone="America/New_York")


@pytest.fixture
def faxbox() -> Faxbox:
    return Faxbox(id="b1", account_id="a1", name="Sales", created_at=NOW, timezone="Europe/Paris")


@pytest.fixture
def head() -> Letterhead:
    return Letterhead(
        notice_id="0192f0c3a1b27c4d8e5f60718293a4b6",
        sender="faxgate@fax.example.com",
        recipient="alice@example.com",
        hostname="fax.example.com",
        date=NOW,
    )


@pytest.fixture
def sent() -> Fax:
    """An outbound fax of 3 pages, delivered by the second call."""
    return Fax(
        id="0192f0c3a1b27c4d8e5f60718293a4b5",
        account_id="a1",
        faxbox_id="b1",
        direction=Direction.OUTBOUND,
        status=Status.COMPLETED,
        created_at=NOW,
        updated_at=NOW,
        ended_at=NOW,
        sender="alice@example.com",
        subject="Contract, signed",
        message_id="<mail-1@mail.example.com>",
        from_number="+15551230001",
        destination="+12025550190",
        attempts=2,
        pages=3,
        documents=(Document(key="d", name="contract.pdf", content_type="application/pdf", bytes=123456),),
        left_out=(LeftOut(name="logo.png", content_type="image/png", bytes=900, reason="a small picture"),),
        result=CallResult(
            success=True,
            answered=True,
            pages=3,
            total_pages=3,
            result_code=0,
            rate=14400,
            ecm=True,
            remote_station_id="+1 202 555 0190",
            seconds=98.2,
        ),
    )


@pytest.fixture
def received() -> Fax:
    """An inbound fax of 2 pages."""
    return Fax(
        id="0192f0c3a1b27c4d8e5f60718293a4b7",
        account_id="a1",
        faxbox_id="b1",
        direction=Direction.INBOUND,
        status=Status.RECEIVED,
        created_at=NOW,
        updated_at=NOW,
        ended_at=NOW,
        from_number="+12025550190",
        from_name="ACME CORP",
        destination="+15551230001",
        pages=2,
        result=CallResult(
            success=True, answered=True, pages=2, result_code=0, rate=9600, remote_station_id="ACME", seconds=61
        ),
    )
