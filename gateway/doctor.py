"""`faxgate doctor`: what the gateway needs, whether it is there, and how to get it."""

import asyncio
import ctypes
import errno
import os
import platform
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway import doctor_smtp, doctor_trust
from gateway.building import build_documents, build_lines, build_mailer, build_texter, sender_of
from gateway.documents.installed import about_office, office
from gateway.errors import FaxgateError
from gateway.finding import Finding
from gateway.isolation import possible
from gateway.mail import SmtpMailer
from gateway.safety import warnings
from gateway.settings import BadSettingsError, Settings, host_and_port
from gateway.store import erasures
from gateway.store.engine import Store
from gateway.urls import shown


@dataclass(frozen=True, slots=True)
class Library:
    """A system library that no Python package carries."""

    soname: str
    package: str
    """Debian's and Ubuntu's name of its package."""
    later_package: str
    """The same since their change to 64-bit time (Debian 13, Ubuntu 24.04)."""
    needed_for: str


LIBRARIES = (
    Library("libspandsp.so.2", "libspandsp2", "libspandsp2t64", "the embedded line loopback://"),
    Library("libpango-1.0.so.0", "libpango-1.0-0", "libpango-1.0-0", "faxing plain text"),
    Library("libpangoft2-1.0.so.0", "libpangoft2-1.0-0", "libpangoft2-1.0-0", "faxing plain text"),
    Library("libharfbuzz-subset.so.0", "libharfbuzz-subset0", "libharfbuzz-subset0", "faxing plain text"),
)


FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", str(Path.home() / ".fonts"))
FONT_PACKAGE = "fonts-dejavu-core"
RELAY_SECONDS = 10
OFFICE_PACKAGES = "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
"""For those who want it: it is large, and nothing else needs it."""


def missing_packages() -> list[str]:
    """The system packages to install, as Debian or Ubuntu call them."""
    later = _has_later_names()
    missing = [
        library.later_package if later else library.package for library in LIBRARIES if not _loads(library.soname)
    ]
    if not _has_fonts():
        missing.append(FONT_PACKAGE)
    return missing


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, with the very parts that `serve` starts."""
    return [
        Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()}; 3.11 or newer is needed"),
        *_libraries(),
        _isolation(),
        _data_dir(settings),
        *[finding async for finding in _database(settings)],
        *_addresses(settings),
        *_parts(settings),
        *[finding async for finding in _relay(settings)],
        *[finding async for finding in _lines(settings)],
        *[finding async for finding in doctor_smtp.examine(settings)],
        *[finding async for finding in doctor_trust.examine(settings)],
        *(Finding(warned.name, ok=True, text=warned.text, safe=False) for warned in warnings(settings)),
    ]


def _libraries() -> Iterator[Finding]:
    later = _has_later_names()
    for library in LIBRARIES:
        if _loads(library.soname):
            yield Finding(library.soname, ok=True, text=f"found, for {library.needed_for}")
        else:
            package = library.later_package if later else library.package
            yield Finding(library.soname, ok=False, text=f"for {library.needed_for}: apt-get install {package}")
    yield Finding("fonts", _has_fonts(), f"for faxing plain text; Debian's package is {FONT_PACKAGE}")
    well, text = about_office()
    yield Finding("LibreOffice", well, text if office() else f"{text}; Debian's packages are {OFFICE_PACKAGES}")


def _isolation() -> Finding:
    """What is taken from the processes that open documents."""
    had = possible()
    lacking = "" if had.without_network else ": a document that takes its process over could reach the network"
    return Finding("documents' isolation", had.without_network, f"{had}{lacking}")


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _has_fonts() -> bool:
    return any(next(Path(folder).rglob("*.[to]tf"), None) for folder in FONTS if Path(folder).is_dir())


def _has_later_names() -> bool:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return False
    version = tuple(int(part) for part in system.get("VERSION_ID", "0").split(".") if part.isdigit())
    return version >= {"debian": (13,), "ubuntu": (24, 4)}.get(system.get("ID", ""), (10**6,))


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding("data dir", ok=False, text=f"{existing} cannot be written by this user (FAXGATE_DATA_DIR)")
    return Finding("data dir", ok=True, text=str(folder))


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        store = await Store.open(settings.database)
    except FaxgateError as error:
        yield Finding("database", ok=False, text=f"FAXGATE_DATABASE_URL: {error}")
        return
    try:
        async with store.read() as connection:
            stuck = await erasures.stuck(connection)
    finally:
        await store.close()
    yield Finding("database", ok=True, text="SQLite, for one host" if store.sqlite else "PostgreSQL")
    if stuck is not None:
        yield Finding("removed documents", ok=False, text=_not_erased(stuck))


def _not_erased(stuck: erasures.Stuck) -> str:
    first = stuck.first
    of = f" of fax {first.fax_id}" if first.fax_id else ""
    return (
        f"{stuck.documents} of them could not be erased from the documents store: the first {first.key}{of}, removed "
        f"{first.since:%Y-%m-%d %H:%M} UTC, tried {first.attempts} times: {first.error}. Mend that (permissions, the "
        f"rights of the bucket); it is tried again at {first.due_at:%Y-%m-%d %H:%M} UTC"
    )


def _addresses(settings: Settings) -> Iterator[Finding]:
    for variable, address in (
        ("FAXGATE_SMTP_LISTEN", settings.smtp_listen),
        ("FAXGATE_SMTPS_LISTEN", settings.smtps_listen),
        ("FAXGATE_LMTP_LISTEN", settings.lmtp_listen),
        ("FAXGATE_API_LISTEN", settings.api_listen),
    ):
        if not address:
            continue
        host, port = host_and_port(address)
        try:
            with socket.create_server((host, port)):
                yield Finding(variable, ok=True, text=f"{address} is free")
        except OSError as error:
            # A gateway that runs has it, which is as it should be.
            taken = error.errno == errno.EADDRINUSE
            why = "in use, by a running gateway or by something else" if taken else str(error.strerror)
            yield Finding(variable, ok=taken, text=f"{address}: {why}")


def _parts(settings: Settings) -> Iterator[Finding]:
    for variable, build in (
        ("FAXGATE_DOCUMENTS_URL", build_documents),
        ("FAXGATE_MAIL_URL", build_mailer),
        ("FAXGATE_SMS_URL", build_texter),
    ):
        try:
            build(settings)
        except (BadSettingsError, OSError) as error:
            yield Finding(variable, ok=False, text=str(error))
        else:
            yield Finding(variable, ok=True, text=shown(getattr(settings, variable.split("_")[1].lower())) or "none")


async def _relay(settings: Settings) -> AsyncIterator[Finding]:
    """What only the relay can say: a name, a certificate or a password that is wrong, and whom it does not know."""
    try:
        mailer = build_mailer(settings)
    except (BadSettingsError, OSError):
        return  # a finding of its own
    if not isinstance(mailer, SmtpMailer):
        return
    try:
        async with asyncio.timeout(RELAY_SECONDS):
            problem = await mailer.examine(sender_of(settings), settings.operator)
    except TimeoutError:
        problem = f"it has not answered in {RELAY_SECONDS} seconds"
    yield Finding("relay", ok=not problem, text=problem or f"takes mail of {sender_of(settings)}")


async def _lines(settings: Settings) -> AsyncIterator[Finding]:
    try:
        lines = build_lines(settings)
    except BadSettingsError as error:
        yield Finding("FAXGATE_LINES", ok=False, text=str(error))
        return
    for line in lines:
        status = await line.examine()
        text = status.problem or f"{status.free} calls at a time can be made"
        yield Finding(f"line {line.name}", status.available, text)
