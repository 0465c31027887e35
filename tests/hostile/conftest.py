"""A gateway as a process of its own, with little patience; what it is made to need is measured from outside."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import httpx
import pytest

from benchmarks.gateway import DOMAIN, Gateway

PATIENCE = 2
"""Seconds that it waits for a client."""
SENDER = "alice@example.com"
ADMIN_TOKEN = "the-token-of-the-superuser-of-these-tests"
OWN_NUMBER, NUMBER = "+12025550123", "+12025550190"
RECIPIENT = f"{NUMBER}@{DOMAIN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where it listens, and what it is."""

    pid: int
    smtp_port: int
    api_port: int
    token: str
    account: str
    faxbox: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()


class Nameserver:
    """A DNS in which there is nothing; it counts what it is asked."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.asked = 0
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        with suppress(OSError):
            while True:
                asked, peer = self._socket.recvfrom(4096)
                answer = dns.message.make_response(dns.message.from_wire(asked))
                answer.set_rcode(dns.rcode.NXDOMAIN)
                self.asked += 1
                self._socket.sendto(answer.to_wire(), peer)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="package")
def nameserver() -> Iterator[Nameserver]:
    one = Nameserver()
    yield one
    one.close()


@pytest.fixture(scope="package")
def target(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, nameserver: Nameserver) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("gateway")
    shutil.copyfile(sqlite_template, folder / "faxgate.db")
    with serving(folder, nameserver) as one:
        yield one


@contextmanager
def serving(
    folder: Path, nameserver: Nameserver, *roles: str, verbose: bool = False, **settings: str
) -> Iterator[Target]:
    """`faxgate serve` in this folder, with an account and a faxbox."""
    gateway = Gateway(
        folder,
        smtp_idle_seconds=str(PATIENCE),
        api_idle_seconds=str(PATIENCE),
        admin_token=ADMIN_TOKEN,
        trusted_networks="127.0.0.1",
        dns=f"127.0.0.1:{nameserver.port}",
        **settings,
    )
    options = [word for role in roles for word in ("--role", role)] + ["--verbose"] * verbose
    command = [sys.executable, "-m", "gateway.cli", "serve", *options]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, env=gateway.environment, stderr=log)
    try:
        _wait_until_ready(process, folder / "gateway.log")
        yield _furnished(process.pid, gateway)
        assert process.poll() is None, "the gateway did not outlive what was done to it"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(3000):
        if b" gateway: ready" in log.read_bytes():
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise TimeoutError(log.read_text())


def _furnished(pid: int, gateway: Gateway) -> Target:
    url = f"http://127.0.0.1:{gateway.api_port}/v2"
    with httpx.Client(base_url=url, headers={"X-Auth-Token": ADMIN_TOKEN}) as client:

        def put(path: str, **data: object) -> Any:
            answer = client.put(path, json={"data": data})
            assert answer.is_success, answer.text
            return answer.json()["data"]

        account = put("/accounts", name="Acme", domains=[DOMAIN])
        owned = f"/accounts/{account['id']}"
        faxbox = put(f"{owned}/faxboxes", name="Office", smtp_permission_list=[SENDER])
        put(f"{owned}/numbers", number=OWN_NUMBER, faxbox_id=faxbox["id"])
    return Target(
        pid=pid,
        smtp_port=gateway.smtp_port,
        api_port=gateway.api_port,
        token=account["auth_token"],
        account=account["id"],
        faxbox=faxbox["id"],
        folder=gateway.folder,
    )


def peak_of(pid: int | str) -> int:
    """The most memory that it has had in RAM, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    raise ProcessLookupError(pid)


@contextmanager
def bounded(pid: int, *, mebibytes: int, seconds: float) -> Iterator[None]:
    """What happens here makes the process need no more memory than that above what it has, and takes no longer."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    before, began = peak_of(pid), time.monotonic()
    yield
    took, grew = time.monotonic() - began, peak_of(pid) - before
    assert took < seconds, f"took {took:.1f} s"
    assert grew < mebibytes, f"grew by {grew} MiB"
