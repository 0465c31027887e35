"""What `faxgate doctor` says of those who are believed without proof."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import trust
from gateway.accounts import Scanner
from gateway.administration import Administration
from gateway.building import open_desk
from gateway.doctor_trust import examine
from gateway.finding import Finding
from gateway.ids import new_id
from gateway.networks import network
from gateway.settings import Settings, read
from gateway.smtplog import SmtplogEntry
from gateway.store import smtplog
from tests.nameserver import serving

LOOPBACK, OFFICE = network("127.0.0.0/8"), network("10.0.0.0/8")


@pytest.mark.parametrize("word", ["0.0.0.0/0", "::/0", "8.0.0.0/7", "192.0.0.0/2", "2000::/3", "2a00::/12"])
def test_networks_that_are_too_wide(word: str) -> None:
    [said] = trust.of_networks([network(word)], "FAXGATE_TRUSTED_NETWORKS")
    assert said.startswith(f"{word} (FAXGATE_TRUSTED_NETWORKS) lets nearly everybody send")


@pytest.mark.parametrize("word", ["10.0.0.0/8", "127.0.0.0/8", "::1/128", "fd00::/8", "8.8.0.0/16", "2a00:1450::/32"])
def test_networks_of_ones_own(word: str) -> None:
    assert not list(trust.of_networks([network(word)], "mine"))


def test_relays_that_are_trusted_too() -> None:
    relay = (network("10.1.2.3"), "mx.example.com")
    [said] = trust.of_relays([relay], [LOOPBACK, network("::1/128"), OFFICE])
    assert said.startswith("mx.example.com at 10.1.2.3/32 is in the trusted network 10.0.0.0/8")
    assert not list(trust.of_relays([relay], [LOOPBACK]))
    assert len(list(trust.of_relays([(network("0.0.0.0/0"), "mx")], [LOOPBACK]))) == 2


def test_a_proxy_shows_by_the_names_of_those_behind_it() -> None:
    many = [("10.0.0.1", f"mail{number}.example") for number in range(5)]
    [said] = trust.of_peers([*many, ("10.0.0.2", "one"), ("10.0.0.2", "ONE")], [OFFICE])
    assert said.startswith("clients with 5 names in HELO came from 10.0.0.1")
    assert not list(trust.of_peers(many, [LOOPBACK]))  # nobody believes it
    assert not list(trust.of_peers(many[:4], [OFFICE]))


def test_a_server_that_takes_mail_from_the_world_shows_by_its_strangers() -> None:
    many = [("10.0.0.1", f"{number}.example") for number in range(3)]
    [said] = trust.of_strangers([*many, ("10.0.0.2", "one.example"), ("10.0.0.2", "ONE.example")], [OFFICE])
    assert said.startswith("mail of 3 domains that no faxbox permits came from 10.0.0.1")
    assert not list(trust.of_strangers(many, [LOOPBACK]))  # nobody believes it
    assert not list(trust.of_strangers(many[:2], [OFFICE]))


async def found(settings: Settings, name: str) -> list[Finding]:
    return [finding async for finding in examine(settings) if finding.name == name]


async def test_the_doctor_tells(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    async with serving() as zone:
        zone.add("com", "NS", "a.gtld-servers.net.")
        settings = read(
            data_dir=tmp_path,
            smtp_listen="0.0.0.0:0",
            api_listen="127.0.0.1:0",
            dns=f"127.0.0.1:{zone.port}",
            trusted_networks="10.0.0.0/8",
        )
        [dns] = await found(settings, "DNS")
        assert (dns.ok, dns.text) == (True, f"127.0.0.1:{zone.port} answer")
        [near] = await found(settings, "trusted networks")
        assert near.ok
        assert near.text.startswith("10.0.0.0/8 are believed while SMTP listens on 0.0.0.0:0: see that no proxy")

        desk = await open_desk(settings)
        administration = Administration(desk.store, desk.wake, desk.clock)
        account, _ = await administration.add_account("Office", trusted_networks=["8.0.0.0/8"])
        scanner = Scanner(network="9.0.0.0/8", sender="scan@example.com")
        await administration.add_faxbox(account.id, "Front", scanners=[scanner])
        first = SmtplogEntry(id=new_id(), received_at=datetime.now(UTC), peer="10.0.0.1:25", helo="a")
        entries = [replace(first, id=new_id(), helo=f"mail{number}") for number in range(6)]
        why = "trusted network, but no faxbox permits the sender"
        for number in range(6):
            spam = replace(first, peer="10.0.0.3:25", sender=f"x@{number}.example", authentication=why)
            entries += [replace(spam, id=new_id()), replace(spam, id=new_id(), peer="10.0.0.4:25", authentication="x")]
        async with desk.store.begin() as connection:
            await connection.run_sync(smtplog.add, entries)
        await desk.close()
        told = [finding.text for finding in await found(settings, "trusted networks") if not finding.good]
    assert [text.partition(" lets")[0].partition(", which")[0] for text in told] == [
        "8.0.0.0/8 (of the account Office)",
        "9.0.0.0/8 (a scanner of the faxbox Front)",
        "clients with 6 names in HELO came from 10.0.0.1",
        "mail of 6 domains that no faxbox permits came from 10.0.0.3",
    ]
    [dns] = await found(settings, "DNS")  # the name server has gone
    assert (dns.ok, "451" in dns.text) == (False, True)


async def test_a_proxy_on_this_machine_may_hide_everybody(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")

    async def told(**more: object) -> str:
        settings = read(data_dir=tmp_path, api_listen="127.0.0.1:0", smtp_tls_cert=tmp_path / "cert.pem", **more)
        return "\n".join(finding.text for finding in await found(settings, "trusted networks") if not finding.good)

    assert "FAXGATE_PROXY_PROTOCOL_FROM" in await told()
    assert await told(trusted_networks="127.0.0.1") == ""
    assert await told(proxy_protocol_from="127.0.0.1") == ""
    assert await told(smtps_listen="0.0.0.0:465", dns="127.0.0.1:1") == ""
