"""What an account or a faxbox may spend, as the API has it: which numbers, and how much in which time."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.checks import MOST
from gateway.spending import KINDS

_STRICT = ConfigDict(extra="forbid", strict=True)

Entries = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=32)]],
    Field(
        max_length=MOST,
        description=f"Prefixes (`+4420`), countries (`GB`), kinds ({', '.join(f'`{kind}`' for kind in KINDS)}) or `*`.",
    ),
]
Most = Annotated[int | None, Field(ge=0, le=10_000_000, description="Unlimited if not given.")]


class NumberRules(BaseModel):
    """Which numbers may be dialled. What says most of a number decides: the longest prefix, then a kind, then a
    country, then `*`; of two that say as much the one that denies. Premium and satellite numbers are denied unless
    allowed."""

    model_config = _STRICT

    allow: Entries = []
    deny: Entries = []


class Windows(BaseModel):
    """The most in the last minute, hour and day."""

    model_config = _STRICT

    minute: Most = None
    hour: Most = None
    day: Most = None


class Limits(BaseModel):
    """The most that may be sent; what goes beyond is refused (429)."""

    model_config = _STRICT

    faxes: Windows = Windows()
    pages: Windows = Windows()
    destinations: Annotated[Windows, Field(description="Different numbers.")] = Windows()


def stored(rules: NumberRules, limits: Limits, sender_limits: Limits) -> dict[str, Any]:
    """The same as accounts and faxboxes have it: without what says nothing."""
    return {
        "number_rules": {name: tuple(entries) for name, entries in rules.model_dump().items() if entries},
        "limits": _counts(limits),
        "sender_limits": _counts(sender_limits),
    }


def _counts(limits: Limits) -> dict[str, dict[str, int]]:
    return {what: counts for what, counts in limits.model_dump(exclude_none=True).items() if counts}


def shown(kept: Any) -> dict[str, Any]:
    """What an account or a faxbox has of it."""
    rules = {name: list(entries) for name, entries in kept.number_rules.items()}
    return {"number_rules": rules, "limits": kept.limits, "sender_limits": kept.sender_limits}
