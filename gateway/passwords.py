"""Names and passwords of those who log in: how they are written, made, hashed and compared.

Hashing takes some 40 ms of a processor and 19 MiB (argon2id as OWASP has it at the least), so it is done in threads,
two at a time: a flood of logins waits, and does not fill the memory.
"""

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import BadField

MOST_NAME = 254
"""Characters: as long as a mail address may be."""
LEAST_PASSWORD, MOST_PASSWORD = 12, 1024

_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_THREADS = ThreadPoolExecutor(2, "argon2")


def name_of(written: str) -> str:
    """A name as it is compared: in small letters, NFC (RFC 8265 3.3). Raises BadField.

    >>> name_of("Scanner.1@Example.com")
    'scanner.1@example.com'
    """
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", written).lower())
    if not name or len(name) > MOST_NAME or not name.isprintable() or any(one.isspace() for one in name):
        raise BadField("name", f"A name has 1 to {MOST_NAME} printable characters and no spaces.")
    return name


def password_of(written: str) -> str:
    """A password as it is compared (RFC 8265 4.2, OpaqueString): one kind of space, NFC. Raises BadField."""
    spaced = "".join(" " if unicodedata.category(one) == "Zs" else one for one in written)
    password = unicodedata.normalize("NFC", spaced)
    if not password or len(password) > MOST_PASSWORD or any(unicodedata.category(one) == "Cc" for one in password):
        raise BadField("password", f"A password has at most {MOST_PASSWORD} characters, no control characters.")
    return password


def chosen(written: str) -> str:
    """A password that somebody has thought of. Raises BadField where it is too short to withstand guessing."""
    password = password_of(written)
    if len(password) < LEAST_PASSWORD:
        raise BadField("password", f"A password has at least {LEAST_PASSWORD} characters.")
    return password


def generated() -> str:
    """A password that nobody guesses (125 bits), of letters that can be typed at a scanner: groups of five.

    >>> len(generated())
    29
    """
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(5))


async def hashed(password: str) -> str:
    """What is stored of a password, `$argon2id$...`."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


@lru_cache(1)
def nobodys() -> str:
    """A hash to compare with where there is no such name, so that this takes as long."""
    return _HASHER.hash(secrets.token_hex(16))


async def matches(password: str, stored: str) -> bool:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _matches, password, stored)


def _matches(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
