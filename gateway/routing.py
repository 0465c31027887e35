"""Routing: sender and recipient address -> the faxbox that sends, and the number that is dialled."""

from dataclasses import dataclass

from gateway.accounts import Account, Faxbox


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxRoute:
    account: Account
    faxbox: Faxbox
    number: str
    """The local part as written."""
    destination: str
    """E.164 with `+`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRoute:
    """`postmaster@` a served domain (RFC 5321 4.5.1)."""

    account: Account
    address: str


class Routing:
    async def route(self, sender: str, local: str, domain: str) -> FaxRoute | OperatorRoute:
        """Where a recipient leads. `sender` is the envelope sender, empty for the null reverse path.

        Raises UnknownDomain, BadNumber, NotPermitted; OurTrouble when the database cannot say.
        """
        raise NotImplementedError
