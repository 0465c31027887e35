"""Whose faxes are wanted: a caller goes in, with the lists of the faxbox and of its account; why the fax is junk comes
out. Pure.

What counts is the caller id of the line. What the machine calls itself (T.30 5.3.6.2.5, TSI) proves nothing, as anybody
writes there what he likes; nor is a caller id proof where a carrier lets its customers choose it, but that takes more
than a setting of the machine. So these lists keep unwanted faxes out of the way, and nothing that needs proof may rest
on them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import BadField, BadNumber
from gateway.languages import said
from gateway.numbers import to_e164
from gateway.spending import ANY, KINDS, is_entry, rank

ANONYMOUS = "anonymous"
"""Callers who withhold their number, or whose number can be none."""

_BEGINNING = re.compile(r"\+[0-9]{1,15}\*")
_NUMBER = re.compile(r"\+[0-9]{1,15}")

ALL_OF_A_NUMBER = (4, 0)
"""How much an entry says of a caller that names it; those of `gateway.spending.rank` are less."""


class Lists(Protocol):
    """A faxbox or an account: both lists are empty where it leaves its callers to others.

    An entry is a number (`+442071234567`), all that begin so (`+4420*`), a country (`GB`), a kind of numbers
    (`premium`), `anonymous`, or `*` for everybody. Of entries that fit the one decides that says most: the number, the
    longest beginning, a kind, a country, `*`; of two that say as much the one that blocks. A caller whom no entry fits
    is not wanted where there is a list of the allowed; where there is none he is left to the account.
    """

    @property
    def blocked_callers(self) -> tuple[str, ...]: ...
    @property
    def allowed_callers(self) -> tuple[str, ...]: ...


def why_junk(caller: str, faxbox: Lists, account: Lists, country: str) -> str:
    """Why a fax of this caller (as the line has told the number; empty: it has not) is junk, in words; empty where it
    is wanted. Whatever the faxbox decides, its account is not asked. `country` is the account's: in whose dialling
    habits numbers without a `+` are read."""
    number = _number(caller, country)
    for lists, words in ((faxbox, _FAXBOX), (account, _ACCOUNT)):
        blocked = _most(lists.blocked_callers, number, blocks=True)
        allowed = _most(lists.allowed_callers, number, blocks=False)
        if blocked and (not allowed or blocked[0] >= allowed[0]):
            return words.anonymous if blocked[1] == ANONYMOUS else words.entry(blocked[1])
        if allowed:
            return ""
        if lists.allowed_callers:
            return words.not_on_list
    return ""


@dataclass(frozen=True, slots=True)
class _Words:
    entry: Callable[[str], str]
    anonymous: str
    not_on_list: str


_FAXBOX = _Words(
    lambda entry: said("The faxbox blocks {entry}.", entry=entry),
    said("The faxbox blocks callers without a number."),
    said("The faxbox takes faxes of the callers on its list alone."),
)
_ACCOUNT = _Words(
    lambda entry: said("The account blocks {entry}.", entry=entry),
    said("The account blocks callers without a number."),
    said("The account takes faxes of the callers on its list alone."),
)


def _most(entries: tuple[str, ...], number: str, *, blocks: bool) -> tuple[tuple[int, int], str] | None:
    """The entry that says most of the number (empty: there is none), and how much; None where none fits."""
    fitting = [(rank, entry) for entry in entries if (rank := _rank(entry, number, blocks=blocks)) is not None]
    return max(fitting, default=None)


def _rank(entry: str, number: str, *, blocks: bool) -> tuple[int, int] | None:
    if entry == ANY:
        return 0, 0
    if entry == ANONYMOUS or not number:
        return ALL_OF_A_NUMBER if entry == ANONYMOUS and not number else None
    if _NUMBER.fullmatch(entry):
        return ALL_OF_A_NUMBER if entry == number else None
    return rank(entry.removesuffix("*"), number, denies=blocks)


def _number(caller: str, country: str) -> str:
    """E.164; empty where what the line has told can be no number that is called back: that names nobody."""
    try:
        return to_e164(caller, country)
    except BadNumber:
        return ""


def checked(field: str, written: str, country: str) -> str:
    """An entry as it is kept. Raises BadField."""
    entry = written.strip()
    if entry.lower() == ANONYMOUS:
        return ANONYMOUS
    if not entry.startswith("+") and is_entry(entry):
        return entry
    digits = re.sub("[ ().-]", "", entry)
    if _BEGINNING.fullmatch(digits):
        return digits
    try:
        return to_e164(entry, country)
    except BadNumber as error:
        kinds = ", ".join(KINDS)
        raise BadField(
            field,
            f"{entry[:64]!r} is no number like +442071234567, no beginning of numbers like +4420*, no country like GB, "
            f"not {ANONYMOUS}, not * and none of {kinds}.",
        ) from error
