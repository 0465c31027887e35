"""The languages in which letters are written. English is the source: every text has its English words for a name.

Pure modules say things in English and mark them (`said`, `counted`): the text is a string like any other, and knows
what it was made of. A `Language` says it again. Catalogues are gettext's, `templates/languages/*.po`, read when they
are first needed, so that nothing has to be compiled; a text that a catalogue lacks stays English. English is the only
one so far.
"""

import functools
import gettext
import io
from pathlib import Path
from types import MappingProxyType
from typing import Self

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

OWN = next(  # inside the package when installed, beside it in a checkout
    folder for folder in (Path(__file__).parent / "templates", Path(__file__).parent.parent / "templates")
    if (folder / "mail").is_dir()
)  # fmt: skip

ENGLISH = "en"
LOCALES = MappingProxyType({ENGLISH: "en_GB"})
"""By language (ISO 639), how dates and numbers are written (CLDR)."""


class Said(str):
    """An English text that knows what it was made of, so that it can be said in another language."""

    message: str
    many: str
    values: dict[str, object]

    @classmethod
    def of(cls, message: str, many: str, values: dict[str, object]) -> Self:
        english = (many if many and values["n"] != 1 else message).format(**values)
        made = cls(english)
        made.message, made.many, made.values = message, many, values
        return made


def said(message: str, **values: object) -> Said:
    """
    >>> said("page {page}", page=3)
    'page 3'
    """
    return Said.of(message, "", values)


def counted(one: str, many: str, n: int, **values: object) -> Said:
    """
    >>> counted("{n} page", "{n} pages", 3)
    '3 pages'
    """
    return Said.of(one, many, {**values, "n": n})


class Language:
    """Says texts in a language."""

    def __init__(self, code: str, catalogue: gettext.NullTranslations) -> None:
        self.code = code
        self.locale = LOCALES[code]
        self.catalogue = catalogue

    def __call__(self, text: str, **values: object) -> str:
        """`text` in this language. Values are put in where it has `{name}`, and only where there are any; a text that
        is `said` has brought its own. What the catalogue does not know stays as it is."""
        if isinstance(text, Said):
            values = {name: self(one) if isinstance(one, Said) else one for name, one in text.values.items()}
            if text.many:
                return self.catalogue.ngettext(text.message, text.many, int(str(values["n"]))).format(**values)
            return self.catalogue.gettext(text.message).format(**values)
        known = self.catalogue.gettext(text) if text else ""  # the empty text is the catalogue's own header
        return known.format(**values) if values else known


@functools.cache
def language(code: str) -> Language:
    """The language of this code; English where there is none of it, for a letter must not wait for that. Blocks."""
    if code not in LOCALES or code == ENGLISH:
        return Language(ENGLISH, gettext.NullTranslations()) if code == ENGLISH else language(ENGLISH)
    compiled = io.BytesIO()
    with (OWN / "languages" / f"{code}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return Language(code, gettext.GNUTranslations(compiled))
