"""What `faxgate doctor` finds of those who are believed without proof, and of the DNS that proves the others."""

from collections.abc import AsyncIterator
from contextlib import suppress

from gateway import trust
from gateway.errors import FaxgateError
from gateway.finding import Finding
from gateway.networks import is_loopback, network
from gateway.resolver import Resolver
from gateway.settings import Settings, host_and_port
from gateway.store import accounts, smtplog
from gateway.store.engine import Store
from smtp.alignment import domain_of
from smtp.senders import STRANGER

LATEST = 1000
"""Entries of the smtplog that are looked at."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    async for finding in _dns(settings):
        yield finding
    async for finding in _trust(settings):
        yield finding


def _is_public(settings: Settings) -> bool:
    """Whether others than this machine's may come to the SMTP listener."""
    listens = (settings.smtp_listen, settings.smtps_listen, settings.lmtp_listen)
    return not all(is_loopback(host_and_port(address)[0]) for address in listens if address)


def _may_be_behind_a_proxy(settings: Settings) -> bool:
    """Whether loopback is trusted only because it was not said who is, and who comes may be from elsewhere."""
    unasked = settings.trusted and settings.trusted_networks is None and not settings.proxy_protocol_from
    return bool(unasked and not _is_public(settings) and settings.smtp_tls_cert is not None)


async def _dns(settings: Settings) -> AsyncIterator[Finding]:
    if not _is_public(settings):
        return  # nobody comes who has to be proven
    answer = await Resolver(settings.dns).look_up("com", "NS")
    asked = ", ".join(f"{host}:{port}" for host, port in settings.dns) or "the system's resolvers"
    text = f"{asked} answer" if answer.records else f"{asked} do not answer: mail that has to be proven gets 451"
    yield Finding("DNS", bool(answer.records), text)


async def _trust(settings: Settings) -> AsyncIterator[Finding]:
    concerns = [
        *trust.of_networks(settings.trusted, "FAXGATE_TRUSTED_NETWORKS"),
        *trust.of_relays(settings.trusted_relays, settings.trusted),
    ]
    with suppress(FaxgateError):  # the database is a finding of its own
        concerns += [concern async for concern in _stored_trust(settings)]
    for concern in concerns:
        yield Finding("trusted networks", ok=True, text=concern, safe=False)
    if _may_be_behind_a_proxy(settings):
        yield Finding(
            "trusted networks",
            ok=True,
            safe=False,
            text="SMTP listens on loopback alone, and has a certificate. If a proxy passes connections on to it, "
            "everybody is trusted: have it speak the PROXY protocol (FAXGATE_PROXY_PROTOCOL_FROM). If none does, "
            "say whom you trust: FAXGATE_TRUSTED_NETWORKS=127.0.0.0/8",
        )
    public = _is_public(settings)
    if not concerns and (text := trust.hidden(settings.smtp_listen, settings.trusted, public=public)):
        yield Finding("trusted networks", ok=True, text=text)
    if not settings.trusted:
        yield Finding("trusted networks", ok=True, text="none: every mail has to be proven, or its client logged in")


async def _stored_trust(settings: Settings) -> AsyncIterator[str]:
    """What accounts and faxboxes believe, and what the latest clients show."""
    store = await Store.open(settings.database)
    try:
        async with store.read() as connection:
            entries = await smtplog.latest(connection, LATEST)
            for account_id in await accounts.account_ids(connection):
                account = await accounts.account(connection, account_id)
                owners = [(account.trusted_networks, f"of the account {account.name}")]
                for box in await accounts.faxboxes(connection, account_id):
                    owners.append((box.trusted_networks, f"of the faxbox {box.name}"))
                    owners.append((tuple(one.network for one in box.scanners), f"a scanner of the faxbox {box.name}"))
                for networks, whose in owners:
                    for concern in trust.of_networks(map(network, networks), whose):
                        yield concern
    finally:
        await store.close()
    for concern in trust.of_peers(((entry.host, entry.helo) for entry in entries), settings.trusted):
        yield concern
    turned_away = [entry for entry in entries if entry.authentication == STRANGER]
    senders = ((entry.host, domain_of(entry.sender)) for entry in turned_away)
    for concern in trust.of_strangers(senders, settings.trusted):
        yield concern
