"""What follows a received fax that could not be mailed."""

from dataclasses import replace

import pytest

from gateway.accounts import Faxbox
from gateway.ids import new_id
from gateway.store import accounts, notices, stranded
from gateway.store.engine import Store
from gateway.store.notices import Notice
from tests.conftest import MovedClock
from tests.store.conftest import Seed

FAX, KEPT, STRANDED = notices.INBOUND_FAX, notices.INBOUND_KEPT, notices.INBOUND_STRANDED


def mail(kind: str, recipient: str, state: str) -> Notice:
    now = MovedClock().now()
    return replace(notices.new(kind, recipient, now, account_id="a", fax_id="f"), state=state)


@pytest.mark.parametrize(
    ("failed", "others", "follows"),
    [
        (mail(FAX, "a", "failed"), [], (KEPT, "a")),
        (mail(FAX, "a", "failed"), [mail(FAX, "b", "sent")], (KEPT, "a")),
        (mail(FAX, "a", "failed"), [mail(KEPT, "b", "sent")], (KEPT, "a")),
        (mail(FAX, "a", "bounced"), [mail(KEPT, "a", "failed")], None),  # it was sent again, and failed again
        (mail(KEPT, "a", "failed"), [mail(FAX, "a", "failed")], (STRANDED, "operator")),
        (mail(KEPT, "a", "failed"), [mail(FAX, "a", "failed"), mail(FAX, "b", "sent")], None),
        (mail(KEPT, "a", "failed"), [mail(FAX, "a", "failed"), mail(FAX, "b", "pending")], None),
        (mail(KEPT, "a", "failed"), [mail(FAX, "a", "failed"), mail(KEPT, "b", "pending")], None),
        (mail(KEPT, "a", "failed"), [mail(FAX, "b", "bounced"), mail(KEPT, "b", "failed")], (STRANDED, "operator")),
        (mail(KEPT, "a", "failed"), [mail(STRANDED, "operator", "sent")], None),
    ],
)
def test_the_next_way(failed: Notice, others: list[Notice], follows: tuple[str, str] | None) -> None:
    assert stranded.next_way(failed, others) == follows


@pytest.mark.parametrize(
    ("others", "follows"),
    [
        ([], (STRANDED, "operator")),
        ([mail(FAX, "b", "failed")], (STRANDED, "operator")),
        ([mail(FAX, "b", "pending")], None),
        ([mail(FAX, "b", "failed"), mail(STRANDED, "operator", "sent")], None),
    ],
)
def test_no_second_mail_says_the_same_without_an_attachment(
    others: list[Notice], follows: tuple[str, str] | None
) -> None:
    assert stranded.next_way(mail(FAX, "a", "failed"), others, attached=False) == follows


@pytest.mark.parametrize(
    ("shows", "attach", "follows"),
    [("picture", "pdf", KEPT), ("fax", "both", KEPT), ("text", "link", STRANDED), ("nothing", "pdf", STRANDED)],
)
async def test_what_follows_is_by_what_the_faxbox_mails(
    store: Store, seed: Seed, clock: MovedClock, shows: str, attach: str, follows: str
) -> None:
    account = await seed.account()
    box = Faxbox(
        id=new_id(),
        account_id=account.id,
        name="Bob",
        created_at=clock.now(),
        mail_shows=shows,
        mail_attach=attach,
    )
    async with store.begin() as connection:
        await accounts.add_faxbox(connection, box)
    fax = await seed.fax(account, faxbox_id=box.id)
    notice = notices.new(FAX, "a", clock.now(), account_id=account.id, fax_id=fax.id)
    async with store.begin() as connection:
        await connection.run_sync(notices.add, [notice])
        await connection.run_sync(stranded.follow, notice.id, clock.now())
        assert [one.kind for one in await notices.of_fax(connection, fax.id)] == [FAX, follows]


@pytest.mark.parametrize(("kind", "way"), [(notices.RECEIPT, "email"), (FAX, "sms"), (FAX, "callback")])
async def test_nothing_follows_anything_else(store: Store, seed: Seed, clock: MovedClock, kind: str, way: str) -> None:
    fax = await seed.fax(await seed.account())
    notice = notices.new(kind, "a", clock.now(), account_id=fax.account_id, fax_id=fax.id, way=way)
    async with store.begin() as connection:
        await connection.run_sync(notices.add, [notice])
        await connection.run_sync(stranded.lock, notice.id)
        await connection.run_sync(stranded.follow, notice.id, clock.now())
        assert [one.id for one in await notices.of_fax(connection, fax.id)] == [notice.id]
