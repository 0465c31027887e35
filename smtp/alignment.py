"""Whether two domains are one sender's, as DMARC defines it (RFC 7489 3.1, 3.2), and what a domain asks for. Pure."""

from collections.abc import Sequence

import idna

from gateway.organizations import organization
from smtp.evidence import Alignment


def domain_of(address: str) -> str:
    """The domain of an address (or a domain itself) in A-labels and lower case.

    >>> domain_of("x@BÜCHER.example")
    'xn--bcher-kva.example'
    """
    domain = address.rpartition("@")[2].rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return domain


def aligned(domain: str, header_from: str, *, strict: bool = False) -> bool:
    """Whether `domain` speaks for the domain of the header From; both in A-labels."""
    return domain == header_from or (not strict and organization(domain) == organization(header_from))


def asked(records: Sequence[str]) -> Alignment | None:
    """What a domain's policy asks for; None where it has none (RFC 7489 6.6.3: or more than one).

    >>> asked(["v=DMARC1; p=none; adkim=s"])
    Alignment(strict_dkim=True, strict_spf=False)
    """
    found = [tags for record in records if (tags := _tags(record)) is not None]
    if len(found) != 1:
        return None
    return Alignment(strict_dkim=found[0].get("adkim") == "s", strict_spf=found[0].get("aspf") == "s")


def _tags(record: str) -> dict[str, str] | None:
    pairs = [pair.partition("=") for pair in record.split(";")]
    tags = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
    # The version comes first, and as it stands here (RFC 7489 6.4).
    first = pairs[0]
    return tags if first[0].strip() == "v" and first[2].strip() == "DMARC1" else None
