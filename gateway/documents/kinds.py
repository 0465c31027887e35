"""What a document is, told by its bytes. A name is only a hint for telling text from the unknown. Pure."""

import mmap
import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path, PurePosixPath

HEAD = 4096
"""How many first bytes tell the kind, or the container."""
TAIL = 256 * 1024
"""How many last bytes of a ZIP archive are searched for the names of its files: those of a few thousand."""


class Kind(StrEnum):
    PDF = "application/pdf"
    TIFF = "image/tiff"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    BMP = "image/bmp"
    WEBP = "image/webp"
    HEIF = "image/heif"
    AVIF = "image/avif"
    TEXT = "text/plain"
    HTML = "text/html"
    RTF = "application/rtf"
    DOC = "application/msword"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    ODT = "application/vnd.oasis.opendocument.text"
    XLS = "application/vnd.ms-excel"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    PPT = "application/vnd.ms-powerpoint"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    ODP = "application/vnd.oasis.opendocument.presentation"
    MAIL = "message/rfc822"
    TNEF = "application/ms-tnef"
    # Recognised, so that a refusal can name them; not faxed.
    VCARD = "text/vcard"
    CALENDAR = "text/calendar"
    PKCS7 = "application/pkcs7-signature"
    PGP = "application/pgp-signature"
    POSTSCRIPT = "application/postscript"
    OUTLOOK = "application/vnd.ms-outlook"
    OOXML = "application/vnd.openxmlformats-officedocument"
    ODF = "application/vnd.oasis.opendocument"
    OLE = "application/x-ole-storage"
    ENCRYPTED = "application/vnd.ms-office-encrypted"
    ZIP = "application/zip"
    UNKNOWN = "application/octet-stream"


SHORT = {
    Kind.PDF: "PDF",
    Kind.TIFF: "TIFF",
    Kind.PNG: "PNG",
    Kind.JPEG: "JPEG",
    Kind.GIF: "GIF",
    Kind.BMP: "BMP",
    Kind.WEBP: "WebP",
    Kind.HEIF: "HEIC",
    Kind.AVIF: "AVIF",
    Kind.TEXT: "plain text",
    Kind.HTML: "HTML",
    Kind.RTF: "RTF",
    Kind.DOC: "DOC",
    Kind.DOCX: "DOCX",
    Kind.ODT: "ODT",
    Kind.XLS: "XLS",
    Kind.XLSX: "XLSX",
    Kind.ODS: "ODS",
    Kind.PPT: "PPT",
    Kind.PPTX: "PPTX",
    Kind.ODP: "ODP",
    Kind.MAIL: "mails (EML)",
    Kind.TNEF: "winmail.dat",
}
"""All that can ever be faxed, in the order in which people are told."""
SUFFIXES = {
    Kind.PDF: ".pdf",
    Kind.TIFF: ".tif",
    Kind.PNG: ".png",
    Kind.JPEG: ".jpg",
    Kind.GIF: ".gif",
    Kind.BMP: ".bmp",
    Kind.WEBP: ".webp",
    Kind.HEIF: ".heic",
    Kind.AVIF: ".avif",
    Kind.TEXT: ".txt",
    Kind.HTML: ".html",
    Kind.RTF: ".rtf",
    Kind.DOC: ".doc",
    Kind.DOCX: ".docx",
    Kind.ODT: ".odt",
    Kind.XLS: ".xls",
    Kind.XLSX: ".xlsx",
    Kind.ODS: ".ods",
    Kind.PPT: ".ppt",
    Kind.PPTX: ".pptx",
    Kind.ODP: ".odp",
    Kind.MAIL: ".eml",
    Kind.TNEF: ".dat",
}
"""What the file of a document without a name is called."""
PICTURES = frozenset({Kind.TIFF, Kind.PNG, Kind.JPEG, Kind.GIF, Kind.BMP, Kind.WEBP, Kind.HEIF, Kind.AVIF})
NEVER_HTML = frozenset(SUFFIXES[kind] for kind in PICTURES) | {".pdf", ".tiff", ".jpeg"}
"""What is called so is no HTML; an Office document may well be."""
WRITER = frozenset({Kind.RTF, Kind.DOC, Kind.DOCX, Kind.ODT})
CALC = frozenset({Kind.XLS, Kind.XLSX, Kind.ODS})
IMPRESS = frozenset({Kind.PPT, Kind.PPTX, Kind.ODP})
OFFICE = WRITER | CALC | IMPRESS
TYPESET = frozenset({Kind.TEXT, Kind.HTML})
CONTAINERS = frozenset({Kind.MAIL, Kind.TNEF})
"""What holds documents."""

