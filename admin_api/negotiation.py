"""Which of several media types a client wants: RFC 9110 12.5.1. Pure."""

from collections.abc import Sequence


def preferred(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered type that `accept` likes best, the earlier one where it likes two equally; None where it likes none.

    >>> preferred("image/*;q=0.9, application/pdf;q=0.5", ["application/pdf", "image/tiff"])
    'image/tiff'
    >>> preferred("*/*", ["application/pdf", "image/tiff"])
    'application/pdf'
    """
    if not accept or not accept.strip():
        return offered[0] if offered else None
    ranges = [parsed for part in accept.split(",") if (parsed := _parse(part)) is not None]
    best, best_quality = None, 0.0
    for media_type in offered:
        quality = _quality(media_type, ranges)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _parse(part: str) -> tuple[str, float] | None:
    """A media range and its weight; None for what is neither."""
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    if "/" not in media_range:
        return None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return None
    return media_range, 1.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the most specific range that covers the type says."""
    for specific in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for media_range, quality in ranges:
            if media_range == specific:
                return quality
    return 0.0
