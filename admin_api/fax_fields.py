"""What a fax is ordered with: a new one, one that is sent again, one that is sent on."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.checks import MOST_RETRIES
from gateway.documents.preview import MOST_PAGES
from gateway.documents.rendering import Look, Resolution

DEFAULT_RETRIES = 1

OneLine = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Number = Annotated[OneLine, Field(max_length=64, examples=["+12025550190"])]
Retries = Annotated[int, Field(ge=0, le=MOST_RETRIES, description="How many calls may follow the first.")]


class _Part(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class DocumentToFetch(_Part):
    """Where the document is fetched, before the first call."""

    url: Annotated[
        str,
        Field(max_length=2048, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f]+$", description="http or https."),
    ]
    method: Annotated[Literal["get", "post"], BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)] = "get"
    content: Annotated[str, Field(max_length=256, description="The body of a post.")] = ""
    content_type: Annotated[OneLine, Field(description="The content type of a post.")] = ""
    host: Annotated[OneLine, Field(description="A Host header other than the URL's.")] = ""
    referer: Annotated[OneLine, Field(description="A Referer header.")] = ""


class Recipient(_Part):
    send_to: Annotated[
        OneLine | Annotated[list[OneLine], Field(max_length=100)], Field(description="One recipient, or a list.")
    ] = []


class Notifications(_Part):
    """Who is told how the fax ended."""

    email: Annotated[Recipient | None, Field(description="Addresses.")] = None
    sms: Annotated[Recipient | None, Field(description="Telephone numbers.")] = None


class NewFax(_Part):
    """A fax to be sent."""

    to_number: Annotated[Number, Field(description="The recipient's number.")]
    from_number: Annotated[Number, Field(description="The sender's number: one of the account's.")]
    to_name: Annotated[OneLine, Field(description="The recipient's name.")] = ""
    from_name: Annotated[OneLine | None, Field(description="The sender's name; the faxbox's if left out.")] = None
    retries: Retries = DEFAULT_RETRIES
    faxbox_id: Annotated[OneLine | None, Field(description="The faxbox that sends; else the one of from_number.")] = (
        None
    )
    notifications: Notifications = Notifications()
    document: Annotated[DocumentToFetch | None, Field(description="Left out where the document comes along.")] = None
    cover: Annotated[
        bool | None, Field(description="Whether it gets a cover page; the faxbox's choice if left out.")
    ] = None
    resolution: Annotated[Resolution | None, Field(description="The faxbox's if left out.")] = None
    mode: Annotated[
        Look | None, Field(description="How it is made black and white; the faxbox's choice if left out.")
    ] = None
    at: Annotated[
        OneLine | None,
        Field(description="Not dialled before this time (ISO 8601; without an offset in the faxbox's timezone)."),
    ] = None
    priority: Annotated[
        Literal["high", "normal", "low"], Field(description="Its place among the faxes of the account.")
    ] = "normal"
    cost_code: Annotated[
        OneLine | None, Field(description="To whom it is charged; the call records have it.", max_length=64)
    ] = None
    password: Annotated[OneLine | None, Field(description="Opens the PDFs that come along. It is not kept.")] = None
    dry_run: Annotated[
        bool, Field(description="Only show the pages as they would be sent; nothing is sent, and nothing kept.")
    ] = False
    show_from: Annotated[int, Field(ge=1, le=10**6, description="Of `dry_run`: the first page shown.")] = 1
    show_pages: Annotated[int, Field(ge=1, le=MOST_PAGES, description="Of `dry_run`: how many pages are shown.")] = 5


class ChangedFax(_Part):
    """What is to be different; what is left out stays as it was."""

    to_number: Number | None = None
    from_number: Number | None = None
    to_name: OneLine | None = None
    from_name: OneLine | None = None
    retries: Retries | None = None
    faxbox_id: OneLine | None = None
    notifications: Notifications | None = None
    at: OneLine | None = None
    priority: Literal["high", "normal", "low"] | None = None
    cost_code: OneLine | None = None


class Resubmit(_Part):
    """Sends a fax again, as a new one."""

    action: Literal["resubmit"]
    data: ChangedFax = ChangedFax()


class Forward(_Part):
    """Sends a received fax on, as a new one."""

    action: Literal["forward"]
    data: ChangedFax = ChangedFax()
