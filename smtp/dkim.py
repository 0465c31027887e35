"""DKIM signatures verified (RFC 6376, 8301, 8463), in a worker process that has no network: the keys come with the job.

dkimpy canonicalises and hashes; what a key record may say, and the key itself, are read here: dkimpy takes keys of
domains that only test (t=y), hashes that the record forbids (h=), and ed25519 only with another library.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.crypto import UnparsableKeyError, parse_public_key

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
        return PASS if verifier.verify(place) and verifier.good else "the signature is not that of its header"
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
        self.good = True

    def use(self, record: dict[str, str]) -> None:
        """Raises BadKey."""
        self.good = True
        try:
            octets = base64.b64decode("".join(record["p"].split()), validate=True)
            if record.get("k", "rsa").lower() == "ed25519":
                self.pk: Any = _Ed25519(self, Ed25519PublicKey.from_public_bytes(octets))
                self.ktag, self.keysize = b"ed25519", self.minkey
            else:
                self.pk = parse_public_key(octets)
                self.ktag, self.keysize = b"rsa", self.pk["modulus"].bit_length()
        except (binascii.Error, ValueError, UnparsableKeyError, IndexError, KeyError, TypeError) as error:
            raise BadKey("its key cannot be read") from error
        if self.ktag == b"rsa" and not MIN_BITS <= self.keysize <= MAX_BITS:
            raise BadKey(f"its key has {self.keysize} bits")
        if self.ktag == b"rsa" and not 3 <= self.pk["publicExponent"] < MAX_EXPONENT:
            raise BadKey("its key cannot be read")

    def verify_sig(self, sig: Any, include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
        # Not dkimpy's, which fetches the key first.
        return bool(self.verify_sig_process(sig, include_headers, sig_header, dnsfunc))


class _Ed25519:
    """What dkimpy asks of a key. It would look for the errors of another library, so this one does not raise."""

    def __init__(self, verifier: _Verifier, key: Ed25519PublicKey) -> None:
        self._verifier = verifier
        self._key = key

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, digest)
        except InvalidSignature:
            self._verifier.good = False
