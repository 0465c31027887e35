"""What proves a sender, read in worker processes: the same as here, and not refused because the machine is busy."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.errors import OurTrouble
from gateway.resolver import Resolver
from gateway.sandbox import Sandbox
from smtp.client import Client
from smtp.proving import Prover
from smtp.workers import SandboxedWorkers
from tests.nameserver import NameServer, serving
from tests.smtp.clinic import dkim, publish
from tests.smtp.here import Here
from tests.warm import WarmServers

CLIENT = Client(host="127.0.0.5", peer="127.0.0.5:25", helo="mail.example.com")


@pytest.fixture
async def sandbox(warm: WarmServers) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, preload=("smtp.claims", "smtp.dkim", "smtp.spf"), boot=warm.boot)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    async with serving() as server:
        publish(server)
        yield server


@pytest.mark.parametrize("seconds", [5.0, 1e-9], ids=["quickly", "slowly"])
async def test_workers_find_what_is_found_here(sandbox: Sandbox, zone: NameServer, seconds: float) -> None:
    found = []
    mail = dkim()
    for workers in (Here(), SandboxedWorkers(sandbox, seconds)):
        prover = Prover(workers, Resolver(zone.resolvers), Clock())
        claimed = await prover.claims(mail)
        found.append(await prover.evidence(claimed, mail, CLIENT, "alice@example.com", ()))
    assert found[0] == found[1]
    assert found[1].spf is not None
    assert (found[1].spf.result, found[1].signatures[0].result) == ("pass", "pass")


async def test_trouble_of_ours_refuses_nobody(sandbox: Sandbox, zone: NameServer) -> None:
    await sandbox.stop()
    prover = Prover(SandboxedWorkers(sandbox), Resolver(zone.resolvers), Clock())
    with pytest.raises(OurTrouble):
        await prover.claims(dkim())
    with pytest.raises(OurTrouble):
        await prover.spf(CLIENT, "alice@example.com")


async def test_signatures_of_large_mails_hold_up_no_rendering(sandbox: Sandbox, tmp_path: Path) -> None:
    """A mail that waits to be written is a proof that goes on: the sandbox's only slot is still there."""
    workers = SandboxedWorkers(sandbox)
    mail = tmp_path / "mail"
    os.mkfifo(mail)
    proofs = [asyncio.create_task(workers.dkim(mail, (), {})) for _ in range(4)]
    await asyncio.sleep(0.05)  # each has its slot, or waits for one
    async with asyncio.timeout(5):
        assert await sandbox.run(os.getpid) != os.getpid()
    assert not any(proof.done() for proof in proofs)
    for proof in proofs:
        proof.cancel()
    await asyncio.gather(*proofs, return_exceptions=True)


async def test_a_signature_waits_for_its_turn_no_longer_than_a_client_would(sandbox: Sandbox, tmp_path: Path) -> None:
    workers = SandboxedWorkers(sandbox, patience=0.2)
    fifo, mail = tmp_path / "fifo", tmp_path / "mail"
    os.mkfifo(fifo)
    mail.write_bytes(dkim())
    proofs = [asyncio.create_task(workers.dkim(fifo, (), {})) for _ in range(2)]
    await asyncio.sleep(0.05)  # each has its slot
    async with asyncio.timeout(5):
        with pytest.raises(OurTrouble, match="try again later") as caught:
            await workers.dkim(mail, (), {})
    assert "no worker process was free within 0.2 s" in caught.value.detail
    for proof in proofs:
        proof.cancel()
    await asyncio.gather(*proofs, return_exceptions=True)
    assert await workers.dkim(mail, (), {}) == ()  # and nobody's slot is lost


async def test_rendering_holds_up_no_signatures(sandbox: Sandbox, tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.write_bytes(dkim())
    rendering = asyncio.create_task(sandbox.run(time.sleep, 30.0))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await SandboxedWorkers(sandbox).dkim(mail, (), {}) == ()
    rendering.cancel()
