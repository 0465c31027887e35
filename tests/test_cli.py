"""The command line: what it prints, and how it fails; as a process where it is started, stopped or has none of us."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.app import App
from gateway.documents.linetime import CALL_SECONDS
from gateway.settings import BadSettingsError, read
from tests.commands import Done, run
from tests.documents import papers

Faxgate = Callable[..., Done]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Variables, as they are named in the environment."""
    return {"FAXGATE_DATA_DIR": str(tmp_path / "var")}


@pytest.fixture
def faxgate(tmp_path: Path, settings: dict[str, str]) -> Faxgate:
    return partial(run, folder=tmp_path, settings=settings)


@pytest.fixture
def process(tmp_path: Path, settings: dict[str, str]) -> Faxgate:
    def started(*arguments: str) -> Done:
        command, environment = [sys.executable, "-m", "gateway.cli", *arguments], {**os.environ, **settings}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return started


def made(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_account_a_faxbox_and_a_fax(faxgate: Faxgate, tmp_path: Path) -> None:
    account = made(
        faxgate(
            "account",
            "add",
            "Practice",
            "--domain",
            "fax.example.com",
            "--timezone",
            "Europe/Paris",
            "--block-caller",
            "anonymous",
        )
    )
    assert account["blocked_callers"] == ["anonymous"]
    assert len(account["id"]) == 32
    assert account["language"] == "en"
    assert len(account["auth_token"]) == 64
    options = ("--number", "+1 202 555 0101", "--allow", "@example.com", "--deliver-to", "alice@example.com")
    box = made(faxgate("faxbox", "add", "Practice", "Front", *options))
    assert box["account_id"] == account["id"]
    assert box["numbers"] == ["+12025550101"]
    assert not box["resume"]
    back = made(
        faxgate("faxbox", "add", "Practice", "Back", "--resume", "--allow-caller", "*", "--block-caller", "+44 20*")
    )
    assert back["resume"]
    assert (back["blocked_callers"], back["allowed_callers"]) == (["+4420*"], ["*"])
    assert [one["name"] for one in made(faxgate("account", "list"))] == ["Practice"]
    assert [one["id"] for one in made(faxgate("faxbox", "list", account["id"]))][:1] == [box["id"]]

    (tmp_path / "letter.pdf").write_bytes(papers.letter())
    fax = made(faxgate("send", "letter.pdf", "--to", "202-555-0190", "--faxbox", box["id"]))
    assert fax["to"] == "+12025550190"
    assert made(faxgate("status"))["outbound"] == {"attaching_files": 1}


def test_a_line_is_drained_and_resumed(faxgate: Faxgate) -> None:
    assert made(faxgate("line", "list")) == [
        {"name": "loopback", "configured": True, "draining": False, "since": None, "calls": 0}
    ]
    drained = made(faxgate("line", "drain", "loopback"))
    assert drained["draining"]
    assert made(faxgate("line", "drain", "loopback")) == drained  # it is already
    assert made(faxgate("line", "list")) == [drained]
    resumed = made(faxgate("line", "resume", "loopback"))
    assert (resumed["draining"], resumed["since"]) == (False, None)
    assert made(faxgate("line", "list")) == [resumed]


def test_documents_are_compared_where_there_is_no_ghostscript(
    faxgate: Faxgate, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "letter.pdf").write_bytes(papers.letter(2))
    settings["PATH"] = str(tmp_path)
    options = ("--resolution", "standard", "--look", "text", "--out", "pictures")
    *pages, call = made(done := faxgate("compare", "letter.pdf", *options))
    assert "Ghostscript (gs) is not installed" in done.stderr
    assert [page["page"] for page in (*pages, call)] == [1, 2, 0]
    assert call["other_seconds"] is None
    assert call["seconds"] == pytest.approx(CALL_SECONDS + sum(page["seconds"] for page in pages), abs=0.2)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["page-1.png", "page-2.png"]
    refused = faxgate("compare", "none.pdf")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "No such file" in refused.stderr
    assert not (tmp_path / "var").exists()  # it needs no gateway


def test_a_drained_line_that_is_no_longer_configured_can_be_resumed(
    faxgate: Faxgate, settings: dict[str, str], tmp_path: Path
) -> None:
    name = "freeswitch://fs.example.com:8021"
    settings["FAXGATE_LINES"] = f"freeswitch://:secret@fs.example.com?dial=sofia/gateway/x/{{number}}&spool={tmp_path}"
    drained = made(faxgate("line", "drain", name))
    assert (drained["name"], drained["configured"]) == (name, True)
    del settings["FAXGATE_LINES"]
    listed = faxgate("line", "list")
    assert [(line["name"], line["configured"], line["draining"]) for line in made(listed)] == [
        ("loopback", True, False),
        (name, False, True),
    ]
    assert not made(faxgate("line", "resume", name))["draining"]
    assert [line["name"] for line in made(faxgate("line", "list"))] == ["loopback"]
    done = faxgate("line", "drain", name)
    assert done.returncode == 1
    assert f"There is no line {name}; there is loopback." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("account", "add", "A", "--country", "XX"), "XX"),
        (("account", "add", "A", "--timezone", "Mars/Olympus"), "Mars/Olympus"),
        (("account", "add", "A", "--language", "xx"), "There is no language 'xx'; there are de, en."),
        (("letters", "--language", "xx"), "there are de, en."),
        (("account", "add", "A", "--domain", "no domain"), "no domain"),
        (("faxbox", "add", "nobody", "B"), "no account nobody"),
        (("send", "missing.pdf", "--to", "+12025550190", "--faxbox", "0" * 32), "no faxbox"),
    ],
)
def test_a_wrong_value_is_named(faxgate: Faxgate, arguments: tuple[str, ...], complaint: str) -> None:
    done = faxgate(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_what_somebody_has_cannot_be_taken(process: Faxgate, faxgate: Faxgate) -> None:
    made(process("account", "add", "One", "--domain", "fax.example.com"))
    done = process("account", "add", "Two", "--domain", "FAX.example.com")
    assert done.returncode == 1
    assert "fax.example.com is taken" in done.stderr
    assert len(made(faxgate("account", "list"))) == 1


def test_a_bad_setting_stops_the_start(process: Faxgate, settings: dict[str, str]) -> None:
    settings["FAXGATE_LINES"] = "carrier-pigeon://"
    done = process("serve")
    assert done.returncode == 1
    assert "FAXGATE_LINES" in done.stderr


@pytest.mark.parametrize(("name", "value"), [("mail_url", "gopher://relay"), ("smtp_tls_cert", "no/such.pem")])
async def test_what_cannot_be_built_is_named_by_its_setting(tmp_path: Path, name: str, value: str) -> None:
    app = App(read(data_dir=tmp_path, **{name: value}))
    with pytest.raises(BadSettingsError, match=f"FAXGATE_{name.upper()}"):
        await app.start()


def test_the_doctor_finds_everything_here(faxgate: Faxgate) -> None:
    findings = {finding["name"]: finding["ok"] for finding in made(faxgate("doctor"))}
    assert findings["libspandsp.so.2"]
    assert findings["database"]
    assert findings["line loopback"]
    assert {"LibreOffice", "documents' isolation"} <= findings.keys()


def test_the_doctor_names_what_is_unsafe(faxgate: Faxgate, settings: dict[str, str]) -> None:
    settings["FAXGATE_TRUSTED_NETWORKS"] = "0.0.0.0/0"
    unsafe = [one for one in made(faxgate("doctor")) if one["name"] == "trusted networks" and not one["safe"]]
    assert ["0.0.0.0/0" in one["text"] for one in unsafe] == [True]


class Serving:
    """`faxgate serve` with a call under way."""

    def __init__(self, faxgate: Faxgate, settings: dict[str, str], folder: Path) -> None:
        with socket.socket() as smtp, socket.socket() as api:
            smtp.bind(("127.0.0.1", 0))
            api.bind(("127.0.0.1", 0))
            settings["FAXGATE_SMTP_LISTEN"] = f"127.0.0.1:{smtp.getsockname()[1]}"
            settings["FAXGATE_API_LISTEN"] = f"127.0.0.1:{api.getsockname()[1]}"
        settings["FAXGATE_LINES"] = "loopback://?pace=realtime"
        self._faxgate = faxgate
        account = made(faxgate("account", "add", "A"))
        box = made(faxgate("faxbox", "add", account["id"], "B"))
        (folder / "letter.pdf").write_bytes(papers.letter())
        made(faxgate("send", "letter.pdf", "--to", "+12025550190", "--faxbox", box["id"]))
        command = [sys.executable, "-m", "gateway.cli", "serve"]
        environment = {**os.environ, **settings}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        self.wait_for_line(": answered")

    def wait_for_line(self, text: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f"never logged {text!r}")

    def end(self) -> float:
        """Seconds until it has ended by itself, with status 0."""
        began = time.monotonic()
        _, errors = self.process.communicate(timeout=100)
        assert self.process.returncode == 0, errors
        return time.monotonic() - began

    def outbound(self) -> dict[str, int]:
        counts: dict[str, int] = made(self._faxgate("status"))["outbound"]
        return counts


@pytest.fixture
def serving(faxgate: Faxgate, settings: dict[str, str], tmp_path: Path) -> Serving:
    return Serving(faxgate, settings, tmp_path)


def test_sigterm_lets_a_call_go_on_to_its_end(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGTERM)
    serving.wait_for_line("completed")
    serving.end()
    assert serving.outbound() == {"completed": 1}


def test_a_second_sigterm_hangs_up_and_the_fax_goes_back_into_the_queue(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGTERM)
    serving.wait_for_line("waiting for the running calls")
    serving.process.send_signal(signal.SIGTERM)
    serving.wait_for_line("The gateway was stopped")
    serving.end()
    assert serving.outbound() == {"pending": 1}


def test_the_letters_can_be_seen(faxgate: Faxgate, tmp_path: Path, settings: dict[str, str]) -> None:
    folder = tmp_path / "templates" / "mail"
    folder.mkdir(parents=True)
    settings["FAXGATE_TEMPLATES_DIR"] = str(folder.parent)
    (folder / "receipt.txt").write_text("Through: {{ to }}\n")
    letters = made(faxgate("letters", "--out", "seen"))
    assert [one["text"] for one in letters if one["letter"] == "receipt"] == ["Through: +1 202-555-0190\n"]
    assert {one["file"] for one in letters} == {f"seen/{one['letter']}.eml" for one in letters}
    assert b"Through: +1 202-555-0190" in (tmp_path / "seen" / "receipt.eml").read_bytes()
    (folder / "receipt.txt").write_text("{% for %}")
    done = faxgate("letters", "--template", "receipt")
    assert done.returncode == 1
    [one] = json.loads(done.stdout)
    assert one["error"].startswith(f"{folder / 'receipt.txt'}, line 1: TemplateSyntaxError")
    assert "There is no letter nothing" in faxgate("letters", "--template", "nothing").stderr


def test_old_faxes_are_purged(faxgate: Faxgate) -> None:
    account = made(faxgate("account", "add", "Practice", "--keep-days", "30"))
    assert account["keep_days"] == 30
    assert made(faxgate("purge", "Practice", "--before", "2026-01-31"))["removed"] == 0
    token, entry = made(faxgate("audit", "--account", "Practice"))
    assert (entry["actor"], entry["action"], entry["object_id"]) == ("operator", "added", account["id"])
    assert (token["object"], token["action"]) == ("token", "added")
    refused = faxgate("purge", "Practice", "--before", "31.1.2026")
    assert refused.returncode == 2
    assert "no date like 2026-01-31" in refused.stderr
    refused = faxgate("account", "add", "Other", "--keep-days", "0")
    assert "Faxes are kept for 1 to 36500 days" in refused.stderr
