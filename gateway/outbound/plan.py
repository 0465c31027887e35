"""How the next call of a fax is made. Pure."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway.accounts import Account, Faxbox
from gateway.documents.header import HeaderLine
from gateway.errors import BadNumber
from gateway.fax import Attempt, Direction, Fax
from gateway.ids import new_id
from gateway.means import Remembered, next_means
from gateway.numbers import to_e164
from gateway.ports import CallOrder, LineStatus
from gateway.resuming import first_page
from gateway.wording import plain, zone_of

STATION_ID_LENGTH = 20
"""T.30 5.3.6.2.4-6: an identification has 20 characters."""
HEADER_LENGTH = 50
"""Characters of a header line's text: more has no room beside date, number and page."""


def next_call(
    fax: Fax,
    box: Faxbox | None,
    account: Account,
    line: LineStatus,
    calls: Sequence[Attempt],
    remembered: Remembered | None,
    caller_id: str,
    now: datetime,
) -> Attempt:
    """The call record of the next call on `line`, as it is written before dialling. `calls` are those before,
    `remembered` is what has worked for the destination."""
    means = next_means(calls, remembered, box.t38 if box else None, line.t38, now)
    return Attempt(
        id=new_id(),
        fax_id=fax.id,
        account_id=fax.account_id,
        faxbox_id=fax.faxbox_id,
        direction=Direction.OUTBOUND,
        number=fax.attempts + 1,
        line=line.name,
        from_number=caller_id,
        to_number=fax.destination,
        started_at=now,
        v17=means.v17,
        t38=means.t38,
        first_page=first_page(calls, fax.pages) if box and box.resume else 1,
        cost_code=fax.cost_code,
    )


def header_line(fax: Fax, attempt: Attempt, box: Faxbox | None, account: Account) -> HeaderLine:
    """What stands on top of the pages of this call."""
    text = plain((box.fax_header if box else "") or fax.from_name)
    return HeaderLine(
        text=_header_line(text[:HEADER_LENGTH].strip(), attempt.first_page, fax.pages),
        station_id=_station_id(attempt, box),
        moment=attempt.started_at.astimezone(zone_of(box, account)),
    )


def order(
    fax: Fax, attempt: Attempt, box: Faxbox | None, account: Account, image: Path, header_line: str = ""
) -> CallOrder:
    """The same for the line. `image` has the pages that this call sends; `header_line` is the text of what the line
    itself prints above them."""
    return CallOrder(
        call_id=attempt.id,
        number=fax.destination,
        image=image,
        pages=pages_of(attempt, fax),
        caller_id_number=attempt.from_number,
        caller_id_name=fax.from_name,
        local_station_id=_station_id(attempt, box),
        header_line=header_line,
        timezone=(box.timezone if box else "") or account.timezone,
        v17=attempt.v17,
        t38=attempt.t38,
    )


def pages_of(attempt: Attempt, fax: Fax) -> int:
    """How many pages the call sends."""
    return fax.pages - attempt.first_page + 1


def _header_line(text: str, first_page: int, pages: int) -> str:
    """The header line of a call that begins with `first_page`: it says so, whatever becomes of the rest of it.

    >>> _header_line("The Practice", 3, 5), _header_line("", 5, 5)
    ('The Practice (continued: pages 3-5 of 5)', '(continued: page 5 of 5)')
    """
    if first_page == 1:
        return text
    sent = f"page {pages}" if first_page == pages else f"pages {first_page}-{pages}"
    note = f"(continued: {sent} of {pages})"
    return f"{text[: HEADER_LENGTH - len(note) - 1].strip()} {note}".strip()


def e164(written: str, account: Account) -> str:
    """What the line tells of the caller: the number as dialled, where what was written is one."""
    try:
        return to_e164(written, account.country)
    except BadNumber:
        return written


def _station_id(attempt: Attempt, box: Faxbox | None) -> str:
    return plain((box.fax_identity if box else "") or attempt.from_number)[:STATION_ID_LENGTH].strip()
