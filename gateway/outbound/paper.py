"""How the pages of a fax are made, as its sender or its faxbox has it: rendering and cover page. Pure."""

from datetime import datetime

from gateway.accounts import ALWAYS, WITH_TEXT, Account, Faxbox
from gateway.documents.cover import WORDS, Cover
from gateway.documents.paper import A4, LETTER
from gateway.documents.rendering import Look, Rendering, Resolution
from gateway.fax import Fax
from gateway.languages import ENGLISH, Language
from gateway.wording import UNKNOWN_NUMBER, number_words, one_line, time_words, zone_of

LETTER_COUNTRIES = frozenset({"US", "CA", "MX", "PH", "CL", "CO", "CR", "DO", "GT", "NI", "PA", "SV", "VE", "PR"})
"""Where office paper is Letter (CLDR, territory information)."""


def rendering_of(fax: Fax, box: Faxbox | None, account: Account) -> Rendering:
    paper = LETTER if account.country in LETTER_COUNTRIES else A4
    look = fax.mode or (box.look if box else Look.AUTO)
    resolution = fax.resolution or (box.resolution if box else Resolution.FINE)
    return Rendering(
        look=Look(look),
        resolution=Resolution(resolution),
        paper=paper,
        drop_blank_end=box.drop_blank_end if box else False,
    )


def has_cover(fax: Fax, box: Faxbox | None) -> bool:
    if box is None:
        return False
    if fax.cover is not None:
        return fax.cover
    return box.cover_page == ALWAYS or (box.cover_page == WITH_TEXT and bool(fax.message))


def cover_of(
    fax: Fax, box: Faxbox, account: Account, template: str, logo: str, now: datetime, say: Language = ENGLISH
) -> Cover:
    return Cover(
        template=template,
        language=say.tag,
        words={name: say(word) for name, word in WORDS.items()},
        logo=logo,
        to_name=one_line(fax.to_name),
        to_number=number_words(fax.destination, say(UNKNOWN_NUMBER)),
        from_name=one_line(fax.from_name),
        from_number=number_words(fax.from_number, unknown=""),
        subject=one_line(fax.subject),
        date=time_words(now, zone_of(box, account), say),
        message=fax.message,
        confidentiality=box.confidentiality,
    )
