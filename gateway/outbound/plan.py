"""How the next call of a fax is made. Pure."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway.accounts import Account, Faxbox
from gateway.errors import BadNumber
from gateway.fax import Attempt, Direction, Fax
from gateway.ids import new_id
from gateway.means import Remembered, next_means
from gateway.numbers import to_e164
from gateway.ports import CallOrder, LineStatus

STATION_ID_LENGTH = 20
"""T.30 5.3.6.2.4-6: an identification has 20 characters."""


def next_call(
    fax: Fax,
    box: Faxbox | None,
    account: Account,
    line: LineStatus,
    calls: Sequence[Attempt],
    remembered: Remembered | None,
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
        from_number=_e164(fax.from_number, account),
        to_number=fax.destination,
        started_at=now,
        v17=means.v17,
        t38=means.t38,
    )


def order(fax: Fax, attempt: Attempt, box: Faxbox | None, account: Account, image: Path) -> CallOrder:
    """The same for the line."""
    number = attempt.from_number
    station_id = (box.fax_identity if box else "") or number
    return CallOrder(
        call_id=attempt.id,
        number=fax.destination,
        image=image,
        pages=fax.pages,
        caller_id_number=number,
        caller_id_name=fax.from_name,
        local_station_id=_printable(station_id)[:STATION_ID_LENGTH],
        header_line=_printable((box.fax_header if box else "") or fax.from_name),
        timezone=(box.timezone if box else "") or account.timezone,
        v17=attempt.v17,
        t38=attempt.t38,
    )


def _e164(written: str, account: Account) -> str:
    """What the line tells of the caller: the number as dialled, where what was written is one."""
    try:
        return to_e164(written, account.country)
    except BadNumber:
        return written


def _printable(text: str) -> str:
    """ASCII without controls: all that T.30 can carry."""
    return "".join(character for character in text if " " <= character <= "~").strip()
