"""What this installation can fax: asked once a process, of what is there.

Some kinds need system libraries or programs that no Python package carries. Where they are missing, those kinds are
refused as soon as they come, and every list of what is taken is one of what is really taken.
"""

import ctypes
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gateway.documents.kinds import CALC, CONTAINERS, IMPRESS, PICTURES, TYPESET, WRITER, Kind, listed
from gateway.isolation import can_confine

LAYOUT_LIBRARIES = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0")
"""What WeasyPrint sets text and HTML with."""
OFFICE_LIBRARIES = {"libswlo.so": WRITER, "libsclo.so": CALC, "libsdlo.so": IMPRESS}
"""Which library of LibreOffice opens what: its parts are packages of their own."""


@cache
def taken() -> frozenset[Kind]:
    """The kinds of documents that can be faxed here."""
    kinds = {Kind.PDF} | PICTURES
    if can_set_text():
        kinds |= TYPESET | CONTAINERS  # a mail has text
    return frozenset(kinds.union(*_office_kinds()))


@cache
def can_set_text() -> bool:
    return all(_loads(library) for library in LAYOUT_LIBRARIES)


@cache
def office() -> Path | None:
    """LibreOffice's own program: `soffice` is a script that starts a program that starts it."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    if found is None:
        return None
    program = Path(found).resolve().with_name("soffice.bin")
    return program if program.is_file() else None


def about_office() -> tuple[bool, str]:
    """Whether LibreOffice is as it should be, and what is taken because of it, in words; none at all is as well."""
    if office() is None:
        return True, "not found: RTF, Word, Excel, PowerPoint and OpenDocument files are refused"
    if not can_confine():
        return False, (
            "found and not used, for nothing here keeps it from the files of the gateway (Landlock: Linux 5.13 and "
            "later, where the container allows it). Office documents are refused"
        )
    kinds = frozenset[Kind]().union(*_office_kinds())
    return bool(kinds), f"found, for {listed(kinds)}" if kinds else f"{office()} has no Writer, Calc or Impress"


def _office_kinds() -> Iterator[frozenset[Kind]]:
    program = office()
    # It shows what its documents name. Where it cannot be kept from the files of the gateway it does not open any.
    if program is not None and can_confine():
        for library, kinds in OFFICE_LIBRARIES.items():
            if program.with_name(library).is_file():
                yield kinds


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True
