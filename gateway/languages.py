"""The languages in which people are told of their faxes. English is the source: every text has its English words for a
name.

Pure modules say things in English and mark them (`said`, `counted`): such a text is a string like any other, and knows
what it was made of. A `Language` says it again, at the edge: in letters, reports, short messages and on cover pages.
What was stored since is a plain string; it is recognised by the marked text that it was made of. What no catalogue
knows stays English.

Catalogues are gettext's: `languages/de.po` of our own templates, and `languages/CODE.po` of an installation's and of
its accounts, each of which goes before the others text by text and may be as short as one. They are read when they are
first needed, so that nothing has to be compiled. Foreign ones must lose no mail: a text that cannot be filled in, or a
file that cannot be read, is logged and left out.
"""

import functools
import gettext
import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import re2

if TYPE_CHECKING:  # Babel takes its time to be imported, and English needs none of it
    from babel.messages.catalog import Catalog, Message

log = logging.getLogger(__name__)

OWN = next(  # inside the package when installed, beside it in a checkout
    folder for folder in (Path(__file__).parent / "templates", Path(__file__).parent.parent / "templates")
    if (folder / "mail").is_dir()
)  # fmt: skip

MAX_FILE = 1_000_000
"""Bytes of a catalogue."""
MOST_RECOGNISED = 1000
"""Characters of a text in which marked ones are looked for."""
LEAST_LETTERS = 10
"""Of a marked text beside its values, so that it can be told by them."""

_CODE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?")
_VALUE = re.compile(r"\{(\w+)\}")


class BadCatalogueError(Exception):
    """A catalogue cannot be used as it is; the text names the file."""


class Said(str):
    """An English text that knows what it was made of, so that it can be said in another language."""

    message: str
    many: str
    values: dict[str, object]

    @classmethod
    def of(cls, message: str, many: str, values: dict[str, object]) -> Self:
        made = cls((many if many and values["n"] != 1 else message).format(**values))
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
    """Says texts, dates and numbers in a language."""

    def __init__(self, code: str, catalogue: gettext.NullTranslations, messages: Iterable[str] = (), *,
                 foreign: bool = False) -> None:  # fmt: skip
        """`messages` are what the catalogue knows; `foreign`: not all of it is ours."""
        self.code = code
        self.catalogue = catalogue
        self.foreign = foreign
        self._messages = messages
        self._locale = "en_GB" if code == "en" else code

    @property
    def tag(self) -> str:
        """As mails and HTML name it (BCP 47)."""
        return self.code.replace("_", "-")

    def __call__(self, text: str) -> str:
        """`text` in this language: a marked one, or one that was made of it."""
        if isinstance(text, Said):
            values = {name: self(one) if isinstance(one, Said) else one for name, one in text.values.items()}
            if text.many:
                return self.catalogue.ngettext(text.message, text.many, int(str(values["n"]))).format(**values)
            return self.catalogue.gettext(text.message).format(**values)
        if not text or not self._messages or len(text) > MOST_RECOGNISED:  # the empty text is a catalogue's own header
            return text
        known = self.catalogue.gettext(text)
        return self._recognised(text) if known == text else known

    def date(self, day: date) -> str:
        """`23 November 2026`, `23. November 2026`."""
        if self.code == "en":
            return f"{day.day} {day:%B %Y}"
        from babel.dates import format_date

        return format_date(day, "long", locale=self._locale)

    def zone(self, moment: datetime) -> str:
        """What the time zone of a moment is called: `CET`, `MEZ`; `UTC-03` where it has no name."""
        name = moment.strftime("%Z")
        if name[:1] in {"+", "-"}:  # zones without letters of their own call themselves `-03`
            return f"UTC{name}"
        if self.code == "en" or name == "UTC":
            return name
        from babel.dates import get_timezone_name

        theirs = get_timezone_name(moment, "short", locale=self._locale)
        return theirs if theirs.isalpha() else name  # else it is an offset or a city

    def number(self, number: float, places: int = 0) -> str:
        """`14,400`, `14.400`."""
        if self.code == "en":
            return f"{number:,.{places}f}"
        from babel.numbers import format_decimal

        return format_decimal(round(number, places), f"#,##0.{'0' * places}".rstrip("."), locale=self._locale)

    def _recognised(self, text: str) -> str:
        for message, pattern in self._patterns:
            found = pattern.fullmatch(text)
            if found is not None:
                values = {name: self(value) for name, value in found.groupdict().items()}
                return self.catalogue.gettext(message).format(**values)
        return text

    @functools.cached_property
    def _patterns(self) -> "list[tuple[str, re.Pattern[str]]]":
        """Of marked texts with values; those that say most beside them first. RE2 matches in linear time."""
        made = []
        for message in self._messages:
            literal = _VALUE.sub("", message)
            names = _VALUE.findall(message)
            if names and len(set(names)) == len(names) and sum(map(str.isalpha, literal)) >= LEAST_LETTERS:
                parts = _VALUE.split(message)
                pattern = "".join(f"(?P<{part}>.+)" if at % 2 else re2.escape(part) for at, part in enumerate(parts))
                made.append((len(literal), message, re2.compile(f"(?s){pattern}")))
        return [(message, pattern) for _, message, pattern in sorted(made, key=lambda one: -one[0])]


