"""Plain text to PDF: as typed, in a fixed width, lines too long folded; a form feed begins a page.

WeasyPrint sets it, so every script that the installed fonts know comes out right. It needs Pango, a system library,
and is imported only here and only when needed; without it, text is refused and nothing else is.
"""

import codecs
import html
import re
import sys
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from gateway.documents import refusals
from gateway.documents.paper import Paper
from gateway.errors import DocumentRefused

MAX_BYTES = 4_000_000
LINES = 62
"""Lines of a page, about."""
COLUMNS = 84
"""Letters of a line, about."""
MISSING = (
    "Plain text and HTML cannot be faxed here: the system packages libpango-1.0-0, libpangoft2-1.0-0 and "
    "libharfbuzz-subset0 are missing."
)

RECURSION = 10_000
"""Calls in one another: quoted mails are nested some hundred elements deep."""

_CSS = """
@page { size: %s; margin: 15mm 14mm }
body { margin: 0; font: 10pt/1.25 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere }
section + section { break-before: page }
"""
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Charsets that mails are written in; among all that exist, a short text looks like many.
_CHARSETS = [
    "cp1252", "latin_1", "iso8859_2", "cp1250", "iso8859_15", "cp1251", "koi8_r", "iso8859_7", "cp1253", "cp1254",
    "cp1255", "cp1256", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "tis_620",
]  # fmt: skip
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]|[\ud800-\udfff\ufffe\uffff]")


def decoded(data: bytes) -> str:
    """The text of `data`: by its byte order mark, as UTF-8, or by what its letters look like."""
    for bom, charset in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(charset, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=_CHARSETS).best()
        return str(best) if best is not None else data.decode("cp1252", "replace")


def sheets(data: bytes, name: str) -> list[str]:
    """The text, split at form feeds."""
    if len(data) > MAX_BYTES:
        raise refusals.too_large(name, f"text of more than {MAX_BYTES // 1_000_000} MB")
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n").expandtabs(8)
    text = _CONTROLS.sub("", _ESCAPES.sub("", text)).removesuffix("\f")
    if not text.strip():
        raise refusals.empty(name)
    return text.split("\f")


def about_pages(sheets: list[str]) -> int:
    """How many pages that makes, about."""
    pages = 0
    for sheet in sheets:
        lines = sum(max(1, -(-len(line) // COLUMNS)) for line in sheet.rstrip().split("\n"))
        pages += max(1, -(-lines // LINES))
    return pages


def write_pdf(data: bytes, name: str, pdf: Path, paper: Paper, max_pages: int) -> None:
    """Raises DocumentRefused."""
    layout = weasyprint()
    pages = sheets(data, name)
    if about_pages(pages) > 2 * max_pages:  # surely too many, and setting it takes long
        raise refusals.too_long(name, max_pages)
    body = "".join(f"<section>{html.escape(page)}\n</section>" for page in pages)
    document = f"<!doctype html><meta charset=utf-8><style>{_CSS % paper.name}</style><body>{body}</body>"
    # Nothing in escaped text can ask for a resource; and if it could, none would be fetched.
    layout.HTML(string=document, url_fetcher=layout.urls.URLFetcher(allowed_protocols=set())).write_pdf(pdf)


def weasyprint() -> Any:
    """The module. Raises DocumentRefused where its libraries are missing."""
    try:
        import weasyprint  # type: ignore[import-untyped]
    except OSError as error:
        raise DocumentRefused(MISSING, detail=str(error)) from error
    # Its parsers and its layout call themselves once or twice for every element that another one is in.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION))
    return weasyprint
