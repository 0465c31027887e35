"""What the API answers, as types: `admin_api.representation` makes these, and OpenAPI describes them.

Kazoo's spellings; times are Gregorian seconds, and `"undefined"` where something is not known yet. A key beyond the
Faxes API's schema says so.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from gateway.fax import Status

Gregorian = Annotated[int, Field(description="Seconds from the year 0 to then, UTC.")]
Undefined = Literal["undefined"]
StatusName = Annotated[
    str,
    WithJsonSchema({"type": "string", "enum": [status.value for status in Status]}),
    Field(description="Where the fax stands."),
]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]

FaxSummary = TypedDict(
    "FaxSummary",
    {
        "id": Id,
        "status": StatusName,
        "from": Annotated[str, Field(description="The sender's number, as it was written.")],
        "to": Annotated[str, Field(description="The recipient's number, as it was written.")],
        "created": Gregorian,
    },
)


class TxResult(TypedDict):
    """What the last call brought; of a fax that took several, each with the pages still missing, what all brought."""

    success: bool
    error_message: Annotated[str, Field(description="In words; empty where all is well.")]
    pages_sent: Annotated[int, Field(description="Pages of the document that the far end has confirmed.")]
    total_pages: Annotated[int, Field(description="Of how many; 0 where no call has told.")]
    fax_speed: Annotated[int, Field(description="bit/s of the last page.")]
    fax_error_correction: bool
    fax_t38: Annotated[bool, Field(description="Whether the call went over T.38; otherwise it was audio.")]
    fax_bad_rows: int
    fax_receiver_id: Annotated[str, Field(description="What the receiving machine calls itself.")]
    time_elapsed: Annotated[int, Field(description="Seconds from the fax's making to its end; 0 before.")]
    result_code: Annotated[int | None, Field(description="T.30's result; null where no call got so far.")]
    result_text: str
    result_cause: Annotated[
        int | None, Field(description="Q.850's cause of the hang-up; above 127 FreeSWITCH's own. Null before a call.")
    ]
    hangup_cause: Annotated[str, Field(description="FreeSWITCH's name of it.")]
    fax_sender_id: NotRequired[Annotated[str, Field(description="Of a received fax: what the sender calls itself.")]]


class LiveCall(TypedDict):
    """A call that runs now, as far as it has got."""

    stage: Annotated[str, Field(description="`dialling`, `answered`, `negotiated` or `page`.")]
    page: Annotated[int, Field(description="Pages that are through.")]
    pages: Annotated[int, Field(description="Of how many; 0 while nobody knows.")]
    rate: int
    ecm: bool
    remote_station_id: str


class FileOfDocument(TypedDict):
    name: str
    content_type: str
    bytes: int


class PartLeftOut(FileOfDocument):
    reason: str


class FaxDocument(TypedDict, total=False):
    """What was mailed or uploaded, or is to be fetched."""

    files: list[FileOfDocument]
    left_out: list[PartLeftOut]
    url: str
    method: str
    content: str
    content_type: str
    host: str
    referer: str


class FaxDetail(TypedDict):
    """A fax."""

    id: Id
    status: StatusName
    created: Gregorian
    delivered: Annotated[Gregorian | Undefined, Field(description="When it had arrived.")]
    from_name: str
    from_number: str
    to_name: str
    to_number: Annotated[str, Field(description="As it was written.")]
    destination: Annotated[str, Field(description="The number that is dialled or was called, E.164.")]
    fax_timezone: Annotated[str, Field(description="The faxbox's; `undefined` where it has none.")]
    attempts: Annotated[int, Field(description="Calls made.")]
    retries: Annotated[int, Field(description="How many calls may follow the first.")]
    pages: Annotated[int, Field(description="Of the document; of an incoming fax, those that are through.")]
    document: FaxDocument
    tx_result: TxResult
    faxbox_id: NotRequired[str]
    notifications: NotRequired[dict[str, Any]]
    progress: NotRequired[LiveCall]
    at: Annotated[NotRequired[str], Field(description="It is not dialled before this time.")]
    priority: NotRequired[str]
    cost_code: NotRequired[str]
    resubmitted_from: NotRequired[str]
    junk: Annotated[NotRequired[str], Field(description="Why it is not wanted, in words; it lies in `junk` then.")]


class PageShown(TypedDict):
    page: Annotated[int, Field(description="Which page, from 1; the cover page is the first where there is one.")]
    content_type: Literal["image/png"]
    content: Annotated[
        str, Field(description="Base64. The pixels that are sent, repeated where they are flat or narrow.")
    ]


class FaxPreview(TypedDict):
    """A fax as it would be sent; there is none."""

    destination: Annotated[str, Field(description="The number that would be dialled, E.164.")]
    faxbox_id: str
    cover: Annotated[bool, Field(description="Whether a cover page is the first page.")]
    pages: Annotated[int, Field(description="Of the fax, the cover page included.")]
    seconds: Annotated[
        float, Field(description="About so long a call takes, from answer to hang-up: V.17 at 14,400 bit/s with ECM.")
    ]
    page_seconds: Annotated[list[float], Field(description="Of these, what each page takes.")]
    thumbnail: PageShown
    shown: Annotated[
        list[PageShown],
        Field(description="The pages from `show_from` on: at most `show_pages`, and of many large pages fewer."),
    ]


SmtplogSummary = TypedDict(
    "SmtplogSummary",
    {
        "id": Id,
        "status": Annotated[Literal["accepted", "refused"], Field(description="What became of the mail.")],
        "from": Annotated[str, Field(description="The envelope sender.")],
        "to": Annotated[list[str], Field(description="The envelope recipients, as the client wrote them.")],
        "created": Gregorian,
        "reply": Annotated[str, Field(description="The last reply of the transaction, with its codes.")],
        "errors": list[str],
    },
)


class SmtplogRecipient(TypedDict):
    address: str
    number: Annotated[str, Field(description="The local part, as written.")]
    destination: Annotated[str, Field(description="The number as dialled.")]
    faxbox_id: str | None
    reply: str
    fax_id: str | None


class SmtplogAttachment(FileOfDocument):
    outcome: Annotated[str, Field(description="`faxed`, `left out` or `refused`.")]
    reason: str
    pages: int | None


class SmtplogDetail(SmtplogSummary):
    """One SMTP transaction: all that decided it."""

    account_id: Annotated[str | None, Field(description="Whose domain it was for; null where nobody's.")]
    faxbox_id: str | None
    peer: str
    helo: str
    tls: str
    authentication: str
    message_id: str
    subject: str
    size: int
    recipients: list[SmtplogRecipient]
    attachments: list[SmtplogAttachment]
    fax_ids: list[str]


Call = TypedDict(
    "Call",
    {
        "id": Id,
        "created": Annotated[Gregorian, Field(description="When it began.")],
        "started_at": Annotated[str, Field(description="When it began, ISO 8601, UTC.")],
        "answered_at": Annotated[str, Field(description="When it was answered; empty where it was not.")],
        "ended_at": Annotated[str, Field(description="When it ended; empty while it runs.")],
        "direction": Literal["outbound", "inbound"],
        "from": Annotated[str, Field(description="The calling number.")],
        "to": Annotated[str, Field(description="The number called, E.164.")],
        "line": Annotated[str, Field(description="The telephone line that carried it.")],
        "seconds": Annotated[float, Field(description="From answer to hang-up.")],
        "pages": Annotated[int, Field(description="Pages that this call sent and that were confirmed.")],
        "total_pages": Annotated[int, Field(description="Pages that it was to send.")],
        "rate": Annotated[int, Field(description="bit/s of the last page.")],
        "ecm": Annotated[bool, Field(description="Whether T.30's error correction was used.")],
        "t38": Annotated[bool, Field(description="Whether it went over T.38; otherwise it was audio.")],
        "bad_rows": int,
        "result_code": Annotated[int | None, Field(description="T.30's result; null where the call got not so far.")],
        "result_text": str,
        "cause": Annotated[int | None, Field(description="Q.850's cause of the hang-up.")],
        "hangup_cause": str,
        "outcome": Annotated[
            str,
            Field(description="`completed`, `failed`, `cancelled`, `partial`, `received`, `unknown`; empty: it runs."),
        ],
        "counted": Annotated[bool, Field(description="False where the fault was ours: it used up none of the tries.")],
        "attempt": Annotated[int, Field(description="Which call of its fax it was, from 1.")],
        "remote_station_id": Annotated[str, Field(description="What the far machine calls itself.")],
        "faxbox_id": str | None,
        "fax_id": Annotated[str, Field(description="The fax; it may have been deleted since.")],
        "v17": Annotated[bool, Field(description="False where it was made without V.17, after a call that broke off.")],
        "t38_asked": Annotated[
            bool | None, Field(description="Whether T.38 was asked for; null where we asked for nothing.")
        ],
        "first_page": Annotated[int, Field(description="The page of the document with which it began.")],
        "cost_code": Annotated[str, Field(description="To whom it is charged, as the sender has it.")],
    },
)


class NotificationSummary(TypedDict):
    """What one recipient is told, in one way."""

    id: str
    created: Gregorian
    fax_id: str
    kind: Annotated[
        str,
        Field(
            description="`receipt`, `failure`, `still_trying`, `inbound_fax`, `inbound_failure`; "
            "`inbound_kept` after an `inbound_fax` that did not arrive; "
            "`dsn_delivered`, `dsn_failed`, `dsn_delayed` to senders who have asked for delivery status notifications."
        ),
    ]
    way: Annotated[str, Field(description="`email`, `sms` or `callback`.")]
    recipient: Annotated[str, Field(description="An address, a number or a URL.")]
    state: Annotated[
        str,
        Field(
            description="`pending`, `sent`, `failed`, `unavailable`: nothing can send it, or it is not true any more; "
            "`bounced`: the mail was taken, and came back. `answer` says why."
        ),
    ]
    attempts: int
    answer: Annotated[str, Field(description="The last one of who should take it.")]


class Try(TypedDict):
    """A try to deliver a notification."""

    number: int
    at: Annotated[str, Field(description="ISO 8601, UTC.")]
    outcome: Annotated[str, Field(description="`sent`, `failed`, `unavailable` or `delayed`.")]
    answer: str


class NotificationDetail(NotificationSummary):
    """A notification with every try to deliver it."""

    due: Annotated[str, Field(description="When it is tried next, ISO 8601; empty where it has ended.")]
    tries: list[Try]


class Moment(TypedDict):
    """Something that happened to a fax."""

    created: Gregorian
    at: Annotated[str, Field(description="ISO 8601, UTC.")]
    kind: Annotated[
        str,
        Field(
            description="`mail`, `submitted`, `document`, `left_out`, `rendered`, `wait`, `call`, `notice`, `end` or "
            "`junk`."
        ),
    ]
    words: str
    facts: dict[str, Any]
