"""An S3 server in a process of its own: moto, on a free port of the loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

BUCKET = "faxes"


@dataclass(frozen=True)
class S3Server:
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, prefix: str, bucket: str = BUCKET) -> str:
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region=us-east-1"


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = S3Server(int(probe.getsockname()[1]))
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(server.port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _make_bucket(server)
        yield server
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def s3_server(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, and credentials for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "faxgate")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return s3_process


def _make_bucket(server: S3Server) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            # The server knows by the signature's scope which of Amazon's services is meant, and does not check it.
            scope = "AWS4-HMAC-SHA256 Credential=faxgate/20260101/us-east-1/s3/aws4_request"
            httpx.put(f"{server.endpoint}/{BUCKET}", headers={"Authorization": scope}).raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
