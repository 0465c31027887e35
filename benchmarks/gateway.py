"""A gateway to be measured: `faxgate serve` as one process or several, on a folder and ports of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOMAIN = "fax.example.com"
PATIENCE = 20.0
"""Seconds for all processes to be ready."""


class Gateway:
    """Its settings and its processes, which can be killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """`settings` are named as in `gateway.settings`, and go before those that are set here."""
        self.folder = folder
        self.smtp_port, self.api_port = free_port(), free_port()
        ours = {
            "data_dir": str(folder),
            "smtp_listen": f"127.0.0.1:{self.smtp_port}",
            "api_listen": f"127.0.0.1:{self.api_port}",
            "smtp_hostname": DOMAIN,
            **settings,
        }
        # Whatever is set for the gateway of this machine is not for this one.
        others = {name: value for name, value in os.environ.items() if not name.startswith("FAXGATE_")}
        self.environment = {**others, **{f"FAXGATE_{name.upper()}": value for name, value in ours.items()}}
        self.processes: list[asyncio.subprocess.Process] = []
        self._log_begins = 0

    @property
    def log(self) -> Path:
        """What all processes write, in one file."""
        return self.folder / "gateway.log"

    async def start(self, *roles: str, module: Sequence[str] = ("gateway.cli", "serve")) -> None:
        """Start one more process, with all roles if none is named. Does not wait for it."""
        if not self.processes:
            self._log_begins = self.log.stat().st_size if self.log.exists() else 0
        options = [word for role in roles for word in ("--role", role)]
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *module, *options, env=self.environment, stderr=log
            )
        self.processes.append(process)

    async def up(self) -> None:
        """Wait until every process is ready."""
        for _ in range(int(PATIENCE / 0.02)):
            with self.log.open("rb") as log:
                log.seek(self._log_begins)
                ready = log.read().count(b" gateway: ready")
            if ready >= len(self.processes):
                return
            if any(process.returncode is not None for process in self.processes):
                break
            await asyncio.sleep(0.02)
        raise SystemExit(f"the gateway did not start: see {self.log}")

    async def kill(self) -> None:
        for process in self.processes:
            process.kill()
        await self._ended()

    async def stop(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        await self._ended()

    async def _ended(self) -> None:
        for process in self.processes:
            await process.wait()
        self.processes.clear()

    async def command(self, *arguments: str) -> Any:
        """What `faxgate ARGUMENTS` prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"faxgate {' '.join(arguments)} failed")
        return json.loads(output)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
