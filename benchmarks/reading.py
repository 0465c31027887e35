"""What is legible on a page: read by Tesseract, and compared with what was written on it."""

import asyncio
import os
import re
import resource
import shutil
import subprocess
import unicodedata
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SECONDS = 9
"""Of one core, for a page: four times what a full one takes. What takes longer is dots all over, not to be read."""


@cache
def languages() -> frozenset[str]:
    """Those that can be read; none where Tesseract is not installed."""
    program = shutil.which("tesseract")
    if program is None:
        return frozenset()
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False).stdout
    return frozenset(listed.split("\n")[1:]) - {"osd", ""}


_LAYOUTS = 3, 6
"""Tesseract's `--psm`: as it thinks itself, and as lines across the page. At times it leaves out paragraphs of a good
page in one of them."""
_GOOD, _HOPELESS = 0.005, 0.9


async def unread(page: Image.Image, truth: str, language: str = "eng") -> int:
    """`errors` of the better of two readings, where the first was neither good nor hopeless."""
    length = len(truth.replace(" ", ""))
    least = length + 1
    for layout in _LAYOUTS:
        found = await read(page, language, layout)
        least = min(least, await asyncio.to_thread(errors, truth, found))
        if not _GOOD * length < least < _HOPELESS * length:
            break
    return least


async def read(page: Image.Image, language: str, layout: int) -> str:
    """The text on a page of 204 by 196 dpi; nothing where it takes too long."""
    file = BytesIO()
    page.save(file, "PNG", dpi=(204, 196))
    process = await asyncio.create_subprocess_exec(
        "tesseract", "-", "-", "-l", language, "--psm", str(layout), "--dpi", "200",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS)),
    )  # fmt: skip
    found, _ = await process.communicate(file.getvalue())
    return found.decode()


def errors(truth: str, found: str) -> int:
    """How many characters of `truth` are missing or wrong in `found`, and how many are too many there, spaces apart.

    Read in the order in which it was written, or word by word, whichever is less: the order in which columns and tables
    are read is no matter of legibility.
    """
    truth, found = _plain(truth), _plain(found)
    in_order = distance(truth.replace(" ", ""), found.replace(" ", ""))
    return min(in_order, _word_by_word(truth.split(), found.split())) if in_order else 0


def _plain(text: str) -> str:
    """Typographer's marks that look alike are alike."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    for looks, like in (("‘’`´", "'"), ("“”„", '"'), ("–—−", "-")):  # noqa: RUF001
        text = re.sub(f"[{looks}]", like, text)
    return " ".join(text.split())


def _word_by_word(truth: list[str], found: list[str]) -> int:
    left = list(found)
    missing = []
    for word in truth:
        if word in left:
            left.remove(word)
        else:
            missing.append(word)
    wrong = 0
    for word in sorted(missing, key=len, reverse=True):
        cost, nearest = len(word), ""
        for other in left:
            if abs(len(word) - len(other)) < cost and (steps := _few_steps(word, other)) < cost:
                cost, nearest = steps, other
        if nearest:
            left.remove(nearest)
        wrong += cost
    return wrong + sum(map(len, left))


def _few_steps(one: str, other: str) -> int:
    """`distance`, for words."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, its in enumerate(other, 1):
            before, row[place] = row[place], min(before + (letter != its), row[place] + 1, row[place - 1] + 1)
    return row[-1]


def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    if not one or not other:
        return len(one) + len(other)
    codes: NDArray[np.int32] = np.array([ord(letter) for letter in other], np.int32)
    steps = np.arange(len(other) + 1)
    row = steps
    for number, letter in enumerate(one, 1):
        new = np.empty_like(row)
        new[0] = number
        np.minimum(row[1:] + 1, row[:-1] + (codes != ord(letter)), out=new[1:])
        row = np.minimum.accumulate(new - steps) + steps
    return int(row[-1])
