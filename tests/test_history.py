"""The story of a fax, told from what is stored: in order, in words, with what decided it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.fax import Attempt, CallResult, Direction, Document, Fax, LeftOut, Progress, Status
from gateway.history import Moment, made_at, tell
from gateway.ids import new_id
from gateway.smtplog import SmtplogEntry
from gateway.store.notices import Notice

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(**given: float) -> datetime:
    return NOON + timedelta(**given)


def key_made(at: datetime) -> str:
    """The key of a document made then."""
    return f"2026-03-01/{int(at.timestamp() * 1000):012x}7{new_id()[13:]}.tiff"


ENTRY = SmtplogEntry(
    id=new_id(),
    received_at=NOON,
    peer="192.0.2.1:4711",
    helo="client.example",
    authentication="trusted network",
    sender="alice@example.com",
    reply="250 2.0.0 queued",
)
FAX = Fax(
    id=new_id(),
    account_id=new_id(),
    faxbox_id=new_id(),
    direction=Direction.OUTBOUND,
    status=Status.COMPLETED,
    created_at=NOON,
    updated_at=after(minutes=5),
    ended_at=after(minutes=5),
    via="smtp",
    to_number="202-555-0191",
    destination="+12025550191",
    documents=(Document(key="k", name="offer.pdf", content_type="application/pdf", bytes=100),),
    left_out=(LeftOut(name="logo.png", content_type="image/png", bytes=9, reason="a signature image"),),
    pdf_key=key_made(after(seconds=1)),
    image_key=key_made(after(seconds=1)),
    pages=2,
)
BUSY = CallResult(
    success=False, answered=False, cause=17, hangup_cause="USER_BUSY", ended_at=after(seconds=15), seconds=0
)
SENT = CallResult(
    success=True, answered=True, pages=2, total_pages=2, result_code=0, rate=14400, ecm=True, seconds=43, cause=16,
    remote_station_id="FAR END", ended_at=after(minutes=5),
)  # fmt: skip
FIRST = Attempt(
    id=new_id(),
    fax_id=FAX.id,
    account_id=FAX.account_id,
    faxbox_id=FAX.faxbox_id,
    direction=Direction.OUTBOUND,
    number=1,
    line="trunk",
    from_number="+12025550101",
    to_number="+12025550191",
    started_at=after(seconds=10),
    result=BUSY,
    outcome="failed",
)
SECOND = replace(FIRST, id=new_id(), number=2, started_at=after(seconds=195), result=SENT, outcome="completed")
RECEIPT = Notice(
    id=new_id(),
    account_id=FAX.account_id,
    fax_id=FAX.id,
    kind="receipt",
    recipient="alice@example.com",
    state="sent",
    created_at=after(minutes=5),
    ended_at=after(minutes=5, seconds=1),
    attempts=1,
    answer="250 2.0.0 Ok: queued as 4F",
)


def words(story: list[Moment]) -> list[str]:
    return [f"{moment.at:%M:%S} {moment.words}" for moment in story]


def test_a_fax_that_was_mailed_was_busy_and_then_arrived() -> None:
    assert words(tell(FAX, ENTRY, [FIRST, SECOND], [RECEIPT])) == [
        (
            "00:00 192.0.2.1:4711 (client.example) brought a mail from alice@example.com, proven by trusted network; "
            "we answered 250 2.0.0 queued."
        ),
        "00:00 The fax to +1 202-555-0191 was taken by mail.",
        "00:00 offer.pdf (application/pdf, 100 bytes) was taken.",
        "00:00 logo.png was left out: a signature image.",
        "00:01 The fax image of 2 pages was made.",
        "00:01 It waited 9 seconds, because a line or the recipient's number was not free.",
        "00:10 Call 1 to +1 202-555-0191 on line trunk: The line was busy.",
        "00:15 It waited 3 minutes, because the line was busy.",
        (
            "03:15 Call 2 to +1 202-555-0191 on line trunk: The fax was delivered. "
            "2 pages in 43 seconds with FAR END at 14400 bit/s with error correction."
        ),
        "05:00 Sent: 2 pages arrived.",
        "05:01 The receipt was sent to alice@example.com: 250 2.0.0 Ok: queued as 4F.",
    ]


def test_how_a_call_was_made_is_told_where_it_is_not_as_usual() -> None:
    cut = replace(SENT, success=False, pages=1, result_code=49, t38=True)
    first = replace(FIRST, result=cut)
    rest = replace(SENT, pages=1, total_pages=1, rate=9600, ecm=False)
    second = replace(SECOND, result=rest, v17=False, t38=False, first_page=2)
    calls = [moment for moment in tell(FAX, None, [first, second], []) if moment.kind == "call"]
    assert [moment.words for moment in calls] == [
        (
            "Call 1 to +1 202-555-0191 on line trunk: The call was cut off after page 1 of 2. "
            "1 page in 43 seconds with FAR END at 14400 bit/s with error correction over T.38."
        ),
        (
            "Call 2 to +1 202-555-0191 on line trunk, without V.17, from page 2: The fax was delivered. "
            "1 page in 43 seconds with FAR END at 9600 bit/s without error correction."
        ),
    ]
    facts = [(moment.facts["v17"], moment.facts["t38"], moment.facts["first_page"]) for moment in calls]
    assert facts == [(True, True, 1), (False, False, 2)]
    cut_again = replace(second, result=replace(cut, pages=1, total_pages=3), first_page=3)
    longer = replace(FAX, pages=5)
    [moment] = [moment for moment in tell(longer, None, [cut_again], []) if moment.kind == "call"]
    assert "from page 3: The call was cut off after page 3 of 5. 1 page in" in moment.words


def test_a_fax_that_waits_says_until_when_and_why() -> None:
    waiting = replace(FAX, status=Status.PENDING, ended_at=None, due_at=after(minutes=3, seconds=15))
    [*_, last] = tell(waiting, None, [FIRST], [])
    assert words([last]) == ["00:15 The next call is due at 12:03:15 UTC, because the line was busy."]


def test_a_call_that_runs_and_one_that_nobody_knows_of() -> None:
    runs = replace(FIRST, result=None, outcome="")
    progress = Progress(call_id=runs.id, stage="page", page=1, pages=2)
    now = replace(FAX, status=Status.PROCESSING, ended_at=None, progress=progress)
    assert tell(now, None, [runs], [])[-1].words.endswith("on line trunk: it runs now. 1 page through so far.")
    unknown = replace(runs, outcome="unknown")
    assert tell(FAX, None, [unknown], [])[-2].words.endswith("nobody knows how it ended.")


def test_a_call_that_was_no_fault_of_the_fax_says_so() -> None:
    story = tell(FAX, None, [replace(FIRST, counted=False)], [])
    assert any(moment.words.endswith("The line was busy. It does not count as a try.") for moment in story)


def test_a_fax_that_came_in() -> None:
    came = replace(
        FAX, direction=Direction.INBOUND, status=Status.PARTIAL, via="line", documents=(), left_out=(), pages=1,
        error="The call was cut off after page 1.", image_key=key_made(after(minutes=1)), created_at=FIRST.started_at,
        ended_at=after(minutes=2),
    )  # fmt: skip
    cut = replace(SENT, success=False, pages=1, total_pages=0, result_code=48)
    call = replace(FIRST, direction=Direction.INBOUND, result=cut, outcome="partial")
    mailed = replace(RECEIPT, kind="inbound_fax", state="failed", answer="550 no such user")
    assert words(tell(came, None, [call], [mailed])) == [
        (
            "00:10 +1 202-555-0101 called +1 202-555-0191 on line trunk: The call was cut off after page 1. "
            "1 page in 43 seconds with FAR END at 14400 bit/s with error correction."
        ),
        "01:00 1 page stored.",
        "02:00 Received in part: 1 page. The call was cut off after page 1.",
        "05:01 The received fax could not be sent to alice@example.com: 550 no such user.",
    ]


def test_a_fax_that_nobody_wanted() -> None:
    came = replace(
        FAX,
        direction=Direction.INBOUND,
        status=Status.RECEIVED,
        ended_at=after(minutes=2),
        junk="The account blocks GB.",
    )
    assert words(tell(came, None, [], []))[-1] == "02:00 It is junk, of which a digest tells: The account blocks GB."


def test_text_from_outside_cannot_forge_a_line() -> None:
    entry = replace(ENTRY, helo="x\r\n12:00:00 The fax arrived", sender="a\u202eb@example.com")
    far = replace(SECOND, result=replace(SENT, remote_station_id="A\nB"))
    for moment in tell(FAX, entry, [far], [replace(RECEIPT, answer="250 ok\r\n forged")]):
        assert moment.words.isprintable()


def test_a_key_tells_when_its_document_was_made() -> None:
    assert made_at(key_made(NOON)) == NOON
    for other in ("", "x", "2026-03-01/fax.pdf", f"2026-03-01/{'0' * 32}.pdf"):
        assert made_at(other) is None
