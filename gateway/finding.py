"""What `faxgate doctor` has found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    text: str
    """What was found; where it is not ok, what to do."""
