"""DKIM signatures verified (RFC 6376, 8301, 8463), in a worker process that has no network: the keys come with the job.

dkimpy reads a signature and checks it with an RSA key. What a key record may say, and the key itself, are read here:
dkimpy takes keys of domains that only test (t=y), hashes that the record forbids (h=), and ed25519 only with another
library. What is signed is hashed here, too, in time linear in the size of the mail: dkimpy takes the square, of the
white space in its body and of the number of its fields.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import RSASSA_PKCS1_v1_5_verify, UnparsableKeyError, parse_public_key

from smtp import canonical
from smtp.claims import body_of, fields, signatures_of, tags_of
from smtp.evidence import PASS, Signature

MIN_BITS, MAX_BITS = 1024, 8192
"""Of an RSA key (RFC 8301 3.2); a larger one would only be work."""
MAX_EXPONENT = 1 << 33


class BadKey(Exception):
    """The key proves nothing; the text says why."""


def verify(
    content: bytes | Path, signatures: tuple[Signature, ...], keys: Mapping[int, tuple[str, ...]]
) -> tuple[Signature, ...]:
    """The signatures of a mail, with those that `keys` has records for checked. `keys` goes by their place."""
    octets = content.read_bytes() if isinstance(content, Path) else content
    found = fields(octets) or []
    written = signatures_of(found)
    verifier = _Verifier([[name, value] for name, value in found], octets[body_of(octets) :])
    return tuple(
        replace(one, result=_result(verifier, place, written[place][1], keys[place])) if place in keys else one
        for place, one in enumerate(signatures)
    )


def _result(verifier: "_Verifier", place: int, value: bytes, records: tuple[str, ...]) -> str:
    try:
        verifier.use(_key(records, tags_of(value) or {}))
        return PASS if verifier.verify(place) else "the signature is not that of its header"
    except BadKey as error:
        return str(error)
    except dkim.ValidationError as error:
        changed = str(error).startswith("body hash")
        return "the body has been changed" if changed else f"it is malformed: {error}"[:200]
    except Exception as error:  # what dkimpy does not foresee is the signature's fault
        return f"it cannot be verified: {error!r}"[:200]


def _key(records: tuple[str, ...], signature: dict[str, str]) -> dict[str, str]:
    """The one key record (RFC 6376 3.6.1), if it is good for this signature. Raises BadKey."""
    found = [tags for record in records if (tags := tags_of(record.encode("utf-8", "replace"))) and "p" in tags]
    if len(found) != 1:
        raise BadKey(f"its domain has {len(found) or 'no'} keys of this name")
    (key,) = found
    kind, _, digest = signature.get("a", "").lower().partition("-")
    if key.get("v", "DKIM1") != "DKIM1" or key.get("k", "rsa").lower() != kind:
        raise BadKey("its key is of another kind")
    if not key["p"]:
        raise BadKey("its key was withdrawn")
    if digest not in _words(key.get("h", digest)):
        raise BadKey(f"its key is not for {digest}")
    if {"email", "*"}.isdisjoint(_words(key.get("s", "*"))):
        raise BadKey("its key is not for mail")
    flags = _words(key.get("t", ""))
    if "y" in flags:
        raise BadKey("its domain only tests DKIM (t=y)")
    identity = signature.get("i", "").rpartition("@")[2].lower()
    if "s" in flags and identity and identity != signature.get("d", "").lower():
        raise BadKey("its key is not for names below its domain (t=s)")
    return key


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(":")}


class _Verifier(dkim.DKIM):  # type: ignore[misc]  # dkimpy has no types
    """dkimpy, with the message taken apart already and the key at hand."""

    def __init__(self, headers: list[list[bytes]], body: bytes) -> None:
        super().__init__()
        self.headers, self.body = headers, body
        self._hashes: dict[bytes, bytes] = {}
        self._key: Any = None

    def use(self, record: dict[str, str]) -> None:
        """Raises BadKey."""
        try:
            octets = base64.b64decode("".join(record["p"].split()), validate=True)
            if record.get("k", "rsa").lower() == "ed25519":
                self._key = Ed25519PublicKey.from_public_bytes(octets)
                return
            self._key = parse_public_key(octets)
            bits = self._key["modulus"].bit_length()
        except (binascii.Error, ValueError, UnparsableKeyError, IndexError, KeyError, TypeError) as error:
            raise BadKey("its key cannot be read") from error
        if not MIN_BITS <= bits <= MAX_BITS:
            raise BadKey(f"its key has {bits} bits")
        if not 3 <= self._key["publicExponent"] < MAX_EXPONENT:
            raise BadKey("its key cannot be read")

    def verify_sig(self, sig: Any, include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
        # Not dkimpy's, which fetches the key first. The hash is SHA-256: `smtp.claims` lets no other algorithm through.
        policy = CanonicalizationPolicy.from_c_value(sig.get(b"c", b"simple/simple"))
        if self._body_hash(policy.body_algorithm.name) != base64.b64decode(b"".join(sig[b"bh"].split())):
            raise dkim.ValidationError("body hash mismatch")
        header = hashlib.sha256()
        # From once more than it is signed: none may have been added (RFC 6376 8.15).
        signed = [*_selected(self.headers, [*include_headers, b"from"])]
        for name, value in policy.canonicalize_headers(signed):
            header.update(name + b":" + value)
        # The signature's own field comes last, less its value and the end of its line (3.7).
        [(name, value)] = policy.canonicalize_headers([[sig_header[0], dkim.RE_BTAG.sub(rb"\1", sig_header[1])]])
        header.update(name + b":" + value.rstrip())
        return self._signed(header, base64.b64decode(b"".join(sig[b"b"].split())))

    def _body_hash(self, canonicalization: bytes) -> bytes:
        """Once for all signatures that have it so."""
        if canonicalization not in self._hashes:
            form = canonical.relaxed if canonicalization == b"relaxed" else canonical.simple
            self._hashes[canonicalization] = hashlib.sha256(form(self.body)).digest()
        return self._hashes[canonicalization]

    def _signed(self, header: Any, signature: bytes) -> bool:
        if not isinstance(self._key, Ed25519PublicKey):
            return bool(RSASSA_PKCS1_v1_5_verify(header, signature, self._key))
        try:
            self._key.verify(signature, header.digest())
        except InvalidSignature:
            return False
        return True


def _selected(headers: Iterable[list[bytes]], names: Iterable[bytes]) -> Iterable[list[bytes]]:
    """The fields that are signed: of those of a name the last one first (RFC 6376 5.4.2)."""
    left: dict[bytes, list[list[bytes]]] = {}
    for field in headers:
        left.setdefault(field[0].lower(), []).append(field)
    return (left[name].pop() for name in names if left.get(name))
