"""Accounts, faxboxes, numbers and tokens, and who may use them: an envelope goes in, the faxbox that permits its sender
comes out.

Everything here is pure. `gateway.routing` looks the candidates up and asks this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache

import idna
import re2

from gateway.errors import BadField, NotPermitted

REQUIRE_PROOF, TRUST_ENVELOPE = SENDER_POLICIES = "require_proof", "trust_envelope"
"""What a sender owes an account: that its domain is proven (SPF, DKIM), or nothing but an envelope address that a
faxbox permits, which anybody can write."""

ANY_RECIPIENT, NAMED_RECIPIENTS = SIGNATURE_POLICIES = "any_recipient", "named_recipients"
"""For which numbers a DKIM signature proves the sender: for all that the envelope has, as forwarding and Bcc need it,
or for those alone that the To and Cc that it signs name. The envelope is not signed, and whoever has the mail can bring
it again with another one (RFC 6376 8.6)."""

EXPRESSION_CHARACTERS = frozenset("^$*?[](){}|\\")
"""An entry with any of these is an RE2 expression; any other is an address or `@domain`, taken literally."""

MAX_ENTRY = 512
"""Characters of one permission entry. RE2 matches in linear time, so a bounded entry bounds the time of a match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: str
    name: str
    created_at: datetime
    revision: int = 1
    parent_id: str | None = None
    domains: tuple[str, ...] = ()
    country: str = "US"
    """ISO 3166 region in whose dialling habits numbers are read."""
    timezone: str = "UTC"
    language: str = "en"
    """In which people are told of its faxes (`gateway.languages`)."""
    max_calls: int = 4
    """Outgoing calls at a time."""
    number_rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Which numbers may be dialled: `{"allow": [...], "deny": [...]}` (`gateway.spending.Rules`)."""
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    """The most that may be sent: `{"faxes": {"day": 200}, ...}` (`gateway.spending.Counts`)."""
    sender_limits: dict[str, dict[str, int]] = field(default_factory=dict)
    """The same of each sender."""
    sender_policy: str = REQUIRE_PROOF
    """`require_proof` or `trust_envelope`."""
    signature_policy: str = ANY_RECIPIENT
    """`any_recipient` or `named_recipients`."""
    signing_domains: tuple[str, ...] = ()
    """Domains (`tenant.onmicrosoft.com`) whose DKIM signatures prove any header From, though they are not aligned."""
    trusted_networks: tuple[str, ...] = ()
    """Whose permitted senders need no proof here: its own mail servers."""
    keep_days: int | None = None
    """For how long its faxes are kept after their end; None: until somebody removes them."""
    blocked_callers: tuple[str, ...] = ()
    """Whose faxes are junk (`gateway.callers`), in its faxboxes that do not say otherwise."""
    allowed_callers: tuple[str, ...] = ()
    """Whose are not; those of all others then are."""


NEVER, ALWAYS, WITH_TEXT = COVER_PAGES = "never", "always", "text"
"""When a fax gets a cover page."""

NOTHING, TEXT, PICTURE, WHOLE_FAX = MAIL_SHOWS = "nothing", "text", "picture", "fax"
"""What those who are told of a fax see of it. Nothing: not its subject, nor the names of its documents, nor the fax
itself, as health data asks for; text: no picture of it; picture: its first page, small, in what its sender gets; fax:
all of it, attached, also there."""

PDF, TIFF, BOTH, LINK = MAIL_ATTACH = "pdf", "tiff", "both", "link"
"""As what a fax is attached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """An office scanner, which cannot log in and mails from one address: it sends through this faxbox alone."""

    network: str
    """Where it stands: an address or a network."""
    sender: str
    """Its envelope sender and header From."""
    max_pages: int | None = None
    """Pages of one fax; None leaves it to the installation."""
    receipts_to: str = ""
    """Who gets its receipts; its own address if empty."""
    plaintext: bool = False
    """Whether it may come without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faxbox:
    """A mailbox for faxes: the numbers it answers, who may send through it, where received faxes go."""

    id: str
    account_id: str
    name: str
    created_at: datetime
    revision: int = 1
    numbers: tuple[str, ...] = ()
    """E.164 numbers that it answers; the first is its caller id where `caller_id` is empty."""
    permits: tuple[str, ...] = ()
    """Who may send: addresses, `@domain`s or RE2 expressions. Nobody, if empty."""
    address_domain: str = ""
    """A domain of its own: mail to it reaches this faxbox alone."""
    custom_address: str = ""
    """The same as it was written, perhaps as an address: what stands before the `@` decides nothing."""
    generated_domain: str = ""
    """Another one, made by us below a domain of the account; empty where the account has none."""
    caller_id: str = ""
    caller_name: str = ""
    fax_header: str = ""
    fax_identity: str = ""
    timezone: str = ""
    retries: int = 3
    body_as_page: bool = False
    """Fax the plain-text body of a mail that has no document. Off: a forgotten attachment must not fax a disclaimer."""
    inbound_email: tuple[str, ...] = ()
    """Who gets the received faxes."""
    outbound_email: tuple[str, ...] = ()
    """Who gets receipts and failure notices beside the sender."""
    notifications: dict[str, object] = field(default_factory=dict)
    """Who is told beside by other ways than mail: `{"inbound": {"sms": {"send_to": [...]}, "callback": {"url": ...,
    "method": ..., "type": ...}}, "outbound": {...}}`, each part only where it is set."""
    t38: bool | None = None
    """Whether its calls use T.38; None leaves it to the line."""
    resume: bool = False
    """Whether a call after one that was cut off sends only the pages that are missing, and says so on them."""
    look: str = "auto"
    """`auto`, `text` or `photo`: how its pages are made black and white."""
    resolution: str = "fine"
    """`standard`, `fine` or `superfine`."""
    drop_blank_end: bool = False
    """Whether blank pages at the end are left out."""
    cover_page: str = NEVER
    """`never`, `always`, or `text`: when the mail has one."""
    confidentiality: str = ""
    """What stands on its cover pages for those who got them by mistake."""
    number_rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """As those of the account, which hold beside."""
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    sender_limits: dict[str, dict[str, int]] = field(default_factory=dict)
    callback_secret: str = ""
    """With which its callbacks are signed (`gateway.signing`)."""
    former_secret: str = ""
    """The one before, with which they are signed beside until `former_secret_until`."""
    former_secret_until: datetime | None = None
    mail_shows: str = PICTURE
    """What is told of a fax shows of it: `nothing`, `text`, `picture` or `fax`."""
    mail_attach: str = PDF
    """As what a fax is attached: `pdf`, `tiff`, `both`, or not at all but by a `link`."""
    mail_options: tuple[str, ...] = ()
    """Which options count in mails to it (`gateway.options.NAMES`)."""
    trusted_networks: tuple[str, ...] = ()
    """Whose permitted senders need no proof for this faxbox."""
    scanners: tuple[Scanner, ...] = ()
    blocked_callers: tuple[str, ...] = ()
    """As those of the account, which they go before."""
    allowed_callers: tuple[str, ...] = ()

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """With which its callbacks are signed now, the newest first."""
        former = self.former_secret if self.former_secret_until and now < self.former_secret_until else ""
        return tuple(secret for secret in (self.callback_secret, former) if secret)

    @property
    def number(self) -> str:
        return self.caller_id or (self.numbers[0] if self.numbers else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A telephone number of the account. `id` is the number itself, E.164."""

    id: str
    account_id: str
    faxbox_id: str | None
    """The faxbox that answers it; nobody does, if None."""


