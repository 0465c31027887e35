"""What the API tests find in the database: made by the same functions that the gateway uses."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gateway.accounts import Account, Credential, Faxbox
from gateway.fax import CallResult, Direction, Document, Fax, LeftOut, Progress, Status
from gateway.fetching import Fetcher
from gateway.ids import new_id
from gateway.outbound.fetch import Fetching
from gateway.outbound.order import Orders
from gateway.outbound.prepare import Preparation
from gateway.outbound.preview import Previews
from gateway.ports import Documents, NewDocument
from gateway.smtplog import AttachmentLog, RecipientLog, SmtplogEntry
from gateway.stationery import Templates
from gateway.storage import key_for
from gateway.store import accounts, credentials, faxes, notices, smtplog, tokens
from gateway.store.engine import Store
from gateway.store.notices import Notice
from gateway.store.wake import Wake

SUPERUSER = "the-superusers-token"
SUBMITTED = datetime(2016, 3, 28, 22, 29, 33, tzinfo=UTC)
"""63626423373 in Gregorian seconds."""

PDF_BYTES = b"%PDF-1.7 one hundred bytes or so of what would be a document" + b"." * 40
TIFF_BYTES = b"II*\0 what would be a fax image"

DELIVERED = CallResult(
    success=True,
    answered=True,
    pages=2,
    total_pages=2,
    result_code=0,
    result_text="OK",
    cause=16,
    hangup_cause="NORMAL_CLEARING",
    rate=14400,
    ecm=True,
    bad_rows=3,
    local_station_id="+18884732963",
    remote_station_id="FAR END",
)
BUSY = CallResult(success=False, answered=False, cause=17, hangup_cause="USER_BUSY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    account: Account
    faxbox: Faxbox
    token: str
    pending: Fax
    processing: Fax
    completed: Fax
    failed: Fax
    receiving: Fax
    received: Fax
    junk: Fax
    entry: SmtplogEntry
    credential: Credential
    notice: Notice
    """That the failed fax has failed; the relay has refused it."""

    @property
    def faxes(self) -> str:
        return f"/v2/accounts/{self.account.id}/faxes"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Auth-Token": self.token}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    alice: Tenant
    bob: Tenant
    unowned: SmtplogEntry


AS_SUPERUSER = {"X-Auth-Token": SUPERUSER}


async def furnish(store: Store, documents: Documents) -> House:
    unowned = SmtplogEntry(id=new_id(), received_at=SUBMITTED, sender="x@example.net", reply="550 5.1.2 not served")
    async with store.begin() as connection:
        await tokens.add(connection, SUPERUSER, None, ["admin"], SUBMITTED)
        await connection.run_sync(smtplog.add, [unowned])
    alice = await tenant(store, documents, "alice", "+15551230001")
    bob = await tenant(store, documents, "bob", "+15551230002")
    return House(alice=alice, bob=bob, unowned=unowned)


async def tenant(store: Store, documents: Documents, name: str, number: str, parent: str | None = None) -> Tenant:
    account = Account(id=new_id(), name=name, created_at=SUBMITTED, parent_id=parent, domains=(f"{name}.example",))
    box = Faxbox(
        id=new_id(),
        account_id=account.id,
        name=f"{name}'s box",
        created_at=SUBMITTED,
        numbers=(number,),
        timezone="Europe/Paris",
    )
    entry = mail(account.id, box.id)
    credential = Credential(
        id=new_id(), account_id=account.id, faxbox_id=None, name=f"scanner@{name}.example", created_at=SUBMITTED
    )
    pdf_key, image_key = (key_for(new_id(), kind, SUBMITTED) for kind in ("application/pdf", "image/tiff"))
    await documents.put([NewDocument(pdf_key, PDF_BYTES), NewDocument(image_key, TIFF_BYTES)])
    sent = outbound(account.id, box.id, pdf_key=pdf_key, image_key=image_key, pages=2)
    received = replace(
        outbound(account.id, box.id, pdf_key=pdf_key, image_key=image_key, pages=2),
        direction=Direction.INBOUND,
        via="line",
        from_number="+12025550190",
        to_number=number,
        destination=number,
    )
    made = {
        "pending": outbound(account.id, box.id),
        "processing": replace(
            sent,
            id=new_id(),
            status=Status.PROCESSING,
            attempts=2,
            result=BUSY,
            error="The line was busy.",
            progress=Progress(
                call_id=new_id(), stage="page", rate=14400, ecm=True, page=1, pages=2, remote_station_id="FAR END"
            ),
        ),
        "completed": ended(sent, Status.COMPLETED, DELIVERED),
        "failed": ended(sent, Status.FAILED, BUSY, error="The line was busy."),
        "receiving": replace(
            received,
            id=new_id(),
            status=Status.RECEIVING,
            pdf_key="",
            image_key="",
            pages=1,
            progress=Progress(call_id=new_id(), stage="page", rate=9600, page=1, remote_station_id="CALLER"),
        ),
        "received": ended(received, Status.RECEIVED, DELIVERED),
        "junk": replace(ended(received, Status.RECEIVED, DELIVERED), junk="The faxbox blocks +12025550190."),
    }
    token = f"token-of-{name}"
    told = notices.new(
        notices.FAILURE, f"clerk@{name}.example", SUBMITTED, account_id=account.id, fax_id=made["failed"].id
    )
    notice = replace(told, state=notices.FAILED, due_at=None, ended_at=SUBMITTED, attempts=1, answer="550 no such user")
    async with store.begin() as connection:
        await accounts.add_account(connection, account)
        await accounts.add_faxbox(connection, box)
        await tokens.add(connection, token, account.id, ["read", "send", "admin"], SUBMITTED)
        await connection.run_sync(faxes.add, list(made.values()))
        await credentials.add(connection, credential, "no hash")
        await connection.run_sync(smtplog.add, [entry])
        await connection.run_sync(notices.add, [notice])
    return Tenant(account=account, faxbox=box, token=token, credential=credential, entry=entry, notice=notice, **made)


def outbound(account_id: str, faxbox_id: str, *, pdf_key: str = "", image_key: str = "", pages: int = 0) -> Fax:
    return Fax(
        id=new_id(),
        account_id=account_id,
        faxbox_id=faxbox_id,
        direction=Direction.OUTBOUND,
        status=Status.PENDING,
        created_at=SUBMITTED,
        updated_at=SUBMITTED,
        due_at=SUBMITTED,
        via="smtp",
        from_name="Test Fax",
        from_number="18884732963",
        to_name="To Name",
        to_number="(888) 473-2963",
        destination="+18884732963",
        retries=3,
        documents=(Document(key="2016-03-28/secret.pdf", name="offer.pdf", content_type="application/pdf", bytes=100),),
        left_out=(LeftOut(name="logo.png", content_type="image/png", bytes=900, reason="a signature image"),),
        pdf_key=pdf_key,
        image_key=image_key,
        pages=pages,
    )


def ended(fax: Fax, status: Status, result: CallResult, error: str = "") -> Fax:
    return replace(
        fax,
        id=new_id(),
        status=status,
        attempts=1,
        tries=1,
        result=result,
        error=error,
        ended_at=SUBMITTED + timedelta(seconds=61),
    )


def mail(account_id: str, faxbox_id: str) -> SmtplogEntry:
    return SmtplogEntry(
        id=new_id(),
        received_at=SUBMITTED,
        account_id=account_id,
        faxbox_id=faxbox_id,
        peer="127.0.0.1:51000",
        helo="client.example",
        authentication="trusted network",
        sender="alice@example.com",
        recipients=[RecipientLog(address="8884732963@fax.example.com", number="8884732963", reply="250 2.1.5 OK")],
        message_id="<1@example.com>",
        subject="An offer",
        size=2048,
        attachments=[
            AttachmentLog(name="offer.pdf", content_type="application/pdf", bytes=100, outcome="faxed", pages=2)
        ],
        reply="250 2.0.0 queued",
        accepted=True,
    )


def previews_of(orders: Orders, wake: Wake) -> Previews:
    """What makes previews of these orders; it fetches nothing that is inside."""
    preparation = Preparation(
        store=orders.store,
        documents=orders.documents,
        sandbox=orders.sandbox,
        wake=wake,
        clock=orders.clock,
        spool=orders.spool,
        max_pages=orders.max_pages,
        templates=Templates(),
    )
    return Previews(orders=orders, fetching=Fetching(fetcher=Fetcher(), preparation=preparation))
