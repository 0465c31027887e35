"""How a call ended, in words for people: a sentence that says what happened, and one that says what to do. They are
English, marked for other languages (`gateway.languages`).

Pure and total: every result has its words, codes that nobody has seen yet too. `gateway.retry` decides what the
gateway does about a cause; nothing is decided here. T.30 result codes are spandsp's numbers, causes are Q.850's.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.fax import CallResult
from gateway.languages import Said, said
from gateway.retry import TRUNK_DOWN


@dataclass(frozen=True, slots=True)
class Explanation:
    sentence: str
    """What happened, plain and complete: "The line was busy."."""
    advice: str
    """What the reader can do about it; empty where there is nothing to do."""


AGAIN = said("Please send it again.")
LATER = said("Please send it again later.")
CHECK_NUMBER = said("Please check the number and send the fax again.")
CALL_THEM = said("Please call the recipient to ask about their fax machine before you send it again.")
OUR_SIDE = said("The trouble is on our side; please tell the administrator of this fax service.")
OUR_NETWORK = said("The trouble lies with the telephone network, not with your document. Please send it again later.")

NO_FAX = Explanation(said("A person or a voice machine answered, not a fax machine."), CHECK_NUMBER)
BUSY = Explanation(said("The line was busy."), LATER)
NO_ANSWER = Explanation(said("Nobody answered."), said("Please check the number, or send the fax again later."))
NOT_IN_SERVICE = Explanation(said("The number is not in service."), CHECK_NUMBER)
REJECTED = Explanation(said("The call was rejected."), CALL_THEM)
NETWORK = Explanation(said("The telephone network could not put the call through."), OUR_NETWORK)
NO_TRUNK = Explanation(said("Our telephone connection was down."), OUR_SIDE)
MEDIA = Explanation(said("The telephone network could not carry the fax call."), OUR_NETWORK)
NOT_ALLOWED = Explanation(said("The telephone network does not allow calls to this number."), OUR_SIDE)
BAD_NUMBER = Explanation(said("The telephone network did not accept the number."), CHECK_NUMBER)
BROKEN_OFF = Explanation(said("The fax machines lost each other."), AGAIN)
MACHINE_BUSY = Explanation(
    said("The recipient's fax machine was not ready; it may be out of paper or memory."), CALL_THEM
)
CANNOT_TAKE = Explanation(said("The recipient's fax machine cannot receive faxes of this kind."), CALL_THEM)
BARRED = Explanation(said("The recipient's fax machine refused the fax."), CALL_THEM)
OUR_DOCUMENT = Explanation(said("The document could not be made into fax pages that can be sent."), OUR_SIDE)
OUR_MACHINE = Explanation(said("The gateway ran out of memory during the call."), OUR_SIDE)

_T30_SENDING = MappingProxyType(
    dict.fromkeys((1, 2, 3, 17, 19), NO_FAX)
    | dict.fromkeys((4, 7, 9, 22), MACHINE_BUSY)
    | dict.fromkeys((8, 10, 11, 12), CANNOT_TAKE)
    | dict.fromkeys(range(41, 47), OUR_DOCUMENT)
    | {47: OUR_MACHINE}
    | dict.fromkeys(range(50, 61), BARRED)
    # 5, 6, 13-16, 18, 20, 21, 48, 49 and the receive side's 23-40: line or protocol, as any code we do not know.
)
_CAUSES = MappingProxyType(
    {17: BUSY, 21: REJECTED, 28: BAD_NUMBER}
    | dict.fromkeys((1, 2, 3, 22), NOT_IN_SERVICE)
    | dict.fromkeys((18, 19, 20, 102), NO_ANSWER)
    | dict.fromkeys((25, 27, 31, 34, 38, 41, 42, 44, 63, 127), NETWORK)
    | dict.fromkeys((29, 50, 52, 54, 57, 69), NOT_ALLOWED)
    | dict.fromkeys((58, 65, 66, 79, 88), MEDIA)
)

_T30_RECEIVING = MappingProxyType(
    dict.fromkeys((1, 2, 3, 17, 19, 28), said("The caller was not a fax machine."))
    | dict.fromkeys((8, 9, 10, 11, 12), said("The sender's fax machine and ours have no way of sending in common."))
    | {41: said("The gateway could not store the fax."), 47: OUR_MACHINE.sentence}
)


def explain(result: CallResult, before: int = 0) -> Explanation:
    """Why an outgoing call did not bring the fax through; for a call that did, that it did. Of the result's pages
    `before` were confirmed by earlier calls."""
    if result.success:
        return Explanation(said("The fax was delivered."), "")
    if not result.answered and result.result_code is None:
        return _unanswered(result)
    known = _T30_SENDING.get(result.result_code if result.result_code is not None else -1)
    brought = result.pages > before
    if known is not None and not brought:
        return known
    if result.result_code == 0:
        # T.30 ended well but not every page was confirmed: the image sent was not the whole document.
        return Explanation(_confirmed(result), AGAIN)
    if brought:
        return Explanation(_cut_off(result), AGAIN if known is None else known.advice)
    return BROKEN_OFF


def explain_received(result: CallResult) -> Explanation:
    """Why an incoming call did not bring a whole fax."""
    if result.success:
        return Explanation(said("The fax was received."), "")
    ask = said("Please ask the sender to send it again.")
    if result.pages:
        return Explanation(_cut_off(replace(result, total_pages=0)), ask)
    code = result.result_code if result.result_code is not None else -1
    otherwise = said("The call was cut off before the first page was through.")
    return Explanation(_T30_RECEIVING.get(code, otherwise), ask)


def _unanswered(result: CallResult) -> Explanation:
    if result.hangup_cause in TRUNK_DOWN:
        return NO_TRUNK
    return _CAUSES.get(result.cause or 0, Explanation(said("The call did not get through."), LATER))


def _cut_off(result: CallResult) -> Said:
    if result.total_pages:
        return said("The call was cut off after page {page} of {total}.", page=result.pages, total=result.total_pages)
    return said("The call was cut off after page {page}.", page=result.pages)


def _confirmed(result: CallResult) -> Said:
    if not result.pages:
        return said("The recipient's fax machine confirmed no page.")
    if not result.total_pages:
        return said("The recipient's fax machine confirmed only page {page}.", page=result.pages)
    return said(
        "The recipient's fax machine confirmed only {page} of {total} pages.",
        page=result.pages,
        total=result.total_pages,
    )
