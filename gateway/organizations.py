"""Whose a domain is: the organizational domain (RFC 7489 3.2), by the Public Suffix List. Pure."""

from functools import cache

from publicsuffixlist import PublicSuffixList

OF_MANY = (
    "onmicrosoft.com",
    "mail.onmicrosoft.com",
    "onmicrosoft.de",
    "onmicrosoft.us",
    "partner.onmschina.cn",
    "gappssmtp.com",
)
"""Domains below which each customer of Microsoft or Google gets one, and which the Public Suffix List does not have."""

SIGNING_FOR_MANY = frozenset(
    """aol.com fastmail.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mac.com
    mail.com mail.ru me.com messagingengine.com msn.com outlook.com proton.me protonmail.com qq.com t-online.de web.de
    yahoo.com yandex.com yandex.ru ymail.com zoho.com
    amazonses.com mailgun.net mailgun.org mailjet.com mandrillapp.com mcsv.net pphosted.com sendgrid.info sendgrid.net
    sparkpostmail.com""".split()  # noqa: SIM905  # one a line is a page
)
"""Some of the domains with whose signature everybody can mail who has an address there, or is a customer."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organization(domain: str) -> str:
    """The organizational domain (RFC 7489 3.2): one label more than the public suffix. Below a domain of many each
    name stands for itself.

    >>> organization("mail.example.co.uk"), organization("tenant.mail.onmicrosoft.com")
    ('example.co.uk', 'tenant.mail.onmicrosoft.com')
    """
    if domain.endswith(tuple(f".{shared}" for shared in OF_MANY)):
        return domain
    return _suffixes().privatesuffix(domain) or domain


def is_public(domain: str) -> bool:
    """Whether it, or what is signed by it, is different people's.

    >>> [is_public(name) for name in ("co.uk", "gmail.com", "20230601.gappssmtp.com", "tenant.onmicrosoft.com")]
    [True, True, True, False]
    """
    if domain in OF_MANY or domain in SIGNING_FOR_MANY or _suffixes().privatesuffix(domain) is None:
        return True
    return (
        domain.endswith(".gappssmtp.com") and domain.count(".") < 3
    )  # above it stands the year of the customers' keys