_PROMISED = {SUFFIXES[kind]: kind for kind in OFFICE} | {".msg": Kind.OUTLOOK}
_WORDS_FOR = {
    Kind.HTML: "a web page (HTML)",
    Kind.RTF: "an RTF document",
    Kind.DOC: "a Word document (.doc)",
    Kind.DOCX: "a Word document (.docx)",
    Kind.ODT: "an OpenDocument text (.odt)",
    Kind.XLS: "an Excel workbook (.xls)",
    Kind.XLSX: "an Excel workbook (.xlsx)",
    Kind.ODS: "an OpenDocument spreadsheet (.ods)",
    Kind.PPT: "a PowerPoint presentation (.ppt)",
    Kind.PPTX: "a PowerPoint presentation (.pptx)",
    Kind.ODP: "an OpenDocument presentation (.odp)",
    Kind.OUTLOOK: "an Outlook message (.msg)",
    Kind.POSTSCRIPT: "a PostScript document",
    Kind.OOXML: "an Office document",
    Kind.ODF: "an OpenDocument file",
    Kind.OLE: "an Office document of the old kind",
    Kind.ENCRYPTED: "an Office document with a password",
    Kind.ZIP: "a ZIP archive",
}
_CONTAINERS_OF_OFFICE = frozenset({Kind.ZIP, Kind.OOXML, Kind.ODF, Kind.OLE, Kind.UNKNOWN})

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
_TEXT_SUFFIXES = frozenset({".txt", ".text", ".log", ".md", ".csv", ".asc", ".ini", ".htm", ".html"})
_HTML_SUFFIXES = frozenset({".htm", ".html", ".xhtml"})
_MAIL_SUFFIXES = frozenset({".eml", ".mht", ".mhtml"})
_FIELDS = re.compile(rb"(?:(?:From |>From )[^\n]*\n)?(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+(?:\r?\n|\Z)?")
"""The header of a mail (RFC 5322 2.2), or as much of it as the head holds."""
_MIME_FIELD = re.compile(rb"^mime-version[ \t]*:", re.IGNORECASE | re.MULTILINE)
_PARTS_OF: tuple[tuple[bytes, Kind], ...] = (
    (b"word/document", Kind.DOCX),
    (b"xl/workbook", Kind.XLSX),
    (b"ppt/presentation", Kind.PPTX),
)
_STREAMS: tuple[tuple[str, Kind], ...] = (
    ("__properties_version1.0", Kind.OUTLOOK),
    ("EncryptedPackage", Kind.ENCRYPTED),
    ("WordDocument", Kind.DOC),
    ("Workbook", Kind.XLS),
    ("Book", Kind.XLS),
    ("PowerPoint Document", Kind.PPT),
)
"""Streams of a compound file [MS-CFB], in this order: a mail may hold a letter, and a letter a table."""
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""No text has these; tab, line and page feeds, and escape sequences it may have."""


def kind_of(document: bytes | Path, name: str = "") -> Kind:
    """The kind of a document: by its head, and where that is a container, by what is in it."""
    if isinstance(document, bytes):
        return _kind_of(document, name)
    if not document.stat().st_size:
        return Kind.UNKNOWN
    with document.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _kind_of(mapped, name)


def _kind_of(data: bytes | mmap.mmap, name: str) -> Kind:
    kind = sniff(data[:HEAD], name)
    if kind in (Kind.ZIP, Kind.OOXML):
        names = data[-TAIL:]
        if b"[Content_Types].xml" in names:
            return next((known for part, known in _PARTS_OF if part in names), Kind.OOXML)
    if kind is Kind.OLE:
        # Names in a directory entry are UTF-16 and end with a zero; the field holds 64 bytes.
        entries = ((stream.encode("utf-16-le") + b"\0\0", known) for stream, known in _STREAMS)
        return next((known for entry, known in entries if data.find(entry) >= 0), Kind.OLE)
    return kind


def sniff(head: bytes, name: str = "") -> Kind:
    """The kind of a document from its first `HEAD` bytes; of some Office documents only the container.

    >>> sniff(b"%PDF-1.7", "letter.doc"), sniff(b"MZ\\x90\\x00", "letter.pdf")
    (<Kind.PDF: 'application/pdf'>, <Kind.UNKNOWN: 'application/octet-stream'>)
    """
    head = head[:HEAD]
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if not head.startswith(b"%PDF-") and _is_mail(head, name):
        return Kind.MAIL
    # Readers accept a PDF header anywhere in the first 1024 bytes (ISO 32000-1, annex H.3, note 13).
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if (boxed := _boxed(head)) is not None:
        return boxed
    words = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for word, kind in _WORDS:
        if words.startswith(word):
            return kind
    if not _is_text(head, name):
        return Kind.UNKNOWN
    is_html = suffix_of(name) in _HTML_SUFFIXES or (words.startswith(b"<?xml") and b"<html" in words)
    return Kind.HTML if is_html else Kind.TEXT


def _is_mail(head: bytes, name: str) -> bool:
    """A header, and the name of a mail or MIME's own field: a letter may begin with `To: all` too."""
    fields = _FIELDS.match(head)
    if not fields:
        return False
    return suffix_of(name) in _MAIL_SUFFIXES or bool(_MIME_FIELD.search(fields[0]))


