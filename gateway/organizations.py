"""Whose a domain is: the organizational domain (RFC 7489 3.2), by the Public Suffix List. Pure."""

from functools import cache

from publicsuffixlist import PublicSuffixList

OF_MANY = ("onmicrosoft.com",)
"""Domains below which everybody gets one, and which the Public Suffix List does not have."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organization(domain: str) -> str:
    """The organizational domain (RFC 7489 3.2): one label more than the public suffix.

    >>> organization("mail.example.co.uk"), organization("a.tenant.onmicrosoft.com")
    ('example.co.uk', 'tenant.onmicrosoft.com')
    """
    for shared in OF_MANY:
        if domain.endswith(f".{shared}"):
            return ".".join(domain.split(".")[-shared.count(".") - 2 :])
    return _suffixes().privatesuffix(domain) or domain


def is_public(domain: str) -> bool:
    """Whether names below it are different people's."""
    return domain in OF_MANY or _suffixes().privatesuffix(domain) is None
