"""What a document is, told by its first bytes. A name is only a hint for telling text from the unknown. Pure."""

import re
from enum import StrEnum
from pathlib import PurePosixPath

HEAD = 4096
"""How many first bytes tell the kind."""


class Kind(StrEnum):
    PDF = "application/pdf"
    TIFF = "image/tiff"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    TEXT = "text/plain"
    # Recognised, so that a refusal can name them; not faxed.
    TNEF = "application/ms-tnef"
    HTML = "text/html"
    RTF = "application/rtf"
    VCARD = "text/vcard"
    CALENDAR = "text/calendar"
    PKCS7 = "application/pkcs7-signature"
    PGP = "application/pgp-signature"
    POSTSCRIPT = "application/postscript"
    OOXML = "application/vnd.openxmlformats-officedocument"
    ODF = "application/vnd.oasis.opendocument"
    OLE = "application/x-ole-storage"
    ZIP = "application/zip"
    BMP = "image/bmp"
    WEBP = "image/webp"
    HEIF = "image/heif"
    UNKNOWN = "application/octet-stream"


TAKEN = (Kind.PDF, Kind.TIFF, Kind.PNG, Kind.JPEG, Kind.GIF, Kind.TEXT)
"""What can be faxed."""
TAKEN_WORDS = "PDF, TIFF, PNG, JPEG, GIF and plain text"
"""The same for people."""

_OFFICE = {
    ".docx": "a Word document (.docx)",
    ".xlsx": "an Excel workbook (.xlsx)",
    ".pptx": "a PowerPoint presentation (.pptx)",
    ".odt": "an OpenDocument text (.odt)",
    ".ods": "an OpenDocument spreadsheet (.ods)",
    ".odp": "an OpenDocument presentation (.odp)",
}
_OLD_OFFICE = {
    ".doc": "a Word document (.doc)",
    ".xls": "an Excel workbook (.xls)",
    ".ppt": "a PowerPoint presentation (.ppt)",
    ".msg": "an Outlook message (.msg)",
}
_DECLARED = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
}
_WORDS_FOR = {
    Kind.HTML: "a web page (HTML)",
    Kind.RTF: "an RTF document",
    Kind.POSTSCRIPT: "a PostScript document",
    Kind.OOXML: "an Office document",
    Kind.ODF: "an OpenDocument file",
    Kind.OLE: "an Office document of the old kind",
    Kind.ZIP: "a ZIP archive",
    Kind.BMP: "a BMP picture",
    Kind.WEBP: "a WebP picture",
    Kind.HEIF: "a HEIC picture",
}

_PREFIXES: tuple[tuple[bytes, Kind], ...] = (
    (b"II*\0", Kind.TIFF),
    (b"MM\0*", Kind.TIFF),
    (b"II+\0", Kind.TIFF),
    (b"MM\0+", Kind.TIFF),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"\x78\x9f\x3e\x22", Kind.TNEF),
    (b"{\\rtf", Kind.RTF),
    (b"%!PS", Kind.POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", Kind.POSTSCRIPT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLE),
)
_WORDS: tuple[tuple[bytes, Kind], ...] = (
    (b"begin:vcard", Kind.VCARD),
    (b"begin:vcalendar", Kind.CALENDAR),
    (b"-----begin pgp signature-----", Kind.PGP),
    (b"-----begin pkcs7-----", Kind.PKCS7),
    (b"<!doctype html", Kind.HTML),
    (b"<html", Kind.HTML),
)
_TEXT_SUFFIXES = frozenset({".txt", ".text", ".log", ".md", ".csv", ".asc", ".ini", ".eml"})
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""No text has these; tab, line and page feeds, and escape sequences it may have."""


def sniff(head: bytes, name: str = "") -> Kind:
    """The kind of a document from its first `HEAD` bytes.

    >>> sniff(b"%PDF-1.7", "letter.doc"), sniff(b"MZ\\x90\\x00", "letter.pdf")
    (<Kind.PDF: 'application/pdf'>, <Kind.UNKNOWN: 'application/octet-stream'>)
    """
    head = head[:HEAD]
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    # Readers accept a PDF header anywhere in the first 1024 bytes (ISO 32000-1, annex H.3, note 13).
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if (boxed := _boxed(head)) is not None:
        return boxed
    words = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for word, kind in _WORDS:
        if words.startswith(word):
            return kind
    return Kind.TEXT if _is_text(head, name) else Kind.UNKNOWN


def in_words(kind: Kind, name: str = "", declared: str = "") -> str:
    """What a document that is not taken is, for the person who sent it; empty where nobody could tell.

    The bytes say what container it is; which program's document is in it, its name or `declared` type may tell.

    >>> in_words(Kind.ZIP, "offer.docx"), in_words(Kind.ZIP, "all.zip")
    ('a Word document (.docx)', 'a ZIP archive')
    """
    known: dict[str, str] = {}
    if kind in (Kind.ZIP, Kind.OOXML, Kind.ODF):
        known = _OFFICE
    elif kind is Kind.OLE:
        known = _OLD_OFFICE
    suffix = PurePosixPath(name.lower()).suffix
    return known.get(suffix) or known.get(_DECLARED.get(declared, "")) or _WORDS_FOR.get(kind, "")


def _boxed(head: bytes) -> Kind | None:
    """Containers, told by what is in them; DER, told by its object identifier."""
    if head.startswith(b"PK\x03\x04"):
        if b"mimetypeapplication/vnd.oasis.opendocument" in head:
            return Kind.ODF
        return Kind.OOXML if b"[Content_Types].xml" in head or b"_rels/" in head else Kind.ZIP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif"):
        return Kind.HEIF
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return Kind.BMP
    if head.startswith(b"\x30") and b"\x2a\x86\x48\x86\xf7\x0d\x01\x07" in head[:32]:  # 1.2.840.113549.1.7
        return Kind.PKCS7
    return None


def _is_text(head: bytes, name: str) -> bool:
    if not head:
        return False
    if head.startswith(_BOMS):
        return True
    if _CONTROLS.search(head):
        return False
    try:
        # The head may end within a character of up to four bytes.
        head[: max(1, len(head) - 3)].decode() if len(head) >= HEAD else head.decode()
    except UnicodeDecodeError as error:
        if len(head) >= HEAD and error.start >= len(head) - 7:
            return True
    else:
        return True
    # An 8-bit charset: believed where the name says text, or where nearly all of it is ASCII.
    if PurePosixPath(name.lower()).suffix in _TEXT_SUFFIXES:
        return True
    return sum(byte < 0x80 for byte in head) >= 0.7 * len(head)
