"""Mails for the tests, and the smallest documents that are real."""

import struct
import zlib
from email.message import EmailMessage
from email.policy import SMTP


def pdf(pages: int = 1, *, filler: bytes = b"") -> bytes:
    """A PDF with empty pages; `filler` makes it larger."""
    kids = " ".join(f"{number + 3} 0 R" for number in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode(),
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"] * pages,
        b"<</Length %d>>stream\n%s\nendstream" % (len(filler), filler),
    ]
    made = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj%s endobj\n" % (number, body)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    made += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(made)


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def written(text: str = "Please see attached.\n") -> EmailMessage:
    """A mail without attachments."""
    message = EmailMessage()
    message["From"] = "Alice <alice@example.com>"
    message["To"] = "+15551234567@fax.example.com"
    message["Subject"] = "Contract"
    message["Message-ID"] = "<1@example.com>"
    message["Date"] = "Mon, 23 Nov 2026 10:00:00 +0000"
    message.set_content(text)
    return message


def with_pdf(pages: int = 1, *, name: str = "contract.pdf", filler: bytes = b"") -> EmailMessage:
    message = written()
    message.add_attachment(pdf(pages, filler=filler), maintype="application", subtype="pdf", filename=name)
    return message


def octets(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=SMTP)
