# ruff: noqa: ASYNC110, ASYNC220 - a test waits for what another process does to the file system
"""The sandbox: what a target may do, and what becomes of one that does more."""

import asyncio
import errno
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway import unpickling
from gateway.errors import BadField, DocumentRefused, OurTrouble
from gateway.isolation import can_confine, confine, possible
from gateway.sandbox import DOCUMENT, RECYCLE, Limits, Sandbox
from tests.warm import WarmServers

MIB = 1 << 20


def double(value: bytes) -> bytes:
    return value * 2


def pid() -> int:
    return os.getpid()


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    sys.exit(0)


def spin() -> None:
    while True:
        pass


def nap(seconds: float) -> None:
    time.sleep(seconds)


def mark_and_nap(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def eat_memory() -> int:
    return len(bytearray(3 << 30))


def fill_disk(path: str) -> None:
    with Path(path).open("wb") as file:
        file.writelines(bytes(MIB) for _ in range(100))


def killed_from_outside() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def divide(by: int) -> float:
    return 1 / by


def refuse() -> None:
    raise BadField("to.number", "That is no number.", detail="it has letters")


def fds() -> list[str]:
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]


@pytest.fixture
async def sandbox(warm: WarmServers) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=2, preload=(__name__,), boot=warm.boot)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


async def gone(process: int) -> bool:
    for _ in range(200):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.01)
    return False


async def written(path: Path) -> int:
    while not path.exists() or not path.read_text():
        await asyncio.sleep(0.01)
    return int(path.read_text())


async def test_result_larger_than_any_pipe(sandbox: Sandbox) -> None:
    assert await sandbox.run(double, b"x" * 3 * MIB) == b"x" * 6 * MIB
    assert await sandbox.quick(double, b"y" * 3 * MIB) == b"y" * 6 * MIB


async def test_run_forks_a_child_each_and_quick_keeps_its_children(sandbox: Sandbox) -> None:
    assert len({await sandbox.run(pid) for _ in range(4)} | {os.getpid()}) == 5
    assert len({await sandbox.quick(pid) for _ in range(20)}) <= 2


async def test_quick_costs_well_under_a_millisecond(sandbox: Sandbox) -> None:
    await sandbox.quick(double, b"warm")
    times = []
    for _ in range(100):
        begun = time.perf_counter()
        await sandbox.quick(double, b"x" * 10_000)
        times.append(time.perf_counter() - begun)
    assert sorted(times)[10] < 0.001  # the machine may be busy with other things now and then


async def test_quick_children_are_recycled(sandbox: Sandbox) -> None:
    pids = [await sandbox.quick(pid) for _ in range(2 * RECYCLE + 10)]
    assert len(set(pids)) > 2


@pytest.mark.parametrize("way", ["run", "quick"])
async def test_errors_of_ours_come_back_as_themselves(sandbox: Sandbox, way: str) -> None:
    with pytest.raises(BadField, match=r"^That is no number\.$") as caught:
        await getattr(sandbox, way)(refuse)
    assert (caught.value.field, caught.value.detail) == ("to.number", "it has letters")


@pytest.mark.parametrize("way", ["run", "quick"])
async def test_other_exceptions_are_our_trouble_with_the_traceback(sandbox: Sandbox, way: str) -> None:
    with pytest.raises(OurTrouble) as caught:
        await getattr(sandbox, way)(divide, 0)
    assert "ZeroDivisionError" in caught.value.detail
    assert "return 1 / by" in caught.value.detail


@pytest.mark.parametrize("way", ["run", "quick"])
@pytest.mark.parametrize(("target", "why"), [(crash, "SIGSEGV"), (leave, "exited"), (eat_memory, "MemoryError")])
async def test_who_breaks_down_is_refused(sandbox: Sandbox, way: str, target: object, why: str) -> None:
    with pytest.raises(DocumentRefused, match="within the limits") as caught:
        await getattr(sandbox, way)(target)
    assert why in caught.value.detail
    assert await sandbox.quick(double, b"a") == b"aa", "and the next job finds a child"


async def test_processor_time_ends(sandbox: Sandbox) -> None:
    with pytest.raises(DocumentRefused) as caught:
        await sandbox.run(spin, limits=Limits(cpu=1, wall=20))
    assert "SIGXCPU" in caught.value.detail


async def test_time_ends(sandbox: Sandbox) -> None:
    begun = time.perf_counter()
    with pytest.raises(DocumentRefused) as caught:
        await sandbox.run(nap, 20.0, limits=Limits(wall=0.3))
    assert "0.3 s" in caught.value.detail
    with pytest.raises(TimeoutError):
        await sandbox.quick(spin, wall=0.2)
    assert time.perf_counter() - begun < 15
    assert await sandbox.quick(double, b"a") == b"aa"


async def test_files_are_bounded(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused):
        await sandbox.run(fill_disk, str(tmp_path / "big"), limits=Limits(file_size=5 * MIB))
    assert (tmp_path / "big").stat().st_size == 5 * MIB


