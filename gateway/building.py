"""Builds single parts from the settings: what the running gateway, the operator's desk and the doctor all need.

Raises BadSettingsError naming the setting whose value a part cannot use. What is costly to import, and not needed by
every command, is imported where it is built.
"""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from gateway.clock import Clock
from gateway.desk import Desk
from gateway.ports import Documents, Line, Mailer, Texter
from gateway.settings import BadSettingsError, Settings
from gateway.store import tokens
from gateway.store.engine import Store
from gateway.store.wake import EVENTS, Wake
from gateway.tokens import SCOPES


async def open_desk(settings: Settings) -> Desk:
    """The operator's desk on the database that the settings name. Raises OurTrouble, BadSettingsError."""
    clock = Clock()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    documents = build_documents(settings)
    store = await Store.open(settings.database)
    await remember_admin_token(store, settings, clock)
    wake = Wake(settings.database)
    await wake.start()
    store.events_written = partial(wake.soon, EVENTS)
    return Desk(store, wake, documents, clock)


def build_documents(settings: Settings) -> Documents:
    """The store that `FAXGATE_DOCUMENTS_URL` names. Raises BadSettingsError."""
    from gateway.storage import documents_from_url

    with _named("FAXGATE_DOCUMENTS_URL"):
        documents = documents_from_url(settings.documents, settings.data_dir / "cache")
    written = settings.documents_keys.get_secret_value()
    if not written:
        return documents
    from gateway.encryption import ClearFolder, EncryptedDocuments, Keys

    with _named("FAXGATE_DOCUMENTS_KEYS"):
        keys = Keys.read(written)
    try:
        return EncryptedDocuments(documents, keys, ClearFolder(settings.clear_dir))
    except OSError as error:
        raise BadSettingsError(f"FAXGATE_DOCUMENTS_CLEAR_DIR: {error}") from error


def build_mailer(settings: Settings) -> Mailer:
    """Where our mails leave, as `FAXGATE_MAIL_URL` names it. Raises BadSettingsError."""
    from gateway.mail import mailer_from_url

    with _named("FAXGATE_MAIL_URL"):
        return mailer_from_url(settings.mail, hostname=hostname_of(settings))


def build_texter(settings: Settings) -> Texter | None:
    """Who sends short messages, as `FAXGATE_SMS_URL` names it; None where it names nobody. Raises BadSettingsError."""
    if not settings.sms:
        return None
    from gateway.sms import texter_from_url

    with _named("FAXGATE_SMS_URL"):
        return texter_from_url(
            settings.sms,
            template=settings.sms_template,
            header=settings.sms_header.get_secret_value(),
        )


def build_lines(settings: Settings) -> list[Line]:
    """The lines that `FAXGATE_LINES` names. Raises BadSettingsError."""
    folder = settings.data_dir / "lines"
    with _named("FAXGATE_LINES"):
        schemes = {urlsplit(url).scheme for url in settings.lines}
        if unknown := schemes - {"loopback", "freeswitch"}:
            raise ValueError(
                f"{', '.join(sorted(unknown)) or 'nothing'}: is unknown; take loopback:// or freeswitch://"
            )
        if "loopback" in schemes:
            from gateway.lines.loopback import LoopbackLine

            return [LoopbackLine.from_url(url, folder / "loopback") for url in settings.lines]
        from gateway.lines.freeswitch.line import freeswitch_lines

        freeswitches = freeswitch_lines(settings.lines, folder / "freeswitch")
        own = (settings.data_dir / "spool").absolute()
        if any(line.options.spool.is_relative_to(own) for line in freeswitches):
            raise ValueError(f"freeswitch line: spool: {own} is the gateway's own, which it cleans up; name another")
        return [*freeswitches]


def hostname_of(settings: Settings) -> str:
    return settings.smtp_hostname or socket.getfqdn()


def sender_of(settings: Settings) -> str:
    """Who our own mails are from."""
    return settings.mail_from or f"faxgate@{hostname_of(settings)}"


async def remember_admin_token(store: Store, settings: Settings, clock: Clock) -> str:
    """The superuser's token: the operator's, or one made at the first start and kept in the data dir, readable by
    its owner alone."""
    given = settings.admin_token.get_secret_value()
    kept = settings.data_dir / "admin_token"
    if not given and kept.exists():
        given = kept.read_text().strip()
    if not given:
        given = secrets.token_hex(32)
        kept.touch(mode=0o600)
        kept.write_text(given + "\n")
    async with store.begin() as connection:
        if await tokens.known(connection, given, clock.now()) is None:
            await tokens.add(connection, given, None, SCOPES, clock.now())
    return given


@contextmanager
def _named(variable: str) -> Iterator[None]:
    """A value that a part cannot use is reported under the name of its setting."""
    try:
        yield
    except ValueError as error:
        raise BadSettingsError(f"{variable}: {error}") from error
