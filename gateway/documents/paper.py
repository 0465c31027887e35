"""Sheets of paper."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paper:
    name: str
    """As CSS calls it."""
    width: float
    """Points, upright."""
    height: float


A4 = Paper("A4", 595.276, 841.89)
LETTER = Paper("letter", 612.0, 792.0)
