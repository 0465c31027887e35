"""What `faxgate doctor` has found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    """Whether it works."""
    text: str
    """What was found; where it is not ok or not safe, what to do."""
    safe: bool = True
    """False where it works, and lets others do or see more than they should."""

    @property
    def good(self) -> bool:
        return self.ok and self.safe
