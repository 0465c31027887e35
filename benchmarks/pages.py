"""Pages made into fax images per second: `gateway.documents.prepare` in its sandbox beside Ghostscript.

Both get one process at a time and the same PDFs, a set of text and a set of grey scans, one after the other. Ours
normalises the PDF as well, renders in grey, decides what is black, and checks the image; Ghostscript's `tiffg4` renders
and nothing else, and it sets greys in dots, which we do not. The bytes of a page are what the line has to carry.
"""

import asyncio
import io
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import img2pdf
import pikepdf
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks import table
from benchmarks.table import Row, ratio
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.sandbox import Sandbox

TEXT_PAGES, SCANS = 8, 4
A4 = (595, 842)
WORDS = ["the", "fax", "of", "a", "page", "that", "was", "sent", "by", "mail", "to", "her", "number", "nobody", "lost"]

Maker = Callable[[Path, Path], Awaitable[None]]
"""PDF, fax image to write."""


async def run(*, quick: bool) -> list[Row]:
    rounds = 3 if quick else 10
    with tempfile.TemporaryDirectory(prefix="faxgate-pages-") as name:
        folder = Path(name)
        sets = {"text": (folder / "text.pdf", TEXT_PAGES), "grey scans": (folder / "scans.pdf", SCANS)}
        write_text(sets["text"][0])
        write_scans(sets["grey scans"][0])
        sandbox = Sandbox(children=1, quick=0)
        await sandbox.start()
        rows: list[Row] = []
        try:
            makers: dict[str, Maker] = {"faxgate": ours(sandbox)}
            if ghostscript := shutil.which("gs"):
                makers["Ghostscript"] = theirs(ghostscript)
            else:
                print("  Ghostscript is not installed here: it is left out")
            for title, (pdf, pages) in sets.items():
                rows += await _compare(title, pdf, pages, makers, rounds, folder)
        finally:
            await sandbox.stop()
    table.show("Pages made into fax images, one at a time", rows)
    return rows


async def _compare(title: str, pdf: Path, pages: int, makers: dict[str, Maker], rounds: int, folder: Path) -> list[Row]:
    seconds = dict.fromkeys(makers, 0.0)
    sizes = dict.fromkeys(makers, 0)
    for round_ in range(-1, rounds):  # one before the first, so that both find warm files
        for name, make in makers.items():
            image = folder / f"{name}.tiff"
            began = time.perf_counter()
            await make(pdf, image)
            if round_ >= 0:
                seconds[name] += time.perf_counter() - began
            sizes[name] = _bytes_of_pages(image, pages)
    print(f"  {title}: done", file=sys.stderr, flush=True)
    other = seconds.get("Ghostscript")
    return [
        {
            "pages": title,
            "made by": name,
            "pages/s": round(pages * rounds / seconds[name], 1),
            "x Ghostscript": ratio(other, seconds[name]),
            "bytes a page": sizes[name] // pages,
            "x Ghostscript's": ratio(sizes[name], sizes.get("Ghostscript")),
        }
        for name in makers
    ]


def ours(sandbox: Sandbox) -> Maker:
    async def make(pdf: Path, image: Path) -> None:
        await sandbox.run(prepare, [(pdf, Kind.PDF, pdf.name)], image.with_suffix(".pdf"), image, 500)

    return make


def theirs(ghostscript: str) -> Maker:
    async def make(pdf: Path, image: Path) -> None:
        options = "-q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=tiffg4 -r204x196 -sPAPERSIZE=a4 -dFIXEDMEDIA -dPDFFitPage"
        command = [ghostscript, *options.split(), f"-sOutputFile={image}", str(pdf)]
        await asyncio.to_thread(subprocess.run, command, check=True)

    return make


def _bytes_of_pages(image: Path, pages: int) -> int:
    """The bytes of the coded pages, without those of the file around them."""
    size = 0
    with Image.open(image) as tiff:
        if getattr(tiff, "n_frames", 1) != pages:
            raise SystemExit(f"{image} has {getattr(tiff, 'n_frames', 1)} pages, not {pages}")
        for page in range(pages):
            tiff.seek(page)
            size += sum(tiff.tag_v2[279])  # type: ignore[attr-defined]  # StripByteCounts
    return size


def write_text(path: Path) -> None:
    """Pages full of text in a base-14 font, as many programs write them."""
    chance = random.Random(1)
    with pikepdf.new() as pdf:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name("/Helvetica")
        )
        for _ in range(TEXT_PAGES):
            lines = " ".join(f"({' '.join(chance.choices(WORDS, k=16))}) Tj T*" for _ in range(52))
            page = pdf.add_blank_page(page_size=A4)
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
            page.Contents = pdf.make_stream(f"BT /F1 11 Tf 14 TL 50 790 Td {lines} ET".encode())
        pdf.save(path)


def write_scans(path: Path) -> None:
    """What a scanner makes of a letter: A4 at 200 dpi in grey, JPEG, a little uneven and noisy."""
    chance = random.Random(2)
    font = ImageFont.load_default(30)
    jpegs = []
    for _ in range(SCANS):
        page = Image.new("L", (1654, 2339), 244)
        draw = ImageDraw.Draw(page)
        for line in range(48):
            draw.text((130, 150 + line * 42), " ".join(chance.choices(WORDS, k=15)), font=font, fill=45)
        page = page.filter(ImageFilter.GaussianBlur(0.7))
        noise = Image.effect_noise(page.size, 12)
        page = Image.blend(page, noise, 0.04)
        file = io.BytesIO()
        page.save(file, "JPEG", quality=80, dpi=(200, 200))
        jpegs.append(file.getvalue())
    path.write_bytes(img2pdf.convert(jpegs))
