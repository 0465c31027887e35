"""When the operator is to be called: a call that failed for our own side's sake, and what can be done about it. Pure.

A trunk that is down, and a fax image that the line could not read or write. There is one mail an hour for each line and
cause, however many faxes meet it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from gateway.fax import CallResult
from gateway.retry import T30_DOCUMENT, TRUNK_DOWN

EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whom we call, and as whom."""

    address: str
    """Empty: nobody."""
    sender: str
    hostname: str


NOBODY = Operator(address="", sender="", hostname="")


@dataclass(frozen=True, slots=True)
class Alert:
    """A trouble of ours."""

    cause: str
    """FreeSWITCH's name of it, or `T.30` and the code: together with the line it names the trouble."""
    what: str
    advice: str
    lost: bool
    """Whether the fax has failed with it; else it goes out another way, or waits."""


_LOOK = (
    "`sofia status gateway` on the FreeSWITCH says whether it is registered. Look at the carrier, the credentials and "
    "the network; and at FreeSWITCH itself, if it is its event socket that broke."
)
_COMPARE = "Compare the dial string in FAXGATE_LINES with what `sofia status` shows on the FreeSWITCH."
_SPOOL = (
    "Is the spool one folder for the gateway and the line (spool and node_spool in FAXGATE_LINES), may the line read "
    "it, and is the disk in order? `faxgate explain` tells the story of the fax."
)
_DISK = "Is the disk full, and may the line write into its spool? The caller was not told that the fax had arrived."

_TRUNK: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "GATEWAY_DOWN": ("The trunk is down: FreeSWITCH cannot place calls through it.", _LOOK),
        "INVALID_GATEWAY": ("FreeSWITCH has no gateway of the name that the line dials through.", _COMPARE),
        "INVALID_PROFILE": ("FreeSWITCH has no SIP profile of the name that the line dials through.", _COMPARE),
    }
)
_UNREADABLE = ("The line could not read the fax image that it was to send.", _SPOOL)
_UNWRITABLE = ("The line could not write the pages of a fax that came in.", _DISK)


def alert_of(result: CallResult, *, inbound: bool = False) -> Alert | None:
    """The trouble of ours that a call has met; None where it met none."""
    if not result.answered and result.hangup_cause in TRUNK_DOWN:
        return Alert(result.hangup_cause, *_TRUNK[result.hangup_cause], lost=False)
    if result.answered and not result.success and result.result_code in T30_DOCUMENT:
        return Alert(f"T.30 {result.result_code}", *(_UNWRITABLE if inbound else _UNREADABLE), lost=True)
    return None
