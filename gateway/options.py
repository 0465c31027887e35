"""Options of a fax: what its sender may choose beside the recipient. Pure.

A mail has them in tags of its subject or in fields of its header, programs as fields of the API with the same names:

    cover        [cover], [no cover]                 X-Fax-Cover: yes | no
    resolution   [standard], [fine], [superfine]     X-Fax-Resolution: fine
    mode         [mode: photo]                       X-Fax-Mode: auto | text | photo
    to           [to: Dr. Bob]                       X-Fax-To: Dr. Bob             (the name on the cover page)
    at           [at: 2026-12-01 09:00]              X-Fax-At: 2026-12-01 09:00    (in the faxbox's timezone)
    priority     [priority: high]                    X-Fax-Priority: high | normal | low
    cost_code    [cost code: 4711]                   X-Fax-Cost-Code: 4711
    password     [password: secret]                  X-Fax-Password: secret        (of its PDFs)

In mails none counts that the faxbox does not allow (`Faxbox.mail_options`). No option changes the number that is
dialled. What is allowed and cannot be understood refuses the mail: a fax must not go out at once that was meant for
tomorrow.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from gateway.documents.rendering import Look, Resolution
from gateway.errors import BadField

HIGH, NORMAL, LOW = -1, 0, 1
"""Priorities: among the faxes of an account the smaller goes first."""
PRIORITIES = {"high": HIGH, "normal": NORMAL, "low": LOW}
MOST_TEXT = 255
MOST_CODE = 64
MOST_PASSWORD = 127
"""Octets of a PDF's password (ISO 32000-2, 7.6.4.3.3)."""
LONGEST_WAIT = timedelta(days=90)
LATE = timedelta(minutes=5)
"""So far in the past a time is taken for now; a mail may have been under way."""

SECRET = frozenset({"password"})
"""Of these, no value is told to anybody: a refusal stands in the logs of every relay that brought the mail."""

_TAG = re.compile(r"\[([^\[\]]{1,300})\]")
_WORDS = {
    "cover": ("cover", "yes"),
    "no cover": ("cover", "no"),
    "standard": ("resolution", "standard"),
    "fine": ("resolution", "fine"),
    "superfine": ("resolution", "superfine"),
}
_FIELD = "x-fax-"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxOptions:
    """Empty or None: as the faxbox has it."""

    cover: bool | None = None
    resolution: str = ""
    mode: str = ""
    to: str = ""
    at: datetime | None = None
    priority: int = NORMAL
    cost_code: str = ""
    password: str = field(default="", repr=False)


NONE = FaxOptions()
NAMES = tuple(one.name for one in fields(FaxOptions))


@dataclass(frozen=True, slots=True)
class Written:
    """What a mail says of its options."""

    subject: str
    """Without the tags that count."""
    options: dict[str, str]
    """Those that count, as they are written."""
    ignored: tuple[str, ...] = ()
    """Names of those that nobody has allowed."""


def written(subject: str, header: Mapping[str, str], allowed: Collection[str]) -> Written:
    """Find the options of a mail. `header` has its X-Fax- fields by name. Other things in brackets are just a subject.
    Raises BadField for an option that is given twice, and differently.

    >>> written("Offer [fine] [JIRA-12] [at: tomorrow]", {}, {"resolution"})
    Written(subject='Offer [JIRA-12] [at: tomorrow]', options={'resolution': 'fine'}, ignored=('at',))
    """
    found: dict[str, str] = {}
    ignored: list[str] = []

    def take(name: str, value: str) -> bool:
        if name not in allowed:
            ignored.append(name)
            return False
        if found.setdefault(name, value) != value:
            how = "" if name in SECRET else f", as {found[name]!r} and as {value!r}"
            raise BadField(name, f"The option {_said(name)} is given twice{how}.")
        return True

    def tag(match: re.Match[str]) -> str:
        option = _of_tag(match[1])
        return "" if option is not None and take(*option) else match[0]

    left = _TAG.sub(tag, subject)
    for name, value in header.items():
        option_name = name.lower().removeprefix(_FIELD).replace("-", "_")
        if option_name in NAMES:
            take(option_name, value.strip())
    return Written(" ".join(left.split()) if left != subject else subject, found, tuple(dict.fromkeys(ignored)))


