"""Texts that know what they were made of, and what is made of them in German."""

import email
import gettext
import re
from collections.abc import Iterator
from email import policy
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.documents.refusals import broken, too_long
from gateway.explanations import explain
from gateway.fax import CallResult
from gateway.languages import ENGLISH, OWN, Language, counted, faults, language, languages, said
from gateway.samples import LETTERS, NOW, samples
from gateway.stationery import Templates
from gateway.wording import size_words, time_words

GERMAN = language("de")
GATEWAY = Path(__file__).parents[2] / "gateway"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "said": None, "counted": (1, 2)}
TEMPLATE = {"trimmed": "true", "trim_blocks": "true", "newstyle_gettext": "true", "silent": "false"}
TO_THE_OPERATOR = {"inbound_stranded"}


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
    assert GERMAN(cut_off) == "Die Verbindung wurde nach Seite 1 von 3 unterbrochen."


@pytest.mark.parametrize(
    ("stored", "again"),
    [
        (broken("a.pdf").text, "Das Dokument „a.pdf“ ist beschädigt und kann nicht geöffnet werden."),
        (too_long("", 90).text, "Das Dokument hat mehr als 90 Seiten."),
        ("The call was cut off after page 3.", "Die Verbindung wurde nach Seite 3 unterbrochen."),
        ("a visiting card", "eine Visitenkarte"),
        ("What nobody has said: {x}.", "What nobody has said: {x}."),
    ],
)
def test_what_was_stored_is_recognised(stored: str, again: str) -> None:
    assert GERMAN(str(stored)) == GERMAN(stored) == again


def test_dates_and_numbers_are_as_germans_write_them() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert time_words(NOW, zone, GERMAN) == "23. November 2026, 14:05:09 Uhr (MEZ)"
    assert time_words(NOW, zone) == "23 November 2026, 14:05:09 CET"
    assert [size_words(size, GERMAN) for size in (1, 640, 12_000, 3_400_000)] == [
        "1 Byte",
        "640 Byte",
        "12 kB",
        "3,4 MB",
    ]
    assert (GERMAN.number(14400), ENGLISH.number(14400)) == ("14.400", "14,400")


# The catalogue


def marked() -> Iterator[str | tuple[str, ...]]:
    """Every marked text of the gateway and of its templates."""
    for folder, ways, options in (
        (GATEWAY, [("**.py", "python")], None),
        (OWN, [("mail/**.*", "jinja2"), ("cover/**.*", "jinja2")], {"mail/**.*": TEMPLATE, "cover/**.*": TEMPLATE}),
    ):
        for _, _, text, _, _ in extract_from_dir(folder, ways, options, KEYWORDS):
            yield text


def catalogue() -> Catalog:
    with (OWN / "languages/de.po").open("rb") as file:
        return read_po(file, locale="de", abort_invalid=True)


def test_german_has_every_marked_text_and_no_other() -> None:
    german = catalogue()
    assert not german.obsolete
    wanted = set(marked())
    assert len(wanted) > 150
    assert {
        message.id if isinstance(message.id, str) else tuple(message.id) for message in german if message.id
    } == wanted
    assert not [message.id for message in german if message.id and message.fuzzy]
    assert not [message.id for message in german if message.id and not all(strings(message.string))]


def strings(one_or_more: object) -> list[str]:
    return list(one_or_more) if isinstance(one_or_more, list | tuple) else [str(one_or_more)]


def test_german_texts_have_the_values_of_the_english_ones() -> None:
    german = catalogue()
    assert list(faults(german)) == []
    for message in german:
        ids, texts = strings(message.id), strings(message.string)
        if message.id:
            assert [values(one) for one in texts] == [values(one) for one in ids], message.id


def values(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}|%\(\w+\)s", text))


# The letters


