"""What may be spent on the telephone: which numbers may be dialled, how many faxes in which time. Pure.

Everything is asked of each scope that pays: the faxbox, its account, and the accounts above. A number must be allowed
by all of them, a limit of none may be passed. `gateway.store.ledger` knows what has been spent.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import phonenumbers
from phonenumbers import SUPPORTED_REGIONS, NumberParseException, PhoneNumber, PhoneNumberType

from gateway.errors import FaxgateError, NotPermitted, OverLimit

ANY = "*"

PREMIUM, SATELLITE = "premium", "satellite"

_KINDS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        PhoneNumberType.FIXED_LINE: ("fixed",),
        PhoneNumberType.MOBILE: ("mobile",),
        # In North America nobody can tell from the number.
        PhoneNumberType.FIXED_LINE_OR_MOBILE: ("fixed", "mobile"),
        PhoneNumberType.TOLL_FREE: ("toll_free",),
        PhoneNumberType.PREMIUM_RATE: (PREMIUM,),
        PhoneNumberType.SHARED_COST: ("shared_cost",),
        PhoneNumberType.VOIP: ("voip",),
        PhoneNumberType.PERSONAL_NUMBER: ("personal",),
        PhoneNumberType.PAGER: ("pager",),
        PhoneNumberType.UAN: ("uan",),
    }
)
KINDS = (*sorted({kind for kinds in _KINDS.values() for kind in kinds}), SATELLITE)
"""Kinds of numbers that a rule may name."""

_SATELLITE_CODES = frozenset({870, 878, 881, 882, 883})
"""E.164 country codes of satellites and of networks of no country, which cost as much (ITU-T E.164, annex D)."""
_PREMIUM_CODES = frozenset({979})
"""International premium rate (ITU-T E.169.2)."""

UNLESS_ALLOWED = (PREMIUM, SATELLITE)
"""Denied where no rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which numbers. An entry is a prefix (`+4420`), a country (`GB`), a kind (`premium`) or `*`.

    The entry that says most of a number decides: the longest prefix, then a kind, a country, `*`; of two that say as
    much the one that denies. Where none fits the number is allowed, but for `UNLESS_ALLOWED`.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


Counts = Mapping[str, Mapping[str, int]]
"""`{"faxes": {"minute": 5, "day": 200}, "pages": ..., "destinations": ...}`: the most in each time."""

