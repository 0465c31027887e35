"""`faxgate compare FILE...`: how long documents keep a line busy as we fax them, beside Ghostscript's, and their looks.

Needs no gateway, no settings and no database.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.documents.comparison import Compared, by_ghostscript, compared
from gateway.documents.inspect import MAX_PAGES
from gateway.documents.kinds import kind_of
from gateway.documents.normalise import Source
from gateway.documents.prepare import prepare
from gateway.documents.rendering import DEFAULT, Rendering
from gateway.sandbox import Sandbox

WITHOUT = "Ghostscript (gs) is not installed: only our own pages are shown."
_PRELOAD = ("gateway.documents.prepare", "gateway.documents.comparison")


async def compare(files: Sequence[Path], out: Path | None, rendering: Rendering = DEFAULT) -> list[Compared]:
    """The documents as one fax, page by page and the call last; pictures into `out`.

    Raises DocumentRefused, OurTrouble, OSError.
    """
    sources, pictures = await asyncio.to_thread(_readied, files, out)
    sandbox = Sandbox(children=1, quick=0, preload=_PRELOAD)
    await sandbox.start()
    try:
        with TemporaryDirectory(prefix="faxgate-") as name:
            folder = Path(name)
            pdf, ours, theirs = folder / "fax.pdf", folder / "fax.tif", folder / "gs.tif"
            await sandbox.run(prepare, sources, pdf, ours, MAX_PAGES, rendering)
            there = await sandbox.run(by_ghostscript, pdf, theirs, rendering.resolution)
            return await sandbox.run(compared, ours, theirs if there else None, pictures)
    finally:
        await sandbox.stop()


def _readied(files: Sequence[Path], out: Path | None) -> tuple[list[Source], Path | None]:
    """Raises OSError."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    return [(file.absolute(), str(kind_of(file, file.name)), file.name) for file in files], out and out.absolute()


def table(found: Sequence[Compared]) -> list[str]:
    """As lines for people. Pure."""
    both = any(page.other_bytes is not None for page in found)
    lines = [f"{'page':>6}{'faxgate':>24}" + (f"{'Ghostscript tiffg4':>24}" if both else "")]
    for page in found:
        cells = [(page.seconds, page.bytes)]
        if page.other_seconds is not None and page.other_bytes is not None:
            cells.append((page.other_seconds, page.other_bytes))
        shown = "".join(f"{seconds:>10.1f} s {size:>11,}" for seconds, size in cells)
        lines.append(f"{page.page or 'call':>6}{shown}")
    return lines
