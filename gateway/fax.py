"""The fax, its states, and what a call brought: the nouns that everything else speaks of.

Nothing here does anything. A fax changes its state only as `TRANSITIONS` says, and only in `gateway.store.faxes`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Status(StrEnum):
    """The states of the Faxes API (outbound) and of a received fax (inbound)."""

    ATTACHING_FILES = "attaching_files"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RECEIVING = "receiving"
    RECEIVED = "received"
    PARTIAL = "partial"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.ATTACHING_FILES: frozenset({Status.PENDING, Status.FAILED, Status.CANCELLED}),
    Status.PENDING: frozenset({Status.PROCESSING, Status.CANCELLED}),
    # A retry is a pending fax with a later due time: there is no further state for it.
    Status.PROCESSING: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.PENDING}),
    Status.RECEIVING: frozenset({Status.RECEIVED, Status.PARTIAL, Status.FAILED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.RECEIVED: frozenset(),
    Status.PARTIAL: frozenset(),
}

ENDED = frozenset(status for status, following in TRANSITIONS.items() if not following)
"""States that a fax never leaves: `outbox` and `inbox` list these, `outgoing` and `incoming` the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it was mailed or uploaded, kept in the documents store."""

    key: str
    name: str
    """The file name as the sender wrote it, decoded; for people, never used as a path."""
    content_type: str
    """What the bytes are (sniffed), not what the sender said they were."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRequest:
    """A document that is fetched before the first call, as the Faxes API describes it."""

    url: str
    method: str = "get"
    """`get` or `post`."""
    content: str = ""
    """The body of a post."""
    content_type: str = ""
    host: str = ""
    referer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A part of a mail that is not faxed, and why; named in the smtplog and in the receipt."""

    name: str
    content_type: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DsnRequest:
    """What the sender of a mail has asked to be told of one recipient, and how (RFC 3461 4)."""

    notify: tuple[str, ...] = ()
    """Of `SUCCESS`, `FAILURE` and `DELAY`, or `NEVER` alone: these are told as delivery status notifications, and
    nothing else. Empty where the sender leaves that to us."""
    ret: str = ""
    """`FULL`, `HDRS`, or empty."""
    envid: str = ""
    """As it came, xtext."""
    orcpt: str = ""
    """As it came: an address type, a semicolon, xtext."""
    recipient: str = ""
    """The address of the envelope, as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What a call brought, as the line saw it. The same shape for sending and for receiving.

    `result_code` and `result_text` are T.30's (spandsp's numbers), None where the call never reached T.30. `cause` is
    the Q.850 cause of the hang-up and `hangup_cause` its FreeSWITCH name. `pages` are the pages the far end confirmed.
    """

    success: bool
    answered: bool
    pages: int = 0
    total_pages: int = 0
    result_code: int | None = None
    result_text: str = ""
    cause: int | None = None
    hangup_cause: str = ""
    rate: int = 0
    """bit/s of the last page."""
    ecm: bool = False
    t38: bool = False
    bad_rows: int = 0
    local_station_id: str = ""
    remote_station_id: str = ""
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float = 0.0
    """From answer to hang-up: what the telephone company bills. On a line faster than real time, the seconds that the
    call would have taken on a telephone line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How a call is made, where that can be chosen."""

    v17: bool = True
    """Whether it offers V.17 (14400 bit/s); without it V.29 (9600) is the fastest."""
    t38: bool | None = None
    """T.38 or audio; None leaves it to the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A live call, as far as it has got. `page` counts the pages that are through, `pages` is 0 while unknown."""

    call_id: str
    stage: str
    """`dialling`, `answered`, `negotiated` or `page`."""
    rate: int = 0
    ecm: bool = False
    page: int = 0
    pages: int = 0
    remote_station_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call, out or in: a row of its own, written before dialling, that survives the deletion of its fax."""

    id: str
    """The call id too: the line is asked about the call by it after a crash."""
    fax_id: str
    account_id: str
    faxbox_id: str | None
    direction: Direction
    number: int
    """1 for the first call of the fax."""
    line: str
    from_number: str
    to_number: str
    started_at: datetime
    v17: bool = True
    t38: bool | None = None
    """Both as asked of the line; `t38` is None where nothing was."""
    first_page: int = 1
    """The page of the document with which it begins; `result` counts the pages from there."""
    result: CallResult | None = None
    cost_code: str = ""
    outcome: str = ""
    """`` while it runs, then `completed`, `failed`, `cancelled`, `partial` or `unknown`."""
    counted: bool = True
    """False where the fault was ours or the network's: such an attempt uses up none of the tries."""

    @property
    def means(self) -> Means:
        return Means(v17=self.v17, t38=self.t38)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fax:
    """A fax, out or in, as stored. Times are UTC. Empty text means unknown."""

    id: str
    account_id: str
    faxbox_id: str | None
    direction: Direction
    status: Status
    created_at: datetime
    updated_at: datetime
    revision: int = 1
    due_at: datetime | None = None
    """When it is to be dialled next (pending) or prepared again (attaching_files)."""
    ended_at: datetime | None = None

    via: str = ""
    """Where it came from: `smtp`, `api`, `cli` or `line`."""
    submission_id: str = ""
    """The smtplog entry (or the API request) it came with; the faxes of one mail share it."""
    sender: str = ""
    """The verified address that receipts go to; empty where there is none."""
    subject: str = ""
    message: str = ""
    """What the sender wrote beside the documents, for the cover page."""
    message_id: str = ""
    dsn: DsnRequest | None = None
    """What its sender has asked to be told, if anything."""
    repeat_key: str | None = None
    resubmitted_from: str = ""

    from_name: str = ""
    from_number: str = ""
    """As written by the submitter or, inbound, as the line told it."""
    to_name: str = ""
    to_number: str = ""
    """As written."""
    destination: str = ""
    """The number that is dialled (outbound) or was called (inbound), E.164 with `+`."""

    retries: int = 1
    attempts: int = 0
    """Calls made."""
    tries: int = 0
    """Calls made that count against `1 + retries`."""
    cancel_requested: bool = False
    first_dialled_at: datetime | None = None
    told_late_at: datetime | None = None
    """When it was told that it is not through yet."""

    send_at: datetime | None = None
    """Before this time it is not dialled."""
    priority: int = 0
    """Among the faxes of its account the smaller goes first: -1, 0 or 1."""
    cost_code: str = ""
    """To whom its calls are charged, as the sender has it; kept in the call records."""
    cover: bool | None = None
    """Whether it has a cover page; None leaves it to the faxbox, ..."""
    resolution: str = ""
    """... as these do if they are empty: the image's resolution, ..."""
    mode: str = ""
    """... and how it is made black and white."""

    request: DocumentRequest | None = None
    """Where the document is to be fetched, for a fax that names a URL."""
    documents: tuple[Document, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    pdf_key: str = ""
    """The normalised PDF (outbound), or the received pages as PDF (inbound)."""
    image_key: str = ""
    """The fax image: the TIFF as sent or as received."""
    pages: int = 0
    progress: Progress | None = None
    result: CallResult | None = None
    error: str = ""
    """Plain words for people; empty when all is well."""
    junk: str = ""
    """Why it is not wanted (`gateway.callers`), in plain words: it lies apart, and nobody is told of it at once. Empty
    where it is, or was taken out."""
    junk_told_at: datetime | None = None
    """When a digest has told of it."""
    notifications: dict[str, object] = field(default_factory=dict)
    """The Faxes API's own: {"email": {"send_to": ...}, "sms": {"send_to": ...}}."""

    claim_token: str | None = None
    lease_until: datetime | None = None

    @property
    def wanted_at(self) -> datetime:
        """Since when it could have been dialled."""
        return self.created_at if self.send_at is None else max(self.created_at, self.send_at)
