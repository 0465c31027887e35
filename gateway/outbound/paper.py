"""How the pages of a fax are made, as its sender or its faxbox has it: rendering and cover page.

Pure but for reading the templates.

An installation overrides the cover's template with `cover/cover.html` in `FAXGATE_TEMPLATES_DIR`, an account with
`accounts/ID/cover/cover.html` there; a `logo.png` or `logo.jpg` beside a template stands on it.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.accounts import ALWAYS, WITH_TEXT, Account, Faxbox
from gateway.documents.cover import Cover
from gateway.documents.paper import A4, LETTER
from gateway.documents.rendering import Look, Rendering, Resolution
from gateway.errors import OurTrouble
from gateway.fax import Fax
from gateway.wording import number_words, one_line, time_words, zone_of

LETTER_COUNTRIES = frozenset({"US", "CA", "MX", "PH", "CL", "CO", "CR", "DO", "GT", "NI", "PA", "SV", "VE", "PR"})
"""Where office paper is Letter (CLDR, territory information)."""
MAX_LOGO = 2_000_000
"""Bytes."""
LOGOS = {"logo.png": "image/png", "logo.jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Templates:
    """Where templates are: those of the installation, if it has any, before our own."""

    own: Path
    override: Path | None = None

    def cover(self, account_id: str) -> tuple[str, str]:
        """The cover's template and its logo as a `data:` URL, empty where there is none. Blocks. Raises OurTrouble."""
        folders = [self.override / "accounts" / account_id / "cover", self.override / "cover"] if self.override else []
        folder = next((one for one in folders if (one / "cover.html").is_file()), self.own / "cover")
        try:
            template = (folder / "cover.html").read_text()
            return template, next(filter(None, (_logo(one) for one in [folder, *folders])), "")
        except (OSError, UnicodeDecodeError) as error:
            raise OurTrouble("The cover page cannot be made right now.", detail=str(error)) from error


def _logo(folder: Path) -> str:
    for name, kind in LOGOS.items():
        file = folder / name
        if file.is_file() and file.stat().st_size <= MAX_LOGO:
            return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return ""


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


def cover_of(fax: Fax, box: Faxbox, account: Account, template: str, logo: str, now: datetime) -> Cover:
    return Cover(
        template=template,
        logo=logo,
        to_name=one_line(fax.to_name),
        to_number=number_words(fax.destination),
        from_name=one_line(fax.from_name),
        from_number=number_words(fax.from_number, unknown=""),
        subject=one_line(fax.subject),
        date=time_words(now, zone_of(box, account)),
        message=fax.message,
        confidentiality=box.confidentiality,
    )