ENGLISH = Language("en", gettext.NullTranslations())


def languages(override: Path | None = None) -> list[str]:
    """The codes of the languages that there are: English, ours, and those that an installation has added. Blocks."""
    folders = [folder / "languages" for folder in (OWN, override) if folder is not None]
    return sorted({"en", *(file.stem for folder in folders for file in folder.glob("*.po") if _is_code(file.stem))})


def language(code: str, folders: Iterable[Path] = (), *, strict: bool = False) -> Language:
    """The language of this code, with the catalogues that stand in `folders`, of which the first goes before the
    others, and our own the last; English where there is none of it, for a mail must not wait for that. Blocks.

    Raises BadCatalogueError where `strict` and one of them cannot be used as it is, and never otherwise.
    """
    if code != "en" and not _is_code(code):
        return ENGLISH
    files = [
        (file, stamp) for folder in (*folders, OWN / "languages") if (stamp := _stamp(file := folder / f"{code}.po"))
    ]
    if not files and code != "en":
        log.error("there is no language %s: English is used in its place", code)
    found, faults = _language(code, tuple(files)) if files else (ENGLISH, ())
    if strict and faults:
        raise BadCatalogueError("; ".join(faults))
    return found


def faults(catalogue: "Catalog") -> "Iterator[tuple[Message, str]]":
    """The texts of a catalogue that cannot be filled in as the English ones are, and why."""
    for message in catalogue:
        for text in _strings(message.string):
            if message.id and text and (wrong := _wrong(message, text)):
                yield message, wrong


def _wrong(message: "Message", text: str) -> str:
    ids = _strings(message.id)
    # Numbers of pages go into either kind; a plural form may leave the number out.
    braces = {name: 1 for one in ids for name in _VALUE.findall(one)}
    percents = {name: 1 for one in ids for name in re.findall(r"%\((\w+)\)s", one)}
    try:
        if not percents:
            text.format(**braces)
        if not braces:
            text % percents
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        return f"{text!r} cannot be filled in: {type(error).__name__}: {error}"
    return ""


def _strings(one_or_more: object) -> list[str]:
    """Of a text of a catalogue, which may have plural forms."""
    return list(one_or_more) if isinstance(one_or_more, list | tuple) else [str(one_or_more)]


def _is_code(code: str) -> bool:
    """Whether it names a language that CLDR knows; it is safe to be part of a file name then."""
    if not _CODE.fullmatch(code):
        return False
    from babel import localedata

    return localedata.exists(code)


def _stamp(file: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        state = file.stat()
        return state.st_mtime_ns, state.st_size
    return None


@functools.lru_cache(maxsize=64)
def _language(code: str, files: tuple[tuple[Path, tuple[int, int]], ...]) -> tuple[Language, tuple[str, ...]]:
    """A language of these files as they are now, and what is wrong with them."""
    catalogue, wrong, messages = gettext.NullTranslations(), [], dict[str, None]()
    for file, _ in reversed(files):
        read, known, found = _read(file, code)
        if read is not None:
            read.add_fallback(catalogue)
            catalogue = read
        messages |= known
        wrong += found
    for fault in wrong:
        log.error("a catalogue is used without what is wrong with it: %s", fault)
    foreign = any(file.parent.parent != OWN for file, _ in files)
    return Language(code, catalogue, tuple(messages), foreign=foreign), tuple(wrong)


def _read(file: Path, code: str) -> tuple[gettext.GNUTranslations | None, Mapping[str, None], list[str]]:
    """A catalogue, what it knows, and what is wrong with it."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise ValueError(f"more than {MAX_FILE} bytes")  # noqa: TRY301  # one of the things that may be wrong
        catalogue = read_po(io.BytesIO(content), locale=code, abort_invalid=True)
        wrong = []
        for message, why in list(faults(catalogue)):
            wrong.append(f"{file}, line {message.lineno or 1}: {why}")
            catalogue.delete(message.id, message.context)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        known = {message.id: None for message in catalogue if isinstance(message.id, str) and message.string}
        return gettext.GNUTranslations(compiled), known, wrong
    except Exception as error:  # a file of others fails in ways of its own
        return None, {}, [f"{file}: {type(error).__name__}: {error}"]
