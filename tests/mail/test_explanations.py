"""Every code has its words."""

import pytest

from gateway.explanations import explain, explain_received
from gateway.fax import CallResult

NOT_A_FAX = "A person or a voice machine answered, not a fax machine."
CANNOT = "The recipient's fax machine cannot receive faxes of this kind."
NOT_READY = "The recipient's fax machine was not ready; it may be out of paper or memory."
LOST = "The fax machines lost each other."
DOCUMENT = "The document could not be made into fax pages that can be sent."
NETWORK = "The telephone network could not put the call through."
NO_SERVICE = "The number is not in service."
NOT_ALLOWED = "The telephone network does not allow calls to this number."
MEDIA = "The telephone network could not carry the fax call."

ANSWERED = {
    NOT_A_FAX: (1, 2, 3, 17, 19),
    NOT_READY: (4, 7, 9, 22),
    CANNOT: (8, 10, 11, 12),
    LOST: (5, 6, 13, 14, 15, 16, 18, 20, 21, 48, 49, *range(23, 41), 99, -1),
    DOCUMENT: tuple(range(41, 47)),
    "The gateway ran out of memory during the call.": (47,),
    "The recipient's fax machine refused the fax.": tuple(range(50, 61)),
    "The recipient's fax machine confirmed no page.": (0,),
}
UNANSWERED = {
    "The line was busy.": (17,),
    "Nobody answered.": (18, 19, 20, 102),
    "The call was rejected.": (21,),
    NETWORK: (25, 27, 31, 34, 38, 41, 42, 44, 63, 127),
    NO_SERVICE: (1, 2, 3, 22),
    "The telephone network did not accept the number.": (28,),
    NOT_ALLOWED: (29, 50, 52, 54, 57, 69),
    MEDIA: (58, 65, 66, 79, 88),
    "The call did not get through.": (None, 0, 16, 200),
}


@pytest.mark.parametrize(("code", "words"), [(code, words) for words, codes in ANSWERED.items() for code in codes])
def test_a_t30_code_before_the_first_page(code: int, words: str) -> None:
    explanation = explain(CallResult(success=False, answered=True, result_code=code, total_pages=3))
    assert explanation.sentence == words
    assert explanation.advice


@pytest.mark.parametrize(
    ("cause", "words"), [(cause, words) for words, causes in UNANSWERED.items() for cause in causes]
)
def test_a_q850_cause_before_the_answer(cause: int | None, words: str) -> None:
    explanation = explain(CallResult(success=False, answered=False, cause=cause))
    assert explanation.sentence == words
    assert explanation.advice


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (CallResult(success=False, answered=True, pages=1, total_pages=3, result_code=49), "after page 1 of 3."),
        (CallResult(success=False, answered=True, pages=2, result_code=21), "after page 2."),
        (CallResult(success=False, answered=True, pages=1, total_pages=2, result_code=9), "after page 1 of 2."),
        (CallResult(success=False, answered=True, pages=1, total_pages=2), "after page 1 of 2."),
        (CallResult(success=False, answered=True, pages=1, total_pages=2, result_code=0), "only 1 of 2 pages."),
        (CallResult(success=False, answered=True, pages=0, cause=16), LOST),
        (CallResult(success=False, answered=False, hangup_cause="GATEWAY_DOWN"), "Our telephone connection was down."),
    ],
)
def test_what_else_can_be_said(result: CallResult, words: str) -> None:
    assert explain(result).sentence.endswith(words)


def test_success_asks_for_nothing() -> None:
    done = CallResult(success=True, answered=True, pages=1, total_pages=1, result_code=0)
    assert explain(done).advice == explain_received(done).advice == ""


@pytest.mark.parametrize("code", [None, *range(-1, 64)])
@pytest.mark.parametrize("pages", [0, 2])
def test_every_reception_has_its_words(code: int | None, pages: int) -> None:
    explanation = explain_received(CallResult(success=False, answered=True, pages=pages, result_code=code))
    assert explanation.sentence.endswith(".")
    assert explanation.advice
    assert ("page 2" in explanation.sentence) is (pages == 2)
