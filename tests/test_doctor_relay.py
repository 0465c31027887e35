"""What the doctor says of the relay, which alone knows whether it takes our mails."""

import shutil
from pathlib import Path

from gateway.doctor import examine
from gateway.settings import read
from tests.mail.relay import relay


async def test_the_doctor_asks_the_relay(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "faxgate.db")
    async with relay() as sink:
        settings = read(data_dir=tmp_path, mail_url=sink.url, mail_from="fax@example.com", operator="ops@example.com")
        sink.on_rcpt = ["554 5.7.1 <ops@example.com>: Relay access denied"]
        [refused, taken] = [finding for _ in range(2) for finding in await examine(settings) if finding.name == "relay"]
        assert (refused.ok, "554 5.7.1 <ops@example.com>: Relay access denied" in refused.text) == (False, True)
        assert (taken.ok, taken.text) == (True, "takes mail of fax@example.com")
        abroad = settings.model_copy(update={"operator": "büro@example.com"})
        [refused] = [finding for finding in await examine(abroad) if finding.name == "relay"]
        assert (refused.ok, "no SMTPUTF8" in refused.text) == (False, True)
        assert not sink.accepted
