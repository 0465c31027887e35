"""What takes the network and its privileges from a process, for good, and from whatever it starts.

Asked for once by the process that forks the sandbox's children, so that it costs no document anything. Each means is
taken where the kernel allows it to us, and `Isolation` says which were:

    no new privileges       prctl(2): no set-user-id program raises anybody
    no capabilities         root keeps one alone, to read and write the files that the gateway hands over, whoever owns
                            them. It does not become `nobody`, who could not: run the gateway as a user of its own
    an empty network        a network namespace; a user that is not root needs one of user ids for it, which some
                            systems and most containers forbid
    no sockets              seccomp(2): only Unix sockets can be made, wherever the kernel is ours to ask

`confine` is for a program that opens what its document names: it leaves it a few folders of the file system and no
other (Landlock, landlock(7), Linux 5.13).
"""

import ctypes
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_V3 = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
"""BPF: load a word of `struct seccomp_data`, compare and jump, return."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # SECCOMP_RET_ERRNO with EACCES
_X32 = 0x40000000
_AF_UNIX = 1


_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
_MAKE_SOCKET = 1 << 9
_OF_LANDLOCK, _REFER, _TRUNCATE = (1 << 13) - 1 - _MAKE_SOCKET, 1 << 13, 1 << 14
"""Accesses to files that its first version knows, and one each that its second and third have added. A Unix socket may
be made anywhere: it holds nothing, and LibreOffice ends where it cannot make one in /tmp."""
_BIND_OR_CONNECT = 3
"""TCP, since the fourth version."""
_OUT_OF_SCOPE = 3
"""Abstract Unix sockets of others, and signals to them, since the sixth."""


@dataclass(frozen=True, slots=True)
class _Machine:
    architecture: int
    socket: int
    denied: tuple[int, ...]
    """ptrace, process_vm_readv, process_vm_writev, io_uring_setup (which can make sockets of its own)."""


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, (101, 310, 311, 425)),
    "aarch64": _Machine(0xC00000B7, 198, (117, 270, 271, 425)),
}


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was had."""

    no_new_privileges: bool = False
    empty_network: bool = False
    no_sockets: bool = False

    @property
    def without_network(self) -> bool:
        return self.empty_network or self.no_sockets

    def __str__(self) -> str:
        means = {
            "no new privileges": self.no_new_privileges,
            "a network namespace": self.empty_network,
            "a filter of system calls": self.no_sockets,
        }
        had = [name for name, held in means.items() if held]
        return ", ".join(had) or "nothing"


def isolate() -> Isolation:
    """Give up the network and all privileges. For a process with one thread."""
    if sys.platform != "linux":
        return Isolation()
    libc = ctypes.CDLL(None, use_errno=True)
    empty_network = _leave_network(libc)
    _drop_capabilities(libc)
    no_new_privileges = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    return Isolation(no_new_privileges, empty_network, no_new_privileges and _forbid_sockets(libc))


def possible() -> Isolation:
    """What `isolate` gets here: tried in a process of its own."""
    tried = subprocess.run(  # noqa: S603  # our own interpreter
        [
            sys.executable,
            "-c",
            f"from dataclasses import astuple; from {__name__} import isolate; print(*astuple(isolate()))",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    had = [word == "True" for word in tried.stdout.split()]
    return Isolation(*had) if len(had) == len(fields(Isolation)) else Isolation()


def can_confine() -> bool:
    """Whether `confine` can do anything here."""
    return _landlock_version() > 0


def confine(readable: Iterable[str | Path], writable: Path) -> None:
    """Leave this process, and what it becomes, these files and folders alone, and nobody to signal. After `isolate`.
    Raises OSError."""
    version = _landlock_version()
    handled = _OF_LANDLOCK | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    asked = struct.pack("QQQ", handled, _BIND_OR_CONNECT, _OUT_OF_SCOPE)[
        : 8 if version < 4 else 16 if version < 6 else 24
    ]
    rules = _landlock(_CREATE_RULESET, asked, len(asked), 0)
    for path in readable:
        if Path(path).is_dir():
            _allow(rules, path, _EXECUTE | _READ_FILE | _READ_DIR)
        elif Path(path).exists():
            _allow(rules, path, _EXECUTE | _READ_FILE | (_WRITE_FILE if Path(path).is_char_device() else 0))
    _allow(rules, writable, handled)
    _landlock(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def _landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)))


def _allow(rules: int, path: str | Path, access: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    _landlock(_ADD_RULE, rules, 1, struct.pack("=Qi", access, opened), 0)
    os.close(opened)


def _landlock(call: int, *args: int | bytes) -> int:
    result = int(ctypes.CDLL(None, use_errno=True).syscall(call, *args))
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


def die_with_parent() -> None:
    """For the time between fork and exec: SIGKILL when whoever forked us ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _leave_network(libc: ctypes.CDLL) -> bool:
    if os.geteuid() == 0:
        # Not within a namespace of user ids: there root could not read what others own.
        return bool(libc.unshare(_CLONE_NEWNET) == 0)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    with suppress(OSError):  # unmapped ids are shown as nobody's, and nothing else is different
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    kept = _CAP_DAC_OVERRIDE if os.geteuid() == 0 else 0
    header = struct.pack("Ii", _CAPABILITIES_V3, 0)
    libc.capset(header, struct.pack("6I", kept, kept, 0, 0, 0, 0))


def _forbid_sockets(libc: ctypes.CDLL) -> bool:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    program = list(_filter(machine))
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0) == 0)


def _filter(machine: _Machine) -> Iterator[tuple[int, int, int, int]]:
    """Code, lines to skip if true, lines to skip if false, operand; the last two lines allow and deny."""
    checks = [_X32, *machine.denied]
    end = len(checks) + 7  # the number of the line that denies
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _EQUAL, 0, end - 2, machine.architecture
    yield _LOAD, 0, 0, _NUMBER
    for line, number in enumerate(checks, 3):
        yield _AT_LEAST if number == _X32 else _EQUAL, end - line - 1, 0, number
    yield _EQUAL, 0, 2, machine.socket
    yield _LOAD, 0, 0, _FIRST_ARGUMENT
    yield _EQUAL, 0, 1, _AF_UNIX
    yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _DENY
