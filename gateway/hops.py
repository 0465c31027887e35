"""How far a mail has come: a loop that nothing else shows, shows by its length."""

from email.message import Message

from gateway.errors import MailLoop

MOST_HOPS = 100
"""Servers that a mail may have passed through (RFC 5321 6.3: a limit is "normally at least 100 Received entries")."""


def check_hops(header: Message) -> None:
    """Raises MailLoop."""
    if len(header.get_all("Received", ())) > MOST_HOPS:
        raise MailLoop(f"This mail has been passed on more than {MOST_HOPS} times.")
