"""Ghostscript as fax programs run it: `tiffg4` at the fine resolution, every page fitted on A4."""

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OPTIONS = ["-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-r204x196", "-sPAPERSIZE=a4", "-dFIXEDMEDIA", "-dPDFFitPage"]


async def fax_image(ghostscript: str, pdf: Path, image: Path) -> None:
    await _run(ghostscript, "tiffg4", image, pdf)


async def grey_pages(ghostscript: str, pdf: Path, folder: Path) -> list[NDArray[np.uint8]]:
    """The pages in grey, pixel for pixel where they are on the fax image."""
    await _run(ghostscript, "pgmraw", folder / "%05d.pgm", pdf)
    pages = []
    for file in sorted(folder.glob("*.pgm")):
        with Image.open(file) as page:
            pages.append(np.array(page.convert("L")))
        file.unlink()
    return pages


async def _run(ghostscript: str, device: str, out: Path, pdf: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        ghostscript, *OPTIONS, f"-sDEVICE={device}", f"-sOutputFile={out}", str(pdf), stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit(f"Ghostscript cannot print {pdf}")
