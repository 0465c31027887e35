"""Sends files from the command line, as a mail or a program would."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.alerts import NOBODY
from gateway.audit import OPERATOR
from gateway.desk import Desk
from gateway.documents import refusals
from gateway.documents.installed import taken
from gateway.documents.kinds import kind_of
from gateway.errors import DocumentRefused
from gateway.ids import new_id
from gateway.numbers import to_e164
from gateway.outbound.submission import MailedDocument, Origin, Submission
from gateway.outbound.submit import Submissions
from gateway.routing import FaxRoute
from gateway.store import accounts


async def send(desk: Desk, faxbox_id: str, number: str, files: Sequence[Path]) -> dict[str, Any]:
    """Queue the files as one fax; returns its id, number and status."""
    async with desk.store.read() as connection:
        box = await accounts.faxbox(connection, faxbox_id)
        account = await accounts.account(connection, box.account_id)
    route = FaxRoute(account=account, faxbox=box, number=number, destination=to_e164(number, account.country))
    way_in = submissions(desk)
    await way_in.start()
    try:
        [fax_id] = await way_in.submit(
            Submission(
                origin=Origin(id=new_id(), via="cli", actor=OPERATOR),
                routes=(route,),
                documents=tuple(_document(file) for file in files),
            )
        )
    finally:
        await way_in.stop()
    return {"id": fax_id, "to": route.destination, "status": "attaching_files"}


def submissions(desk: Desk) -> Submissions:
    """The way in for faxes, not started yet."""
    return Submissions(desk.store, desk.documents, desk.wake, desk.clock, operator=NOBODY)


def _document(file: Path) -> MailedDocument:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DocumentRefused(f"{file} cannot be read: {error.strerror}") from error
    kind = kind_of(content, file.name)
    if kind not in taken():
        raise refusals.not_taken(file.name, kind)
    return MailedDocument(name=file.name, content_type=str(kind), content=content)
