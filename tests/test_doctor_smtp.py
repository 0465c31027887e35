"""What the doctor says of the SMTP door: certificates that are made here, settings, and a database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from gateway.administration import Administration
from gateway.credentials import Credentials
from gateway.doctor_smtp import examine, of_files
from gateway.settings import read
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.conftest import MovedClock

NOW = datetime.now(UTC)
AUTHORITY = trustme.CA()
HOST = "fax.example.com"


def issued(folder: Path, *names: str, days: float = 90, key: trustme.LeafCert | None = None) -> tuple[Path, Path]:
    """A certificate and its key, or somebody else's."""
    made = AUTHORITY.issue_cert(*(names or (HOST,)), not_after=NOW + timedelta(days=days))
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    private.write_bytes((key or made).private_key_pem.bytes())
    private.chmod(0o600)
    return certificate, private


def said(files: tuple[Path, Path], now: datetime = NOW, hostname: str = HOST) -> tuple[bool, str]:
    found = list(of_files(*files, hostname, now))
    return all(one.good for one in found), "; ".join(f"{one.name}: {one.text}" for one in found)


@pytest.mark.parametrize("names", [(HOST,), ("other.example", "FAX.example.com"), ("*.example.com",)])
def test_a_good_certificate(tmp_path: Path, names: tuple[str, ...]) -> None:
    ok, text = said(issued(tmp_path, *names))
    assert ok
    assert f"good until {NOW + timedelta(days=90):%Y-%m-%d}" in text


@pytest.mark.parametrize(
    ("days", "expected"), [(15, ""), (13.9, "expires on"), (1, "expires on"), (0.01, "expires on"), (-1, "expired on")]
)
def test_a_certificate_that_ends(tmp_path: Path, days: float, expected: str) -> None:
    files = issued(tmp_path, days=60)
    ok, text = said(files, NOW + timedelta(days=60 - days))
    assert ok is not bool(expected)
    assert expected in text


def test_a_certificate_that_has_not_begun(tmp_path: Path) -> None:
    ok, text = said(issued(tmp_path), datetime(1999, 1, 1, tzinfo=UTC))
    assert not ok
    assert "not valid before" in text


@pytest.mark.parametrize("names", [("mail.example.com",), ("*.fax.example.com",), ("*.com",), ("192.0.2.1",)])
def test_a_certificate_for_another_host(tmp_path: Path, names: tuple[str, ...]) -> None:
    ok, text = said(issued(tmp_path, *names))
    assert not ok
    assert f"it is for {names[0]}, not for {HOST} (FAXGATE_SMTP_HOSTNAME)" in text


def test_a_key_that_is_not_the_certificates(tmp_path: Path) -> None:
    ok, text = said(issued(tmp_path, key=AUTHORITY.issue_cert("x.example")))
    assert not ok
    assert text.startswith("FAXGATE_SMTP_TLS_CERT: ")
    assert "the key is not the certificate's" in text


@pytest.mark.parametrize("trouble", ["missing", "text"])
def test_a_certificate_that_cannot_be_read(tmp_path: Path, trouble: str) -> None:
    files = issued(tmp_path)
    if trouble == "missing":
        files[0].unlink()
    else:
        files[0].write_text("text")
    ok, text = said(files)
    assert not ok
    assert str(files[0]) in text


@pytest.mark.parametrize(("mode", "good"), [(0o600, True), (0o640, True), (0o644, False), (0o602, False)])
def test_a_key_that_everybody_can_read(tmp_path: Path, mode: int, good: bool) -> None:
    files = issued(tmp_path)
    files[1].chmod(mode)
    ok, text = said(files)
    assert ok is good
    assert ("FAXGATE_SMTP_TLS_KEY" in text) is not good


async def troubles(**settings: object) -> str:
    return "\n".join([f"{one.name}: {one.text}" async for one in examine(read(**settings)) if not one.good])


async def test_what_depends_on_the_settings(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "faxgate.db").write_bytes(sqlite_template.read_bytes())
    certificate, key = issued(tmp_path)
    secured = {"smtp_tls_cert": certificate, "smtp_tls_key": key, "smtp_hostname": HOST}

    async def found(**settings: object) -> str:
        return await troubles(data_dir=tmp_path, **settings)

    assert await found() == ""
    assert "no TLS, and FAXGATE_SMTP_LISTEN is 0.0.0.0:25" in await found(smtp_listen="0.0.0.0:25")
    assert "no TLS, and FAXGATE_LMTP_LISTEN is [::]:24" in await found(lmtp_listen="[::]:24")
    assert await found(smtp_listen="0.0.0.0:25", **secured) == ""


async def test_credentials_that_nobody_can_use(
    store: Store, wake: Wake, clock: MovedClock, database_url: str, tmp_path: Path
) -> None:
    account, _ = await Administration(store, wake, clock).add_account("alice")
    assert await troubles(data_dir=tmp_path, database_url=database_url) == ""
    await Credentials(store, clock).add(account.id, "scanner")
    said = await troubles(data_dir=tmp_path, database_url=database_url)
    assert said == "credentials: 1, and nobody can log in without TLS: set FAXGATE_SMTP_TLS_CERT"