def without_secrets(subject: str) -> str:
    """The subject as it may be kept where its options refuse the mail.

    >>> without_secrets("Offer [password: s3cr3t] [fine]")
    'Offer [password] [fine]'
    """

    def hidden(match: re.Match[str]) -> str:
        option = _of_tag(match[1])
        return f"[{option[0]}]" if option is not None and option[0] in SECRET else match[0]

    return _TAG.sub(hidden, subject)


def is_field(name: str) -> bool:
    """Whether a header field may be an option."""
    return name.lower().startswith(_FIELD)


def _of_tag(inside: str) -> tuple[str, str] | None:
    word = " ".join(inside.lower().split())
    if word in _WORDS:
        return _WORDS[word]
    name, colon, value = inside.partition(":")
    name = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return (name, value.strip()) if colon and name in NAMES else None


def read(values: Mapping[str, Any], zone: tzinfo, now: datetime) -> FaxOptions:
    """Options as they are meant. Raises BadField naming the one that cannot be understood, and how it is written.

    >>> read({"priority": "High", "cover": "no"}, UTC, datetime(2026, 11, 28, tzinfo=UTC))
    FaxOptions(cover=False, resolution='', mode='', to='', at=None, priority=-1, cost_code='')
    """
    found = {name: _READERS[name](name, str(value), zone, now) for name, value in values.items()}
    return FaxOptions(**found)


def _said(name: str) -> str:
    return name.replace("_", " ")


def _chosen(choices: Mapping[str, Any]) -> Callable[[str, str, tzinfo, datetime], Any]:
    def read_one(name: str, value: str, zone: tzinfo, now: datetime) -> Any:
        if value.lower() not in choices:
            raise BadField(name, f"The option {_said(name)} is one of {', '.join(choices)}, not {value[:40]!r}.")
        return choices[value.lower()]

    return read_one


def _line(most: int) -> Callable[[str, str, tzinfo, datetime], str]:
    def read_one(name: str, value: str, zone: tzinfo, now: datetime) -> str:
        # Half a surrogate pair, which JSON can name, is not printable, and must not come to be encoded.
        if not value.isprintable() or not 1 <= len(value.encode()) <= most:
            raise BadField(name, f"The option {_said(name)} has 1 to {most} printable characters.")
        return value

    return read_one


def _moment(name: str, value: str, zone: tzinfo, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or ":" not in value:
        raise BadField(name, f"The option at is a time like 2026-12-01 09:00, not {value[:40]!r}.")
    try:
        at = (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except OverflowError:  # at either end of the calendar, in UTC beyond it
        raise BadField(name, f"The option at is a time within {LONGEST_WAIT.days} days from now.") from None
    if at < now - LATE:
        raise BadField(name, f"The option at names a time that has passed: {value[:40]!r}, in the timezone {zone}.")
    if at > now + LONGEST_WAIT:
        raise BadField(name, f"The option at is at most {LONGEST_WAIT.days} days from now.")
    return at


_READERS: dict[str, Callable[[str, str, tzinfo, datetime], Any]] = {
    "cover": _chosen({"yes": True, "no": False, "true": True, "false": False}),
    "resolution": _chosen({one.value: one.value for one in Resolution}),
    "mode": _chosen({one.value: one.value for one in Look}),
    "to": _line(MOST_TEXT),
    "at": _moment,
    "priority": _chosen(PRIORITIES),
    "cost_code": _line(MOST_CODE),
    "password": _line(MOST_PASSWORD),
}
