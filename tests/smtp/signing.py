"""Signs mails with DKIM (RFC 6376) as senders' servers do, with real keys; written apart from what verifies them."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNED = ("from", "to", "subject", "date", "message-id")


@dataclass(frozen=True)
class Key:
    algorithm: str
    record: str
    """What stands in the DNS."""
    sign: Callable[[bytes], bytes]


@cache
def rsa_key(bits: int) -> Key:
    private = rsa.generate_private_key(65537, bits)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return Key("rsa-sha256", record, lambda octets: private.sign(octets, padding.PKCS1v15(), SHA256()))


@cache
def ed25519_key() -> Key:
    """RFC 8463: what is signed is the hash, and the record has the bare key."""
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    record = f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"
    return Key("ed25519-sha256", record, lambda octets: private.sign(hashlib.sha256(octets).digest()))


@cache
def short_key() -> Key:
    """RSA of 512 bits, which nobody makes any more: by hand."""
    p = 0xF4C9B733B83F1F9D35B02EE32891459A7777C23BC3E95BE767655FEF1F681EF3
    q = 0xDDC22BB978205A1AE88926082AB6279CFF87F1174326B30D785EC7A0AF48C365
    n, e = p * q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))

    def number(value: int) -> bytes:
        octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(octets)]) + octets

    def sequence(tag: int, inner: bytes) -> bytes:
        return bytes([tag, len(inner)]) + inner

    bare = sequence(0x30, number(n) + number(e))
    public = sequence(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + sequence(0x03, b"\0" + bare))

    def sign(octets: bytes) -> bytes:  # RFC 8017 8.2.1
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(octets).digest()
        padded = b"\0\1" + b"\xff" * (64 - 3 - len(digest)) + b"\0" + digest
        return pow(int.from_bytes(padded, "big"), d, n).to_bytes(64, "big")

    return Key("rsa-sha256", f"v=DKIM1; p={base64.b64encode(public).decode()}", sign)


def signed(
    mail: bytes,
    key: Key,
    domain: str = "example.com",
    selector: str = "s",
    *,
    fields: Sequence[str] = SIGNED,
    relaxed: bool = True,
    at: float | None = None,
    more: str = "",
    algorithm: str = "",
) -> bytes:
    """The mail with a signature on top. `at` is its t=, `more` are further tags as `x=1; l=5;`."""
    header, _, body = mail.partition(b"\r\n\r\n")
    present = [field + b"\r\n" for field in re.split(rb"\r\n(?![ \t])", header)]
    digest = base64.b64encode(hashlib.sha256(_body(body, relaxed=relaxed)).digest()).decode()
    how = "relaxed/relaxed" if relaxed else "simple/simple"
    algorithm, t = algorithm or key.algorithm, int(time.time() if at is None else at)
    tags = f"v=1; a={algorithm}; c={how}; d={domain}; s={selector}; t={t}; {more}"
    start = f"DKIM-Signature: {tags}\r\n\th={':'.join(fields)};\r\n\tbh={digest};\r\n\tb=".encode()
    chosen: list[bytes] = []
    left = list(present)
    for name in fields:  # the lowest of a name first (RFC 6376 5.4.2)
        found = next((one for one in reversed(left) if one.lower().startswith(name.encode() + b":")), None)
        if found is not None:
            left.reverse()
            left.remove(found)
            left.reverse()
            chosen.append(found)
    octets = b"".join(_field(one, relaxed=relaxed) for one in chosen) + _field(start + b"\r\n", relaxed=relaxed)[:-2]
    signature = base64.b64encode(key.sign(octets))
    return start + signature + b"\r\n" + mail


def _field(field: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 3.4.1, 3.4.2."""
    if not relaxed:
        return field
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def _body(body: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 3.4.3, 3.4.4."""
    if relaxed:
        body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    body = re.sub(rb"(?:\r\n)*\Z", b"", body)
    return body + b"\r\n" if body or not relaxed else b""
