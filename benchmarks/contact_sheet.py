"""The first page of every document on one picture, in pairs: ours at the left, the other at the right."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT, _TITLE, _GAP, _PAIRS = 260, 345, 22, 10, 5


@dataclass(frozen=True, slots=True)
class Pair:
    title: str
    ours: Image.Image
    theirs: Image.Image | None


def contact_sheet(pairs: Sequence[Pair]) -> Image.Image:
    across, down = 2 * _WIDTH + 3 * _GAP, _HEIGHT + _TITLE + _GAP
    sheet = Image.new("L", (across * min(_PAIRS, len(pairs)), down * -(-len(pairs) // _PAIRS)), 170)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, pair in enumerate(pairs):
        x, y = number % _PAIRS * across + _GAP, number // _PAIRS * down
        draw.text((x, y + 3), pair.title, font=font, fill=0)
        for place, page in enumerate((pair.ours, pair.theirs)):
            if page is not None:
                small = page.resize((_WIDTH, min(_HEIGHT, page.height * _WIDTH // page.width)), Image.Resampling.BOX)
                sheet.paste(small, (x + place * (_WIDTH + _GAP), y + _TITLE))
    return sheet