FAXES, PAGES, DESTINATIONS = WHAT = "faxes", "pages", "destinations"
WINDOWS: Mapping[str, timedelta] = MappingProxyType(
    {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
)
"""They slide: a day is the last 24 hours, and nobody spends two days' worth around midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One that pays: what it may dial, and how much of it."""

    kind: str
    """`faxbox` or `account`."""
    id: str
    name: str
    rules: Rules = Rules()
    limits: Counts = field(default_factory=dict)
    """Of all that it spends together."""
    sender_limits: Counts = field(default_factory=dict)
    """Of what each sender spends through it."""

    @property
    def has_limits(self) -> bool:
        return bool(self.limits or self.sender_limits)

    def limited(self, sender: str) -> Iterator[tuple[str, Counts]]:
        """The limits that hold for a fax of `sender`, and of whom they count: everybody (empty) or the sender."""
        if self.limits:
            yield "", self.limits
        if self.sender_limits and sender:
            yield sender, self.sender_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a scope, or a sender through it, has spent in a window, or is about to."""

    faxes: int = 0
    pages: int = 0
    destinations: frozenset[str] = frozenset()

    def with_(self, other: "Spent") -> "Spent":
        return Spent(
            faxes=self.faxes + other.faxes,
            pages=self.pages + other.pages,
            destinations=self.destinations | other.destinations,
        )

    def of(self, what: str) -> int:
        return {FAXES: self.faxes, PAGES: self.pages, DESTINATIONS: len(self.destinations)}[what]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A limit that would be passed."""

    scope: Scope
    sender: str
    """Whose limit it is; empty for the limit of all."""
    what: str
    window: str
    most: int
    hopeless: bool
    """Whether it would be passed even if nothing had been spent: waiting does not help."""

    @property
    def time(self) -> str:
        return f"{'an' if self.window == 'hour' else 'a'} {self.window}"

    @property
    def words(self) -> str:
        """
        >>> box = Scope(kind="faxbox", id="", name="Sales")
        >>> Excess(scope=box, sender="", what="faxes", window="day", most=5, hopeless=False).words
        'The faxbox may send 5 faxes a day'
        """
        who = "Each sender" if self.sender else f"The {self.scope.kind}"
        one, more = {FAXES: ("fax", "faxes"), PAGES: ("page", "pages"), DESTINATIONS: ("number", "numbers")}[self.what]
        verb = "may fax to" if self.what == DESTINATIONS else "may send"
        return f"{who} {verb} {self.most} {one if self.most == 1 else more} {self.time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A limit, and what has been spent of it."""

    scope: Scope
    sender: str
    """Whose limit it is; empty for the limit of all."""
    what: str
    window: str
    most: int
    spent: int


class LimitPassed(Exception):
    """There is no room for what was asked: the ledger says so, and its caller makes an `error` of it."""

    def __init__(self, excess: Excess, room_in: timedelta) -> None:
        super().__init__(excess.words)
        self.excess = excess
        self.room_in = room_in
        """When what was spent first leaves the window."""

    @property
    def error(self) -> FaxgateError:
        """What whoever asked is told."""
        if self.excess.hopeless:
            return NotPermitted(f"{self.excess.words}; this is more at once.")
        seconds = math.ceil(max(self.room_in.total_seconds(), 1))
        return OverLimit(f"{self.excess.words}; try again later.", retry_after=seconds)


def excess(scope: Scope, sender: str, limits: Counts, window: str, spent: Spent, wanted: Spent) -> Excess | None:
    """The limit of `window` that `wanted` passes after `spent`; None where there is room."""
    for what in WHAT:
        most = limits.get(what, {}).get(window)
        if most is not None and wanted.of(what) and spent.with_(wanted).of(what) > max(most, spent.of(what)):
            return Excess(
                scope=scope, sender=sender, what=what, window=window, most=most, hopeless=wanted.of(what) > most
            )
    return None


def check_number(scopes: Iterable[Scope], destination: str, what: str = "Faxes") -> None:
    """Raise NotPermitted where one of them may not dial the number, E.164, nor have `what` sent there."""
    for scope in scopes:
        if reason := denied(scope.rules, destination):
            raise NotPermitted(
                f"{what} to {destination} are not allowed here: {reason}.",
                detail=f"the {scope.kind} does not allow {what.lower()} to {destination}",
            )


def denied(rules: Rules, destination: str) -> str:
    """Why the rules do not allow the number; empty where they do.

    >>> denied(Rules(), "+19005551234"), denied(Rules(allow=("premium",)), "+19005551234")
    ('it is a premium number', '')
    >>> denied(Rules(allow=("+4420",), deny=("GB",)), "+442079460000")
    ''
    """
    about = _about(destination)
    fitting = [
        (rank, priority, entry)
        # Of two that say as much of the number the later one counts.
        for priority, entries in enumerate((UNLESS_ALLOWED, rules.allow, rules.deny))
        for entry in entries
        if (rank := about.rank(entry, denies=priority != 1)) is not None
    ]
    if not fitting:
        return ""
    _, priority, entry = max(fitting, key=lambda one: one[:2])
    if priority == 1:
        return ""
    if entry in KINDS:
        return f"it is a {entry.replace('_', ' ')} number"
    return "no number is" if entry == ANY else f"numbers of {entry} are not"


def rank(entry: str, number: str, *, denies: bool) -> tuple[int, int] | None:
    """How much an entry says of a number, E.164: the more, the greater; None where it does not fit."""
    return _about(number).rank(entry, denies=denies)


@dataclass(frozen=True, slots=True)
class _About:
    number: str
    kinds: tuple[str, ...]
    """Of the number, or of one that it begins with: many exchanges heed no digits behind a whole number, so that a
    premium number with some more is a premium call."""
    regions: tuple[str, ...]
    """More than one where the plan does not tell: a number that is in use nowhere known may be anywhere in it."""

    def rank(self, entry: str, *, denies: bool) -> tuple[int, int] | None:
        """How much `entry` says of the number; None where it does not fit."""
        if entry.startswith("+"):
            return (3, len(entry)) if self.number.startswith(entry) else None
        if entry in self.kinds:
            return 2, 0
        if entry == ANY:
            return 0, 0
        # In doubt a country is denied, and not allowed.
        fits = entry in self.regions if denies else self.regions == (entry,)
        return (1, 0) if fits else None


@lru_cache(maxsize=4096)
def _about(destination: str) -> _About:
    number = phonenumbers.parse(destination)
    whole = next((part for part in _beginnings(destination) if phonenumbers.is_valid_number(part)), number)
    return _About(destination, _kinds(whole), _regions(whole))


def _beginnings(destination: str) -> Iterator[PhoneNumber]:
    """The number, and what it begins with, the longest first."""
    for length in range(len(destination), 5, -1):
        with suppress(NumberParseException):
            yield phonenumbers.parse(destination[:length])


def _kinds(number: PhoneNumber) -> tuple[str, ...]:
    if number.country_code in _SATELLITE_CODES:
        return (SATELLITE,)
    if number.country_code in _PREMIUM_CODES:
        return (PREMIUM,)
    return _KINDS.get(phonenumbers.number_type(number), ())


def _regions(number: PhoneNumber) -> tuple[str, ...]:
    region = phonenumbers.region_code_for_number(number)
    assert number.country_code is not None
    return (region,) if region else tuple(phonenumbers.region_codes_for_country_code(number.country_code))


class Payer(Protocol):
    """An account or a faxbox, or its row."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def number_rules(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def limits(self) -> Counts: ...
    @property
    def sender_limits(self) -> Counts: ...


def scope_of(kind: str, payer: Payer) -> Scope:
    return Scope(
        kind=kind,
        id=payer.id,
        name=payer.name,
        rules=Rules(**{name: tuple(entries) for name, entries in payer.number_rules.items()}),
        limits=payer.limits,
        sender_limits=payer.sender_limits,
    )


def is_entry(text: str) -> bool:
    """
    >>> [is_entry(text) for text in ("+4420", "GB", "premium", "*", "020", "gb", "XX", "+")]
    [True, True, True, True, False, False, False, False]
    """
    prefix = text.startswith("+") and text[1:].isascii() and text[1:].isdigit() and len(text) <= 16
    return prefix or text in KINDS or text == ANY or text in SUPPORTED_REGIONS
