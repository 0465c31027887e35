"""Bounces of our mails: each notice leaves with an envelope sender of its own, to which only its bounces come.

Pure. `bounces+NOTICE-SIGNATURE@domain`: the signature is a keyed one, so that nobody can have a notice called bounced
who has not had the mail. Local parts are compared without case, as some servers change it.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

_SIGNED = re.compile(r"bounces\+(?P<notice>[0-9a-f]{32})-(?P<signature>[0-9a-f]{20})")
"""61 octets: RFC 5321 4.5.3.1.1 allows a local part 64."""

PREFIX = "bounces+"


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceAddresses:
    domain: str
    """Lower case, A-labels. Its MX leads to our listener."""
    key: bytes

    def of(self, notice_id: str) -> str:
        """The envelope sender of a notice."""
        return f"{PREFIX}{notice_id}-{self._signature(notice_id)}@{self.domain}"

    def notice_of(self, local: str) -> str | None:
        """The notice that a local part names; None where it is not signed by us."""
        found = _SIGNED.fullmatch(local.lower())
        if found is None or not hmac.compare_digest(found["signature"], self._signature(found["notice"])):
            return None
        return found["notice"]

    def _signature(self, notice_id: str) -> str:
        return hmac.new(self.key, b"bounce " + notice_id.encode(), hashlib.sha256).hexdigest()[:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What has come to a bounce address."""

    failed: bool
    """Whether it says that the mail was not delivered; a delay, a receipt or an automatic reply does not."""
    words: str
    """In its own words, one bounded line; what it is, where it does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The bounce of a notice."""

    notice_id: str
    bounce: Bounce
