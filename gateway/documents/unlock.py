"""A PDF with a password becomes the same without one, so that the password itself need be kept nowhere.

Belongs into the sandbox. Raises DocumentRefused for a password that does not open it.
"""

import warnings
from io import BytesIO
from pathlib import Path

import pikepdf

from gateway.documents import refusals


def unlock(document: Path, name: str, password: str) -> None:
    """The same for a file, in its place."""
    document.write_bytes(unlocked(document.read_bytes(), name, password))


def unlocked(document: bytes, name: str, password: str) -> bytes:
    """The PDF without its password; as it is where it has none, and where it is too broken to tell."""
    try:
        with _opened(document, password) as pdf:
            if not pdf.is_encrypted:
                return document
            plain = BytesIO()
            # Not decoding: a document may decode to any size.
            pdf.save(plain, encryption=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
            return plain.getvalue()
    except pikepdf.PasswordError as error:
        raise refusals.encrypted(name, password) from error
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, RecursionError):
        return document


def _opened(document: bytes, password: str) -> pikepdf.Pdf:
    """Raises what pikepdf does."""
    # Before PDF 2.0 a password was in PDFDocEncoding, which is Latin-1 where passwords are (ISO 32000-1, 7.6.3.3).
    for written in (password, password.encode("latin-1", "replace")):
        try:
            with warnings.catch_warnings(action="ignore"):  # of a password that was not needed
                return pikepdf.open(BytesIO(document), password=written)
        except pikepdf.PasswordError:
            if password.isascii() or isinstance(written, bytes):
                raise
    raise AssertionError("unreachable")