def suffix_of(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def listed(kinds: Collection[Kind]) -> str:
    """Kinds that can be faxed, for people.

    >>> listed({Kind.PNG, Kind.PDF, Kind.TEXT})
    'PDF, PNG and plain text'
    """
    *others, last = [words for kind, words in SHORT.items() if kind in kinds]
    return f"{', '.join(others)} and {last}" if others else last


def in_words(kind: Kind) -> str:
    """What a document that is not taken is, for the person who sent it; empty where nobody could tell."""
    return _WORDS_FOR.get(kind, "")


def should_be(kind: Kind, name: str, declared: str) -> Kind | None:
    """The Office document that its name or declared type promises, where the bytes are at most a container.

    >>> should_be(Kind.ZIP, "offer.docx", "").name, should_be(Kind.ZIP, "all.zip", "")
    ('DOCX', None)
    """
    if kind not in _CONTAINERS_OF_OFFICE:
        return None
    by_type = next((office for office in OFFICE if office == declared), None)
    return _PROMISED.get(suffix_of(name), by_type)


def _boxed(head: bytes) -> Kind | None:
    """Containers, told by what is in them; DER, told by its object identifier."""
    if head.startswith(b"PK\x03\x04"):
        if b"mimetypeapplication/vnd.oasis.opendocument" in head:
            found = re.search(
                rb"mimetype(application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation))", head
            )
            return Kind(found[1].decode()) if found else Kind.ODF
        return Kind.OOXML if b"[Content_Types].xml" in head or b"_rels/" in head else Kind.ZIP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head[4:8] == b"ftyp":
        brands = head[8 : min(int.from_bytes(head[:4]), 256)]  # ISO/IEC 14496-12 4.3
        if b"avif" in brands:
            return Kind.AVIF
        if any(brand in brands for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")):
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
    if suffix_of(name) in _TEXT_SUFFIXES:
        return True
    return sum(byte < 0x80 for byte in head) >= 0.7 * len(head)
