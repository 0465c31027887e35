"""Trouble of our own is not the document's fault: the fax waits, and is told of only after a day."""

import shutil
from email.message import EmailMessage

from gateway.fax import Status
from tests.stories.conftest import FAX_MACHINE, House


async def test_a_spool_that_cannot_be_written_puts_the_fax_off(house: House, letter: EmailMessage) -> None:
    spool = house.app.settings.data_dir / "spool"
    shutil.rmtree(spool)
    spool.write_text("not a folder")
    await house.send(letter, FAX_MACHINE)

    async def put_off() -> bool | None:
        return (
            True
            if [fax.error for fax in await house.faxes()] == ["The document cannot be prepared right now."]
            else None
        )

    await house.until(put_off, "the fax to be put off")
    assert (await house.faxes())[0].status is Status.ATTACHING_FILES
    spool.unlink()
    spool.mkdir()
    await house.later(seconds=61)
    fax = await house.fax(Status.COMPLETED)
    assert fax.error == ""


async def test_after_a_day_of_it_the_sender_is_told(house: House, letter: EmailMessage) -> None:
    spool = house.app.settings.data_dir / "spool"
    shutil.rmtree(spool)
    spool.write_text("not a folder")
    await house.send(letter, FAX_MACHINE)

    async def put_off() -> bool | None:
        return True if [fax.error for fax in await house.faxes()] != [""] else None

    await house.until(put_off, "the fax to be put off")
    await house.later(seconds=24 * 3600)
    # It is told of as late at the same time: whoever finds it locked by that looks again in half a minute.
    assert await house.mail("alice@example.com", "Still trying to fax to")
    await house.later(seconds=31)
    fax = await house.fax(Status.FAILED)
    assert fax.error == "The document cannot be prepared right now."
    assert await house.mail("alice@example.com", "NOT faxed to")