class Texts(HTMLParser):
    """The pieces of text of a page, and its language."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.language, self.found = "", set[str]()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = str(dict(attrs)["lang"])

    def handle_data(self, data: str) -> None:
        self.found.add(" ".join(data.split()))


@pytest.mark.parametrize("letter", [letter for letter in LETTERS if letter not in TO_THE_OPERATOR])
def test_every_letter_is_german_as_a_whole(letter: str) -> None:
    [german] = [one for one in samples(Templates(), language="de") if one.letter == letter]
    [english] = [one for one in samples(Templates()) if one.letter == letter]
    pages = [Texts(html_of(one.message)) for one in (german, english)]
    assert [page.language for page in pages] == ["de", "en"]
    texts = [
        {*page.found, *map(str.strip, one.text.split("\n"))} for page, one in zip(pages, (german, english), strict=True)
    ]
    facts = re.compile(
        r"|--|[\d +:()-]*|Fax [0-9a-f]{32}|Contract, signed|(- )?contract\.pdf|(- contract\.pdf )?\(123 kB\)|logo\.png"
        r"|https://fax\.example\.com/\S+"
        r"|\+1 202-555-01\d\d \((Sales|Bob Example|ACME CORP)\)|\d min \d\d s"
    )
    assert {text for text in texts[0] & texts[1] if not facts.fullmatch(text)} == set()
    assert re.search(r"[^\n]\n\n(Betreff|An|Von): ", german.text)
    assert not re.search(r"\b(the|your|please|page|pages|from)\b", f"{german.subject} {german.text}".lower())


def html_of(message: bytes) -> str:
    read = email.message_from_bytes(message, policy=policy.default)
    body, plain = read.get_body(("html",)), read.get_body(("plain",))
    assert body is not None
    assert plain is not None
    page = str(body.get_content())
    assert [Texts(page).language] * 2 == [str(body["Content-Language"]), str(plain["Content-Language"])]
    return page


def test_letters_to_the_operator_are_english() -> None:
    [one] = samples(Templates(), template="inbound_stranded", language="de")
    assert one.subject.startswith("A received fax has reached nobody")
    assert Texts(html_of(one.message)).language == "en"


# Catalogues of an installation


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n{text}')
    return file


def test_an_installation_changes_a_text_and_adds_a_language(tmp_path: Path) -> None:
    put(tmp_path, "languages/de.po", 'msgid "The line was busy."\nmsgstr "Besetzt."\n')
    put(tmp_path, "languages/fr.po", 'msgid "The line was busy."\nmsgstr "Occupé."\n')
    put(tmp_path, "accounts/a1/languages/de.po", 'msgid "Nobody answered."\nmsgstr "Keiner da."\n')
    templates = Templates(override=tmp_path)
    assert templates.languages() == languages(tmp_path) == ["de", "en", "fr"]
    german, of_a1 = templates.language("", "de"), templates.language("a1", "de")
    asked = ("The line was busy.", "Nobody answered.", "The call was rejected.")
    assert [of_a1(said(one)) for one in asked] == ["Besetzt.", "Keiner da.", "Der Anruf wurde abgewiesen."]
    assert german(said("Nobody answered.")) == GERMAN(said("Nobody answered."))
    assert templates.language("", "fr")(said("The line was busy.")) == "Occupé."
    assert samples(templates, template="failure", language="fr")[0].text.count("Occupé.") == 1


def test_a_text_that_cannot_be_filled_in_is_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = put(
        tmp_path, "languages/de.po", 'msgid "{n} page"\nmsgid_plural "{n} pages"\nmsgstr[0] "{m} x"\nmsgstr[1] "x"\n'
    )
    templates = Templates(override=tmp_path)
    assert templates.language("", "de")(counted("{n} page", "{n} pages", 2)) == "2 Seiten"
    assert f"{file}, line" in caplog.text
    assert "KeyError" in samples(templates, template="receipt", language="de")[0].error
    file.write_bytes(b"\xff\xfe\x00")
    assert templates.language("", "de")(counted("{n} page", "{n} pages", 2)) == "2 Seiten"
    assert str(file) in samples(templates, template="receipt", language="de")[0].error
