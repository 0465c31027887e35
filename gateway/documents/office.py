"""Office documents to PDF, by LibreOffice: started for each document anew, with a profile of its own.

It runs without network (the sandbox has none), within the processor time of the sandbox and limits of its own, and dies
with whoever started it. Its profile forbids macros, links to other files, and anything active; and because it shows
linked pictures of the disk all the same (RTF's INCLUDEPICTURE), it sees nothing of the disk but its program, fonts and
the folder of its document. That it ends well means nothing: what counts is a PDF with pages. Raises DocumentRefused.
"""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from lzma import LZMAError
from pathlib import Path
from tempfile import mkdtemp

from gateway.documents import refusals
from gateway.documents.installed import office
from gateway.documents.kinds import SUFFIXES, Kind
from gateway.isolation import confine, die_with_parent

WALL = 60.0
"""Seconds for one document."""
MEMORY = 3 << 30
"""Bytes of address space, most of which it never touches: it does not start with one."""
MAX_UNPACKED = 300_000_000
"""Bytes of all files in a document together."""
MAX_FILES = 10_000
_READABLE = (
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/fonts", "/var/cache/fontconfig", "/etc/libreoffice", "/var/lib/libreoffice", "/var/spool/libreoffice",
    "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/proc/meminfo", "/proc/cpuinfo",
)  # fmt: skip
RESTART = 81
"""Its exit code when it has made its profile and wants to be started again."""

