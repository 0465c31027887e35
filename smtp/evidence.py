"""What is known of the sender of a mail, beside what the client says: plain values, found elsewhere, judged in
`smtp.senders`.
"""

from dataclasses import dataclass, field

PASS = "pass"  # noqa: S105  # a result, not a password
UNCHECKED = "not checked, as many stand above it"
NO_FROM = "the mail has no From field"
"""`Claims.unclear` of such a mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spf:
    """What the envelope sender's domain says of the peer (RFC 7208)."""

    domain: str
    """A-labels, lower case."""
    result: str
    """`pass`, `fail`, `softfail`, `neutral`, `none`, `permerror` or `temperror`."""
    detail: str = ""

    @property
    def temporary(self) -> bool:
        return self.result == "temperror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A DKIM signature that could prove something (RFC 6376)."""

    domain: str
    """d=, A-labels, lower case."""
    selector: str
    """s=."""
    result: str
    """`pass`, or why it proves nothing; `UNCHECKED` before it has been looked into."""
    temporary: bool = False
    """It could not be seen now whether it does."""
    signed: frozenset[str] = frozenset()
    """Names of the signed header fields, lower case."""
    named: frozenset[str] = frozenset()
    """Addresses (`local@domain`) in those To and Cc fields of the mail that it signs. One that was added to them is
    above what is signed (RFC 6376 5.4.2) and names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What the header From's domain asks for (RFC 7489 3.1): the very domain, or one of the same organization."""

    strict_dkim: bool = False
    strict_spf: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """What a listed relay has found (RFC 8601): the domains, or addresses, that it says have passed."""

    dmarc: frozenset[str] = frozenset()
    """header.from"""
    dkim: frozenset[str] = frozenset()
    """header.d"""
    spf: frozenset[str] = frozenset()
    """smtp.mailfrom, an address or a domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a mail says of itself, and what there is to check."""

    header_from: str = ""
    """The one address of its one From field; empty where there is none, or more than one."""
    unclear: str = ""
    """Why the header proves nothing at all."""
    signatures: tuple[Signature, ...] = ()
    """Those of the mail, unchecked, in their order."""
    relayed: Relayed | None = None
    """None where no listed relay has brought it, or it has said nothing."""
    subject: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    header_from: str = ""
    unclear: str = ""
    spf: Spf | None = None
    signatures: tuple[Signature, ...] = ()
    alignment: Alignment | None = field(default_factory=Alignment)
    """None where it cannot be had now."""
    relayed: Relayed | None = None
