"""What a faxbox is made of, with the fields of Kazoo's: what can be set, what is shown, and how a Faxbox has it."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from admin_api import spending
from admin_api.callers import Allowed, Blocked
from admin_api.representation import gregorian
from admin_api.spending import Limits, NumberRules
from gateway import options
from gateway.accounts import Faxbox, Scanner
from gateway.checks import MOST, MOST_RETRIES


def _list(value: Any) -> Any:
    """Kazoo takes one recipient without a list."""
    return [value] if isinstance(value, str) and value else [] if value == "" else value


_STRICT = ConfigDict(extra="forbid", strict=True)
Recipients = Annotated[
    list[Annotated[str, Field(max_length=320)]],
    BeforeValidator(_list, json_schema_input_type=str | list[str]),
    Field(max_length=MOST, description="A list, or one alone."),
]
MailOption = Literal["cover", "resolution", "mode", "to", "at", "priority", "cost_code", "password"]
Line = Annotated[str, Field(max_length=128)]


class SendTo(BaseModel):
    """Who is told."""

    model_config = _STRICT

    send_to: Recipients = []


class Callback(BaseModel):
    """A URL that is told."""

    model_config = _STRICT

    url: str = Field(default="", max_length=2048, description="http:// or https://; without it nobody is called back.")
    method: Literal["post", "put"] = "post"
    type: Literal["json", "www-url-form-encoded"] = Field(default="json", description="How the body is written.")


class Told(BaseModel):
    """The ways of being told."""

    model_config = _STRICT

    email: SendTo = SendTo()
    sms: SendTo = SendTo()
    callback: Callback = Callback()


class Notifications(BaseModel):
    """Who is told of a fax."""

    model_config = _STRICT

    inbound: Told = Field(default=Told(), description="Of received faxes; those told by email get the fax itself.")
    outbound: Told = Field(default=Told(), description="Of sent faxes, beside the sender, who always is.")


class Media(BaseModel):
    model_config = _STRICT

    fax_option: bool | None = Field(default=None, description="Whether calls use T.38; without it the line decides.")


class Rendering(BaseModel):
    """How the pages of its faxes are made."""

    model_config = _STRICT

    look: Literal["auto", "text", "photo"] = Field(
        default="auto",
        description="`auto` keeps text sharp and screens photographs, `text` screens nothing, `photo` everything.",
    )
    resolution: Literal["standard", "fine", "superfine"] = Field(
        default="fine", description="204 by 98, 196 or 391 pixels an inch. The finer, the longer the call."
    )
    drop_blank_end: bool = Field(default=False, description="Leave out blank pages at the end.")


class CoverPage(BaseModel):
    """A page before the document that says who faxes what to whom."""

    model_config = _STRICT

    when: Literal["never", "always", "text"] = Field(
        default="never", description="`text`: when the mail has one, which then stands on it."
    )
    confidentiality: str = Field(default="", max_length=1000, description="For those who got the fax by mistake.")


class Mails(BaseModel):
    """What mails about its faxes show of them."""

    model_config = _STRICT

    show: Literal["nothing", "text", "picture", "fax"] = Field(
        default="picture",
        description="`nothing`: neither subject nor names of documents nor the fax itself, as health data asks for; "
        "`text`: no picture; `picture`: the first page, small, in what the sender gets; `fax`: there the whole fax is "
        "attached. Received faxes are attached unless it is `nothing`.",
    )
    attach: Literal["pdf", "tiff", "both", "link"] = Field(
        default="pdf", description="As what a fax is attached; `link`: not at all, the mail says where it is."
    )


class ScannerFields(BaseModel):
    """An office scanner that cannot log in: it mails from one address, and sends through this faxbox alone."""

    model_config = _STRICT

    network: str = Field(min_length=1, max_length=64, description="Where it stands: an address or a network.")
    sender: str = Field(min_length=3, max_length=320, description="Its envelope sender and header From.")
    max_pages: int | None = Field(default=None, ge=1, description="Pages of one fax.")
    receipts_to: str = Field(default="", max_length=320, description="Who gets its receipts; its sender if empty.")
    plaintext: bool = Field(default=False, description="Whether it may come without TLS.")


class FaxboxFields(BaseModel):
    """What of a faxbox can be set. Null or an empty value clears a field."""

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=128, description="For people.")
    caller_id: str = Field(default="", max_length=64, description="The calling number; its first number if not given.")
    caller_name: Line = Field(default="", description="The name of the caller.")
    fax_header: Line = Field(default="", description="The text at the top of each page.")
    fax_identity: str = Field(
        default="", max_length=20, description="Its name for machines (T.30); its number if not given."
    )
    fax_timezone: str = Field(default="", max_length=64, description="IANA name; the account's if not given.")
    retries: int = Field(default=3, ge=0, le=MOST_RETRIES, description="Calls after a first one that failed.")
    smtp_permission_list: list[Annotated[str, Field(min_length=1, max_length=512)]] = Field(
        default=[],
        max_length=MOST,
        description="Who may send by mail: addresses, @domains or RE2 expressions for a whole address. Nobody if none.",
    )
    custom_smtp_email_address: str = Field(
        default="",
        max_length=320,
        description="A domain of its own, or an address at it: mail to NUMBER@ it is sent by this box.",
    )
    notifications: Notifications = Notifications()
    media: Media = Media()
    body_as_page: bool = Field(default=False, description="Fax the text of a mail that has no document.")
    resume: bool = Field(
        default=False,
        description="After a call that was cut off send the missing pages only, with a header line that says so; "
        "otherwise every call sends the whole document.",
    )
    rendering: Rendering = Rendering()
    cover_page: CoverPage = CoverPage()
    mails: Mails = Field(default_factory=Mails)
    number_rules: Annotated[NumberRules, Field(description="What the account denies stays denied.")] = Field(
        default_factory=NumberRules
    )
    limits: Limits = Field(default_factory=Limits)
    sender_limits: Annotated[Limits, Field(description="The same of each sender.")] = Field(default_factory=Limits)
    mail_options: list[MailOption] = Field(
        default=[],
        max_length=len(options.NAMES),
        description="What the sender of a mail may choose by a tag in the subject or an X-Fax- field of the header.",
    )
    trusted_networks: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default=[],
        max_length=MOST,
        description="Mail servers whose permitted senders need no proof for this faxbox. Superuser only.",
    )
    scanners: list[ScannerFields] = Field(
        default=[], max_length=MOST, description="Office scanners that send through it. Superuser only."
    )
    blocked_callers: Blocked = []
    allowed_callers: Allowed = []


class FaxboxDetail(TypedDict):
    """A faxbox."""

    id: str
    created: Annotated[int, Field(description="Gregorian seconds.")]
    name: str
    numbers: Annotated[list[str], Field(description="What it answers, E.164. They are bound at /numbers.")]
    caller_id: str
    caller_name: str
    fax_header: str
    fax_identity: str
    fax_timezone: str
    retries: int
    smtp_permission_list: list[str]
    smtp_email_address: Annotated[str, Field(description="Made by us: mail to NUMBER@ it is sent by this faxbox.")]
    custom_smtp_email_address: str
    notifications: dict[str, Any]
    media: dict[str, bool]
    body_as_page: bool
    resume: bool
    rendering: dict[str, Any]
    cover_page: dict[str, str]
    mails: Mails
    mail_options: list[str]
    trusted_networks: list[str]
    scanners: list[dict[str, Any]]
    blocked_callers: list[str]
    allowed_callers: list[str]
    number_rules: dict[str, list[str]]
    limits: dict[str, dict[str, int]]
    sender_limits: dict[str, dict[str, int]]
    callback_secret: Annotated[
        NotRequired[str],
        Field(description="Made by us: its callbacks are signed with it. Only who may administer the account sees it."),
    ]


def shown(box: Faxbox) -> dict[str, Any]:
    """A faxbox as the API has it. Pure."""
    ways: Any = box.notifications
    emails = {"inbound": box.inbound_email, "outbound": box.outbound_email}
    told = {
        direction: {**({"email": {"send_to": list(to)}} if to else {}), **ways.get(direction, {})}
        for direction, to in emails.items()
    }
    return {
        "id": box.id,
        "created": gregorian(box.created_at),
        "name": box.name,
        "numbers": list(box.numbers),
        "caller_id": box.caller_id,
        "caller_name": box.caller_name,
        "fax_header": box.fax_header,
        "fax_identity": box.fax_identity,
        "fax_timezone": box.timezone,
        "retries": box.retries,
        "smtp_permission_list": list(box.permits),
        "smtp_email_address": box.generated_domain,
        "custom_smtp_email_address": box.custom_address,
        "notifications": {direction: kinds for direction, kinds in told.items() if kinds},
        "media": {} if box.t38 is None else {"fax_option": box.t38},
        "body_as_page": box.body_as_page,
        "resume": box.resume,
        "rendering": {"look": box.look, "resolution": box.resolution, "drop_blank_end": box.drop_blank_end},
        "cover_page": {"when": box.cover_page, "confidentiality": box.confidentiality},
        "mails": {"show": box.mail_shows, "attach": box.mail_attach},
        "mail_options": list(box.mail_options),
        "trusted_networks": list(box.trusted_networks),
        "scanners": [asdict(scanner) for scanner in box.scanners],
        "blocked_callers": list(box.blocked_callers),
        "allowed_callers": list(box.allowed_callers),
        **spending.shown(box),
        "callback_secret": box.callback_secret,
    }


def settings(fields: FaxboxFields) -> dict[str, Any]:
    """The same as a Faxbox has them."""
    told = fields.notifications
    return {
        "name": fields.name,
        "permits": tuple(fields.smtp_permission_list),
        "custom_address": fields.custom_smtp_email_address,
        "caller_id": fields.caller_id,
        "caller_name": fields.caller_name,
        "fax_header": fields.fax_header,
        "fax_identity": fields.fax_identity,
        "timezone": fields.fax_timezone,
        "retries": fields.retries,
        "body_as_page": fields.body_as_page,
        "resume": fields.resume,
        "look": fields.rendering.look,
        "resolution": fields.rendering.resolution,
        "drop_blank_end": fields.rendering.drop_blank_end,
        "cover_page": fields.cover_page.when,
        "confidentiality": fields.cover_page.confidentiality,
        "mail_shows": fields.mails.show,
        "mail_attach": fields.mails.attach,
        "mail_options": tuple(dict.fromkeys(fields.mail_options)),
        "trusted_networks": tuple(fields.trusted_networks),
        "scanners": tuple(Scanner(**scanner.model_dump()) for scanner in fields.scanners),
        "blocked_callers": tuple(fields.blocked_callers),
        "allowed_callers": tuple(fields.allowed_callers),
        "t38": fields.media.fax_option,
        "inbound_email": tuple(told.inbound.email.send_to),
        "outbound_email": tuple(told.outbound.email.send_to),
        "notifications": told.model_dump(),
        **spending.stored(fields.number_rules, fields.limits, fields.sender_limits),
    }
