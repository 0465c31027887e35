"""The listener's certificate: read again when its files change, so that a renewed one needs no restart.

How it fails: files that cannot be used at the start raise BadCertificateError. Later the certificate that was read
stays in use, and an error is logged once for each state of the files.
"""

import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class BadCertificateError(Exception):
    """The files hold no certificate with its key; the text says which, and what is wrong."""


class Certificate:
    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        """PEM files; the key may be in the certificate's. Raises BadCertificateError."""
        self._certificate = certificate
        self._key = key or certificate
        self._seen = self._stamp()
        self._context = context(self._certificate, self._key)

    def context(self) -> ssl.SSLContext:
        """What to shake hands with now."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._context = context(self._certificate, self._key)
            except BadCertificateError as error:
                log.error("the new certificate cannot be used, the one before stays: %s", error)
            else:
                log.info("certificate read again: %s", self._certificate)
        return self._context

    def _stamp(self) -> Stamp:
        """Changes whenever the files do; empty where one is missing."""
        try:
            files = [path.stat() for path in (self._certificate, self._key)]
        except OSError:
            return ()
        return tuple((file.st_ino, file.st_size, file.st_mtime_ns) for file in files)


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context, TLS 1.2 or later (RFC 8996). Raises BadCertificateError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    try:
        # An empty password: of a key that has one, OpenSSL would ask at the terminal.
        made.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = str(certificate) if key == certificate else f"{certificate}, {key}"
        raise BadCertificateError(f"{names}: {_reason(error)}") from error
    return made


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        known = {"KEY_VALUES_MISMATCH": "the key is not the certificate's"}
        return known.get(error.reason, f"no PEM certificate with a key that has no password ({error.reason or error})")
    return (isinstance(error, OSError) and error.strerror) or str(error)