async def test_no_more_children_than_allowed(sandbox: Sandbox) -> None:
    begun = time.perf_counter()
    await asyncio.gather(*(sandbox.run(nap, 0.3) for _ in range(4)))
    assert time.perf_counter() - begun >= 0.6


@pytest.mark.parametrize("way", ["run", "quick"])
async def test_cancelling_kills_the_child(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    mark = tmp_path / "pid"
    options = {} if way == "run" else {"wall": 50}
    task = asyncio.create_task(getattr(sandbox, way)(mark_and_nap, str(mark), **options))
    child = await written(mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(child)
    assert await sandbox.quick(double, b"a") == b"aa"


@pytest.fixture
async def from_nothing() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=2, preload=(__name__,))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


async def test_children_hold_nothing_of_the_gateway(from_nothing: Sandbox) -> None:
    for held in (await from_nothing.run(fds), await from_nothing.quick(fds)):
        assert sum(name.startswith("socket:") for name in held) == 1
        assert not any(name.startswith("pipe:") for name in held)


async def test_stopping_kills_what_runs(tmp_path: Path) -> None:
    sandbox = Sandbox(preload=(__name__,))
    await sandbox.start()
    mark = tmp_path / "pid"
    task = asyncio.create_task(sandbox.run(mark_and_nap, str(mark)))
    child = await written(mark)
    await sandbox.stop()
    with pytest.raises(OurTrouble):
        await task
    assert await gone(child)
    with pytest.raises(OurTrouble, match="stopped"):
        await sandbox.run(pid)


def environment() -> dict[str, str]:
    return dict(os.environ)


async def test_children_know_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAXGATE_ADMIN_TOKEN", "secret")
    sandbox = Sandbox(preload=())
    await sandbox.start()
    assert "secret" not in (await sandbox.run(environment)).values()
    await sandbox.stop()


def parent() -> int:
    return os.getppid()


async def test_a_dead_server_is_replaced(from_nothing: Sandbox) -> None:
    first = await from_nothing.run(parent)
    os.kill(first, signal.SIGKILL)
    assert await gone(first)
    assert await from_nothing.run(parent) != first
    assert await from_nothing.quick(parent) != first


async def test_a_quick_child_that_died_idle_is_replaced(sandbox: Sandbox) -> None:
    for child in {await sandbox.quick(pid) for _ in range(10)}:
        os.kill(child, signal.SIGKILL)
        assert await gone(child)
    await asyncio.sleep(0.05)  # for the reports of their ends
    assert await sandbox.quick(double, b"a") == b"aa"


async def test_a_server_that_cannot_start_says_so() -> None:
    sandbox = Sandbox(preload=("gateway.no_such_module",))
    with pytest.raises(OurTrouble, match="could not be started"):
        await sandbox.start()
    await sandbox.stop()


SCRIPT = """
import asyncio, sys
from gateway.isolation import can_confine, confine, possible
from gateway.sandbox import Limits, Sandbox
from MODULE import mark_and_nap
print("main ran", flush=True)
async def main():
    sandbox = Sandbox(preload=())
    await sandbox.start()
    await asyncio.gather(sandbox.run(mark_and_nap, sys.argv[1]), sandbox.quick(mark_and_nap, sys.argv[2], wall=50))
asyncio.run(main())
"""


async def test_killing_the_gateway_ends_the_children_and_main_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # no `if __name__ == "__main__"`: were it imported again, it would start again
    script.write_text(SCRIPT.replace("MODULE", __name__))
    marks = [tmp_path / "one", tmp_path / "two"]
    with subprocess.Popen(
        [sys.executable, script, *marks],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as gateway:
        children = [await written(mark) for mark in marks]
        gateway.kill()
        output, _ = gateway.communicate()
    assert output == b"main ran\n"
    for child in children:
        assert await gone(child)


def test_document_limits_leave_room_for_pdfium() -> None:
    assert DOCUMENT.memory >= 1 << 30


async def test_a_ready_child_that_was_killed_costs_nobody_anything(sandbox: Sandbox) -> None:
    for _ in range(3):
        os.kill(await sandbox.quick(pid), signal.SIGKILL)
        assert await sandbox.quick(double, b"x") == b"xx"


async def test_a_child_that_is_killed_from_outside_says_nothing_about_its_document(sandbox: Sandbox) -> None:
    with pytest.raises(OurTrouble, match="killed from outside"):
        await sandbox.run(killed_from_outside)


def network() -> dict[str, str]:
    """What becomes of asking for the network."""
    found = {}
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
        try:
            with socket.socket(family):
                found[family.name] = "made"
        except OSError as error:
            found[family.name] = errno.errorcode[error.errno or 0]
    others = [line.split(":")[0].strip() for line in Path("/proc/self/net/dev").read_text().splitlines()[2:]]
    return found | {"devices": " ".join(sorted(name for name in others if name != "lo" and "ifb" not in name))}


def privileges() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("way", ["run", "quick"])
async def test_children_have_no_network(from_nothing: Sandbox, way: str) -> None:
    found = await getattr(from_nothing, way)(network)
    devices = found.pop("devices")
    assert set(found.values()) == {"EACCES"}, "the filter of system calls holds wherever we run"
    assert not devices or not possible().empty_network


@pytest.mark.parametrize("way", ["run", "quick"])
async def test_children_have_no_privileges(from_nothing: Sandbox, way: str) -> None:
    status = await getattr(from_nothing, way)(privileges)
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == (2 if os.geteuid() == 0 else 0)
    assert status["Seccomp"] == "2"


def start_and_nap(path: str, how: str) -> None:
    """Start a program that would go on, tell its number, and end in some way."""
    program = subprocess.Popen(["sleep", "60"])
    Path(path).write_text(str(program.pid))
    match how:
        case "returns":
            return
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "spins":
            spin()
        case "naps":
            time.sleep(60)


@pytest.mark.parametrize("how", ["returns", "crashes", "spins", "naps", "is cancelled"])
async def test_what_a_child_started_ends_with_it(sandbox: Sandbox, tmp_path: Path, how: str) -> None:
    mark = tmp_path / "pid"
    limits = Limits(cpu=1, wall=60 if how == "is cancelled" else 2)
    task = asyncio.create_task(
        sandbox.run(start_and_nap, str(mark), how.replace("is cancelled", "naps"), limits=limits)
    )
    program = await written(mark)
    if how == "is cancelled":
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await gone(program)


async def test_the_end_of_the_server_ends_what_its_children_started(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    task = asyncio.create_task(sandbox.run(start_and_nap, str(mark), "naps"))
    program = await written(mark)
    await sandbox.stop()
    await asyncio.gather(task, return_exceptions=True)
    assert await gone(program)


def look_around(folder: Path, elsewhere: Path) -> list[str]:
    """What a confined process may do with files."""
    confine(["/usr", "/bin", "/lib", "/lib64", "/dev/null", "/nowhere"], folder)
    ways: dict[str, Callable[[], object]] = {
        "reads its own": lambda: (folder / "file").read_text(),
        "writes its own": lambda: (folder / "new").write_text("x"),
        "renames its own": lambda: (folder / "new").rename(folder / "newer"),
        "runs programs": lambda: subprocess.run(["true"], check=True),
        "signals others": lambda: os.kill(os.getppid(), 0),
        "reads others": lambda: (elsewhere / "file").read_text(),
        "lists others": lambda: list(elsewhere.iterdir()),
        "writes others": lambda: (elsewhere / "new").write_text("x"),
        "empties others": lambda: os.truncate(elsewhere / "file", 0),
        "removes others": lambda: (elsewhere / "file").unlink(),
        "takes others in": lambda: (elsewhere / "file").rename(folder / "taken"),
        "programs read others": lambda: subprocess.run(["cat", elsewhere / "file"], check=True, capture_output=True),
    }
    can = []
    for name, way in ways.items():
        with suppress(OSError, subprocess.CalledProcessError):
            way()
            can.append(name)
    return can


@pytest.mark.skipif(not can_confine(), reason="this kernel has no Landlock")
async def test_a_confined_process_has_its_folder_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in ("own", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("words")
    # Scopes came with the sixth version of Landlock (Linux 6.12), and may be missing.
    can = await sandbox.run(look_around, tmp_path / "own", tmp_path / "others")
    assert [what for what in can if what != "signals others"] == [
        "reads its own",
        "writes its own",
        "renames its own",
        "runs programs",
    ]
    assert (tmp_path / "others" / "file").read_text() == "words"


async def test_what_is_forked_from_has_one_thread_still_when_it_is_warm() -> None:
    """Another thread's locks would be held for ever in what is forked."""
    sandbox = Sandbox(children=1, quick=0)
    await sandbox.start()
    server = await sandbox.run(os.getppid)
    assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1
    await sandbox.stop()


class _Acts:
    """What runs a function of its choice where it is unpickled freely."""

    def __init__(self, target: object, *args: object) -> None:
        self._what = target, args

    def __reduce__(self) -> Any:
        return self._what


def _answers_with_an_act(marker: Path) -> object:
    return _Acts(Path.touch, marker)


def _answers_with_a_call(marker: Path) -> object:
    return _Acts(os.mkdir, str(marker))


@pytest.mark.parametrize("target", [_answers_with_an_act, _answers_with_a_call])
async def test_what_a_worker_answers_does_nothing_here(
    sandbox: Sandbox, tmp_path: Path, target: Callable[[Path], object]
) -> None:
    with pytest.raises(OurTrouble) as raised:
        await sandbox.run(target, tmp_path / "done")
    assert "nothing that a worker answers with" in raised.value.detail
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    "global_",
    [
        "os\nsystem",
        "gateway.sandbox\nos.system",
        "gateway.sandbox\nsubprocess",
        "builtins\neval",
        "gateway.sandbox\nSandbox",
    ],
)
def test_names_that_lead_elsewhere_are_refused(global_: str) -> None:
    module, name = global_.split("\n")
    packed = b"\x80\x04" + b"".join(bytes([0x8C, len(word)]) + word.encode() for word in (module, name)) + b"\x93."
    with pytest.raises(pickle.UnpicklingError, match="nothing that a worker answers with"):
        unpickling.loads(packed)