_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
%s</oor:items>
"""
_SETTING = """<item oor:path="/org.openoffice.%s"><prop oor:name="%s" oor:op="fuse"><value>%s</value></prop></item>
"""
_FORBIDDING = (
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Common/Security/Scripting", "DisableOLEAutomation", "true"),
    ("Office.Writer/Content/Update", "Link", "0"),
    ("Office.Calc/Content/Update", "Link", "1"),
    ("Office.Common/Misc", "FirstRun", "false"),
    ("Office.Common/Save/Document", "LoadPrinter", "false"),
    ("Setup/Product", "ooSetupLastVersion", "999.9"),
)
"""Links are updated never (Writer 0, Calc 1), macros never run, and what is neither asked nor saved makes no delay. A
newer version was here last: else it paints the trial pictures of an upgrade, which take longer than a letter."""
_SLIDE = re.compile(r"ppt/slides/slide\d+\.xml")
_LOCKED = {
    Kind.DOC: re.compile(rb"\xec\xa5.{9}(?P<flags>.)", re.DOTALL),  # FibBase [MS-DOC] 2.5.2: fEncrypted
    Kind.XLS: re.compile(rb"\x09\x08\x10\0\0\x06.{14}(?:\x86\0\0\0)?\x2f\0", re.DOTALL),  # FilePass [MS-XLS] 2.4.117
    Kind.PPT: re.compile(rb"\x14\0\0\0\xdf\xc4\xd1\xf3"),  # CurrentUserAtom [MS-PPT] 2.3.2: headerToken
}
"""What the old formats have where a password is needed; and others by chance: looked for after a failure only."""
_MANIFEST = 1_000_000
"""Bytes of it that are read, for it could be as long as anything else; a real one has some kilobytes."""
_ENCRYPTED_ODF = re.compile(rb"<manifest:encryption-data\b")


def inspected(source: bytes | Path, kind: Kind, name: str) -> int | None:
    """The pages of a presentation; None of anything else, which only setting it tells. Raises DocumentRefused for what
    is locked, damaged, or would unpack to more than a fax can be."""
    if kind in (Kind.RTF, Kind.DOC, Kind.XLS, Kind.PPT):
        return None
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            files = archive.infolist()
            if len(files) > MAX_FILES or sum(file.file_size for file in files) > MAX_UNPACKED:
                raise refusals.too_large(name, f"it unpacks to more than {MAX_UNPACKED // 1_000_000} MB")
            manifest = next((file for file in files if file.filename == "META-INF/manifest.xml"), None)
            if manifest is not None:
                with archive.open(manifest) as listed:
                    if _ENCRYPTED_ODF.search(listed.read(_MANIFEST)):
                        raise refusals.locked(name)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error, LZMAError) as error:
        raise refusals.broken(name, repr(error)) from error
    slides = sum(1 for file in files if _SLIDE.fullmatch(file.filename))
    return slides or None


def write_pdf(source: bytes | Path, kind: Kind, name: str, pdf: Path) -> None:
    """Write `pdf`; its folder is scratch. Raises DocumentRefused."""
    program = office()
    if program is None:
        raise refusals.not_taken(name, kind)
    folder = Path(mkdtemp(prefix="office-", dir=pdf.parent))
    try:
        document = folder / f"document{SUFFIXES[kind]}"
        if isinstance(source, bytes):
            document.write_bytes(source)
        else:
            shutil.copyfile(source, document)  # for it may see nothing outside this folder
        made = document.with_suffix(".pdf")
        output = _convert(program, folder, document, name)
        if not made.is_file():
            if _is_locked(document.read_bytes(), kind):
                raise refusals.locked(name)
            raise refusals.broken(name, f"LibreOffice made nothing of it: {output!r}")
        made.replace(pdf)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_profile(profile: Path) -> None:
    (profile / "user").mkdir(parents=True)
    settings = "".join(_SETTING % setting for setting in _FORBIDDING)
    (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS % settings)


def _is_locked(data: bytes, kind: Kind) -> bool:
    found = _LOCKED[kind].finditer(data) if kind in _LOCKED else ()
    return any(kind is not Kind.DOC or match["flags"][0] & 1 for match in found)


def _convert(program: Path, folder: Path, document: Path, name: str) -> bytes:
    """What LibreOffice said, if it ended well."""
    profile = folder / "profile"
    make_profile(profile)
    command = [
        str(program), f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore", "--nologo",
        "--nolockcheck", "--nodefault", "--nofirststartwizard", "--convert-to", "pdf", "--outdir", str(folder),
        str(document),
    ]  # fmt: skip
    environment = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",
    }
    for _ in range(2):
        ended, output = _run(command, environment, folder, profile, name)
        if ended != RESTART:
            break
    if ended < 0:
        raise refusals.beyond(name, f"LibreOffice ended by {signal.Signals(-ended).name}")
    if ended:
        raise refusals.broken(name, f"LibreOffice ended with {ended}: {output!r}")
    return output


def _run(
    command: list[str], environment: Mapping[str, str], folder: Path, profile: Path, name: str
) -> tuple[int, bytes]:
    """Its exit code, negative for a signal, and what it said."""
    log = folder / "log"
    with log.open("w+b") as file:
        process = subprocess.Popen(  # noqa: S603  # by its full path
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            preexec_fn=lambda: _limit(folder, Path(command[0])),  # no threads here
        )
        try:
            ended = process.wait(WALL)
        except subprocess.TimeoutExpired as error:
            raise refusals.beyond(name, f"LibreOffice was killed after {WALL:g} s") from error
        finally:
            process.kill()
            process.wait()
            _remove_socket(profile)
            file.seek(0)
            output = file.read(1000)
    return ended, output


def _remove_socket(profile: Path) -> None:
    """The one by which a second LibreOffice would find the first: it may not remove it, and does not start over it."""
    digest = hashlib.md5(profile.as_uri().encode("utf-16-le"), usedforsecurity=False).digest()
    name = "".join(f"{byte:x}" for byte in digest)
    for folder in (Path("/tmp"), Path("/var/tmp")):  # noqa: S108  # it knows no others
        for socket in folder.glob(f"OSL_PIPE_*SingleOfficeIPC_{name}"):
            socket.unlink(missing_ok=True)


def _limit(folder: Path, program: Path) -> None:
    """Done between fork and exec. Processor time and file size are limited as ours are."""
    processor, _ = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))  # it survives SIGXCPU
    die_with_parent()
    confine([*_READABLE, program.parent.parent, f"/proc/{os.getpid()}"], folder)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
