"""The names under which faxes are handed out: safe on every system, and telling enough to be found again."""

from datetime import tzinfo

from gateway.fax import Direction, Fax, Status

_DIGITS = 20
"""E.164 has 15; what a caller's line calls itself may have any number."""


def fax_filename(fax: Fax, zone: tzinfo, extension: str = "pdf") -> str:
    """`fax-2026-11-23-1405-from-12025550190.pdf`, in local time; an incomplete fax is called so.

    Made of our own letters and digits alone: no path, no device name of Windows, no hidden file, less than 64
    characters, whatever the far end called itself.
    """
    way, number = ("from", fax.from_number) if fax.direction is Direction.INBOUND else ("to", fax.destination)
    digits = "".join(c for c in number if c in "0123456789")[:_DIGITS] or "unknown"
    incomplete = "-incomplete" if fax.status is Status.PARTIAL else ""
    return f"fax-{fax.created_at.astimezone(zone):%Y-%m-%d-%H%M}-{way}-{digits}{incomplete}.{extension}"
