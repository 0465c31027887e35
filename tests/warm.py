"""Forking servers of the sandbox that are there in milliseconds: forks of one process that has imported, once, what
each of them would need a second and more for.

From the fork on they are as ever (`gateway.sandboxed.serve`). That they start from nothing is for `test_sandbox`, and
for whatever runs `faxgate` as a process.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from gateway.sandbox import environment
from gateway.sandboxed import serve


class WarmServers:
    """`boot` is a `gateway.sandbox.Boot`."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def boot(self, control: socket.socket, preload: Sequence[str]) -> "Forked":
        socket.send_fds(self._link, [json.dumps(list(preload)).encode()], [control.fileno()])
        _, [process], _, _ = socket.recv_fds(self._link, 1, 1)
        return Forked(process)

    def close(self) -> None:
        self._link.close()
        self._process.wait()


class Forked:
    """A process that is not our child, known by its pidfd (pidfd_open(2))."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self) -> None:
        select.select([self._descriptor], [], [])
        os.close(self._descriptor)


def fork_servers(link: socket.socket) -> None:
    """One for each control socket that comes on `link`, until that closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they have ended
    while True:
        message, descriptors, _, _ = socket.recv_fds(link, 4096, 1)
        if not message:
            return
        [control], preload = descriptors, json.loads(message)
        for name in preload:
            module = importlib.import_module(name)
            if hasattr(module, "warm_up"):
                module.warm_up()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            link.close()
            os.setsid()
            serve(control, preload)
            os._exit(0)
        os.close(control)
        forked = os.pidfd_open(pid)
        socket.send_fds(link, [b"."], [forked])
        os.close(forked)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as link:
        fork_servers(link)
