"""Texts that know what they were made of."""

import gettext

from gateway.explanations import explain
from gateway.fax import CallResult
from gateway.languages import ENGLISH, Language, counted, language, said


class Other(gettext.NullTranslations):
    """A catalogue of another language."""

    def gettext(self, message: str) -> str:
        return {"page {page} of {total}": "{total}:{page}", "After {what}.": "Nach {what}.", "so": "os"}.get(
            message, message
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return "{n} Seite" if n == 1 else "{n} Seiten"


OTHER = Language("en", Other(), ["so"])


def test_a_text_is_said_again_with_its_values() -> None:
    text = said("page {page} of {total}", page=1, total="{x}")
    assert (text, OTHER(text)) == ("page 1 of {x}", "{x}:1")
    assert [OTHER(counted("{n} page", "{n} pages", n)) for n in (1, 2)] == ["1 Seite", "2 Seiten"]
    assert OTHER(said("After {what}.", what=counted("{n} page", "{n} pages", 2))) == "Nach 2 Seiten."
    assert (OTHER("so"), OTHER("{unknown}"), OTHER("")) == ("os", "{unknown}", "")


def test_what_there_is_no_language_for_is_english() -> None:
    cut_off = explain(CallResult(success=False, answered=True, pages=1, total_pages=3, result_code=49)).sentence
    assert language("../xx") is language("xx") is ENGLISH
    assert ENGLISH(cut_off) == cut_off == "The call was cut off after page 1 of 3."