TOKEN, KEY = "token", "key"
"""Kinds of tokens: a key is good for nothing but being exchanged for a short-lived token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token. Not the token itself: that is shown once, when it is made, and kept as a hash."""

    id: str
    account_id: str | None
    """None: the superuser's."""
    name: str
    kind: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    key_id: str | None = None
    """The key that was exchanged for it, with which it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A name and a password with which a mail program logs in (RFC 4954). The password itself is kept by nobody."""

    id: str
    account_id: str
    faxbox_id: str | None
    """The faxbox that it sends through; any of the account, if None."""
    name: str
    created_at: datetime


def is_below(name: str, domain: str) -> bool:
    """
    >>> is_below("a.fax.example", "fax.example"), is_below("fax.example", "fax.example")
    (True, False)
    """
    return name.endswith(f".{domain}")


class Fit(IntEnum):
    """How closely an entry names a sender; the smaller, the closer."""

    ADDRESS = 0
    DOMAIN = 1
    EXPRESSION = 2


def _options() -> "re2.Options":
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


def check_permit(entry: str) -> None:
    """Raise BadField where `entry` can never permit anybody or could be taken for something else."""
    if not entry.strip() or len(entry) > MAX_ENTRY or not entry.isprintable():
        raise BadField("smtp_permission_list", f"A permission entry has 1 to {MAX_ENTRY} printable characters.")
    if EXPRESSION_CHARACTERS.isdisjoint(entry):
        if "@" not in entry:
            raise BadField("smtp_permission_list", f"{entry!r} is neither an address nor an @domain nor an expression.")
        return
    try:
        re2.compile(entry, _options())
    except re2.error as error:
        raise BadField("smtp_permission_list", f"{entry!r} is no valid expression: {error}") from error


def fit(entry: str, sender: str) -> Fit | None:
    """How `entry` permits `sender`, None where it does not.

    >>> fit("@a.com", "x@A.com"), fit("@a.com", "x@a.com.evil")
    (<Fit.DOMAIN: 1>, None)
    """
    ascii_form, written_form = _domain_forms(sender.lower())
    if EXPRESSION_CHARACTERS.isdisjoint(entry):
        literal, _ = _domain_forms(entry.lower())
        if literal.startswith("@"):
            return Fit.DOMAIN if ascii_form.rpartition("@")[2] == literal[1:] and "@" in ascii_form else None
        return Fit.ADDRESS if ascii_form == literal else None
    try:
        # fullmatch: an expression describes the whole address, or `.*@a\.com` would admit x@a.com.evil.
        matched = any(re2.fullmatch(entry, form, _options()) for form in {ascii_form, written_form})
    except re2.error:
        return None  # stored before it was checked, or by a newer RE2: permits nobody
    return Fit.EXPRESSION if matched else None


@lru_cache(maxsize=4096)
def _domain_forms(address: str) -> tuple[str, str]:
    """An address with its domain in A-labels, which are compared, and in letters, as people write expressions."""
    local, at, domain = address.rpartition("@")
    if domain.isascii() and "xn--" not in domain:
        return address, address
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
        return f"{local}{at}{ascii_domain}", f"{local}{at}{idna.decode(ascii_domain)}"
    except idna.IDNAError:
        return address, address  # no name of any domain: it is compared as it stands


def permitted_box(boxes: Iterable[Faxbox], sender: str) -> Faxbox:
    """The faxbox among `boxes` that permits `sender`: exact before domain before expression, then the older.

    Raises NotPermitted where none does.
    """
    found: list[tuple[Fit, datetime, str, Faxbox]] = []
    for box in boxes:
        fits = [how for entry in box.permits if (how := fit(entry, sender)) is not None]
        if fits:
            found.append((min(fits), box.created_at, box.id, box))
    if not found:
        raise NotPermitted(f"{sender} may not send faxes here; ask the administrator of this fax service.")
    return min(found, key=lambda candidate: candidate[:3])[3]
