"""Text that a mail may bring and a database may not take."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.smtplog import AttachmentLog, SmtplogEntry
from gateway.store import faxes, smtplog
from gateway.store.engine import Store
from tests.store.conftest import Seed

TEXTS = [
    ("plain", "plain"),
    ("Füße 漢字 🖨", "Füße 漢字 🖨"),
    ("nul\0in it", "nul�in it"),
    ("undecodable \udcff", "undecodable ?"),
    ("half \ud83d", "half ?"),
    ('"\\u0000', '"\\ufffd'),
]


@pytest.mark.parametrize(("given", "kept"), TEXTS)
async def test_any_text_is_kept(store: Store, seed: Seed, given: str, kept: str) -> None:
    fax = await seed.fax(await seed.account(), subject=given)
    attachment = AttachmentLog(name=given, content_type="application/pdf", bytes=1, outcome="faxed")
    entry = SmtplogEntry(
        id=fax.id, received_at=datetime.now(UTC), subject=given, attachments=[attachment], account_id=fax.account_id
    )
    async with store.begin() as connection:
        await connection.run_sync(smtplog.add, [entry])
        await faxes.change(connection, replace(fax, claim_token=None), datetime.now(UTC), error=given)
    async with store.read() as connection:
        read = await faxes.find(connection, fax.id)
        logged = await smtplog.find(connection, entry.id, fax.account_id)
    assert read.error == read.subject == kept.replace("\\ufffd", "\\u0000")
    assert logged.attachments[0].name == kept
