"""What proves a sender, read in worker processes: the same as here, and not refused because the machine is busy."""

from collections.abc import AsyncIterator

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

CLIENT = Client(host="127.0.0.5", peer="127.0.0.5:25", helo="mail.example.com")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, preload=("smtp.claims", "smtp.dkim", "smtp.spf"))
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
