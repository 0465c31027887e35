"""How a fax is rendered: the choices that a faxbox or a job has. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.documents.paper import A4, Paper


class Look(StrEnum):
    AUTO = "auto"
    """Text stays sharp, photographs are screened."""
    TEXT = "text"
    """Nothing is screened: the shortest on the line."""
    PHOTO = "photo"
    """Everything is screened."""


class Resolution(StrEnum):
    """Of the fax image, in pixels an inch across and down: 8 by 3.85, 7.7 or 15.4 to the millimetre (T.4, 2.1)."""

    STANDARD = "standard"
    FINE = "fine"
    SUPERFINE = "superfine"

    @property
    def y_dpi(self) -> int:
        return {"standard": 98, "fine": 196, "superfine": 391}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    look: Look = Look.AUTO
    resolution: Resolution = Resolution.FINE
    paper: Paper = A4
    """For what comes without a size of its own: text, pictures."""
    drop_blank_end: bool = False
    """Leave out blank pages at the end; never all pages."""


DEFAULT = Rendering()
