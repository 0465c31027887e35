"""What is deployed, checked without a container engine: FreeSWITCH's configuration, the scripts that complete it and
refuse to start with half of it, and that compose.yaml, the configuration and the gateway mean the same."""

import itertools
import re
import signal
import stat
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
import yaml  # type: ignore[import-untyped]
from pydantic import SecretStr

from gateway.lines.freeswitch.options import read_options
from gateway.lines.freeswitch.spool import Spool
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SWITCH = DEPLOY / "freeswitch"
CONF = SWITCH / "conf"
SCRIPTS = sorted([*DEPLOY.glob("*.sh"), *SWITCH.glob("*.sh")])
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
GUIDE = (ROOT / "docs" / "freeswitch.md").read_text()
SERVICES: dict[str, Any] = COMPOSE["services"]
UUID = "3f1c2a54-9c0b-4f57-8d3e-0a1b2c3d4e5f"


def deployed() -> list[Path]:
    """Every file that is deployed, without the secrets that somebody has made here."""
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts]
    return [ROOT / "compose.yaml", *files]


# FreeSWITCH, as far as it reads its configuration


@dataclass
class Configuration:
    """What FreeSWITCH makes of `conf` and of what the entrypoint has written: its preprocessor (switch_xml.c) in a few
    lines. A variable that nobody has set is an error here; FreeSWITCH would make it empty."""

    generated: Path
    variables: dict[str, str] = field(default_factory=lambda: {"local_ip_v4": "172.18.0.2"})

    def read(self) -> ET.Element:
        return ET.fromstring("".join(self._lines(CONF / "freeswitch.xml")))

    def _lines(self, file: Path) -> Iterator[str]:
        for written in file.read_text().splitlines(keepends=True):
            line = re.sub(r"\$\$\{(\w+)\}", lambda match: self.variables[match[1]], written)
            if "<include>" in written or "</include>" in written or "<?" in written:
                continue
            if "X-PRE-PROCESS" not in line:
                yield line
            elif match := re.search(r'cmd="set" data="(\w+)=([^"]*)"', line):
                self.variables[match[1]] = match[2]
            elif match := re.search(r'cmd="include" data="([^"]*)"', line):
                yield from self._included(file, match[1])
            else:
                raise AssertionError(f"{file}: {line}")

    def _included(self, file: Path, pattern: str) -> Iterator[str]:
        if pattern.startswith("/run/freeswitch/generated/"):
            found = [self.generated / Path(pattern).name]
        else:
            found = sorted(file.parent.glob(pattern))
        assert found, f"{file}: nothing is {pattern}"
        for one in found:
            yield from self._lines(one)


def settings(configuration: ET.Element, name: str) -> dict[str, str]:
    """The parameters of a module."""
    found = configuration.find(f"section[@name='configuration']/configuration[@name='{name}']")
    assert found is not None, name
    return {param.attrib["name"]: param.attrib["value"] for param in found.iter("param")}


def route(configuration: ET.Element, called: str, caller: str, uuid: str = UUID) -> list[tuple[str, str]]:
    """What mod_dialplan_xml makes of a call: the applications that are executed, in order; none: not answered."""
    (extension,) = configuration.iterfind("section[@name='dialplan']/context[@name='faxgate-inbound']/extension")
    fields = {"destination_number": called, "caller_id_number": caller, "${uuid}": uuid}
    variables = {"uuid": uuid}
    applications: list[tuple[str, str]] = []
    for condition in extension:
        match = re.search(condition.attrib["expression"], fields[condition.attrib["field"]])
        for action in condition.iterfind("action" if match else "anti-action"):
            data = action.get("data", "")
            if match and match.re.groups:
                data = data.replace("$1", match[1])
            if action.get("inline"):
                name, _, value = data.partition("=")
                variables[name] = value
            else:
                applications.append((action.attrib["application"], data))
        if not match and condition.get("break") != "never":
            break
    expand = re.compile(r"\$\{(\w+)\}")
    return [(name, expand.sub(lambda match: variables[match[1]], data)) for name, data in applications]


# The scripts, as processes


@dataclass
class Machine:
    """A folder with the programs that a script calls, its secrets and its environment."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def for_freeswitch(cls, folder: Path) -> Self:
        machine = cls(
            folder,
            {
                "FREESWITCH_RUN": str(folder / "run"),
                "SECRETS_DIR": str(folder / "secrets"),
                "FAX_SPOOL": str(folder / "spool"),
                "SIP_TRUNK_PROXY": "sip.example.net",
                "SIP_TRUNK_NETWORKS": "192.0.2.7 198.51.100.0/24",
            },
        )
        machine.program("freeswitch", 'echo "$@"')
        machine.program("fs_cli", "exit 255")
        machine.secret("event_socket", "0123456789abcdef01234567")
        machine.secret("sip_trunk", "")
        return machine

    @property
    def generated(self) -> Path:
        return self.folder / "run" / "generated"

    def program(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def secret(self, name: str, content: str | None) -> Path:
        path = self.folder / "secrets" / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        return path

    def start(self, script: Path, *arguments: str) -> "subprocess.Popen[str]":
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", **self.environment}
        command = ["sh", str(script), *arguments]
        return subprocess.Popen(
            command, env=environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, script: Path, *arguments: str) -> tuple[int, str]:
        """Its exit status, and all it said."""
        with self.start(script, *arguments) as process:
            said, _ = process.communicate(timeout=30)
            return process.returncode, said


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.for_freeswitch(tmp_path)


@pytest.fixture
def configuration(machine: Machine) -> ET.Element:
    status, said = machine.run(SWITCH / "entrypoint.sh")
    assert status == 0, said
    return Configuration(machine.generated).read()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_read_by_any_shell(script: Path) -> None:
    assert subprocess.run(["sh", "-n", str(script)], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.xml")), ids=lambda path: path.name)
def test_a_file_of_the_configuration_is_well_formed(file: Path) -> None:
    ET.parse(file)


# FreeSWITCH's configuration


def test_freeswitch_is_started_with_its_own_folders_and_no_others(machine: Machine) -> None:
    status, said = machine.run(SWITCH / "entrypoint.sh")
    assert status == 0
    words = said.split()
    named = dict(itertools.pairwise(words))
    assert named["-conf"] == "/etc/freeswitch"
    assert all(named[f"-{kind}"].startswith(f"{machine.folder}/run") for kind in ("log", "db", "run", "temp", "certs"))
    assert stat.S_IMODE((machine.folder / "run" / ".fs_cli_conf").stat().st_mode) == 0o600
    assert stat.S_IMODE((machine.generated / "event_socket.xml").stat().st_mode) == 0o600
    assert {folder.name for folder in (machine.folder / "spool").iterdir()} == {"tx", "rx", "cdr"}


def test_how_freeswitch_ended_is_how_the_container_ends(machine: Machine) -> None:
    machine.program("freeswitch", "exit 7")
    assert machine.run(SWITCH / "entrypoint.sh") == (7, "")


def test_the_modules_that_are_loaded_are_those_that_are_built(configuration: ET.Element) -> None:
    built = {line.rpartition("/")[2] for line in (SWITCH / "modules.conf").read_text().split()}
    loads = list(configuration.iterfind(".//configuration[@name='modules.conf']/modules/load"))
    assert {load.attrib["module"] for load in loads} == built
    assert all(load.get("critical") == "true" for load in loads), "half a fax line would fail every call"


def test_records_of_calls_land_in_the_spool(machine: Machine, configuration: ET.Element) -> None:
    told = settings(configuration, "json_cdr.conf")
    assert told == {
        "log-dir": f"{machine.folder}/spool/cdr",
        "log-b-leg": "true",
        "prefix-a-leg": "false",
        "encode-values": "true",
        "rotate": "false",
    }
    spool = Spool(machine.folder / "spool", str(machine.folder / "spool"))
    assert told["log-dir"] == spool.node_records
    assert ("set", f"json_cdr_base={spool.node_records}") in route(configuration, "12025550101", "12025550190")


def test_nobody_commands_freeswitch_but_the_gateway(machine: Machine) -> None:
    machine.environment |= {"EVENT_SOCKET_LISTEN": "10.86.86.2", "EVENT_SOCKET_ALLOW": "10.86.86.3"}
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    configuration = Configuration(machine.generated).read()
    told = settings(configuration, "event_socket.conf")
    assert (told["listen-ip"], told["listen-port"]) == ("10.86.86.2", "8021")
    assert told["password"] == "0123456789abcdef01234567"
    assert admitted(configuration, told["apply-inbound-acl"]) == ["10.86.86.2/32", "10.86.86.3/32"]


def test_nobody_calls_but_the_trunk(configuration: ET.Element) -> None:
    profile = settings(configuration, "sofia.conf")
    assert profile["auth-calls"] == "false"
    assert admitted(configuration, profile["apply-inbound-acl"]) == ["192.0.2.7/32", "198.51.100.0/24"]
    contexts = [context.attrib["name"] for context in configuration.iterfind("section[@name='dialplan']/context")]
    assert profile["context"] in contexts


def admitted(configuration: ET.Element, name: str) -> list[str]:
    """Whom an access list lets in."""
    found = configuration.find(f".//network-lists/list[@name='{name}']")
    assert found is not None
    assert found.get("default") == "deny"
    assert {node.get("type") for node in found} <= {"allow"}
    return [node.attrib["cidr"] for node in found]


@pytest.mark.parametrize("password", ["plain", "\"<&>'", "$${spool}", "$1 ${x} \\n", "&#36;amp;", "a b;c#d=e"])
def test_the_password_of_a_trunk_may_have_any_sign(machine: Machine, password: str) -> None:
    machine.environment["SIP_TRUNK_USERNAME"] = f"user{password}"
    machine.secret("sip_trunk", f"{password}\n")
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    gateway = gateway_of(Configuration(machine.generated).read())
    assert (gateway["register"], gateway["username"], gateway["password"]) == ("true", f"user{password}", password)


def gateway_of(configuration: ET.Element) -> dict[str, str]:
    found = configuration.find(".//profile[@name='external']/gateways/gateway[@name='trunk']")
    assert found is not None
    return {param.attrib["name"]: param.attrib["value"] for param in found}


def test_without_a_name_nothing_registers(configuration: ET.Element) -> None:
    gateway = gateway_of(configuration)
    assert (gateway["proxy"], gateway["register"], gateway["password"]) == ("sip.example.net", "false", "")


def test_a_freeswitch_without_a_trunk_takes_no_calls(machine: Machine) -> None:
    machine.environment |= {"SIP_TRUNK_PROXY": "none", "SIP_TRUNK_NETWORKS": ""}
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    configuration = Configuration(machine.generated).read()
    assert configuration.find(".//gateway") is None
    assert admitted(configuration, "trunk") == []


@pytest.mark.parametrize(
    ("t38", "speaks", "asks"), [("on", "true", "true"), ("off", "true", "false"), ("never", "false", "false")]
)
def test_t38_of_a_fax_that_comes_in(machine: Machine, t38: str, speaks: str, asks: str) -> None:
    machine.environment["FAX_T38"] = t38
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    calls = route(Configuration(machine.generated).read(), "12025550101", "")
    assert ("set", f"fax_enable_t38={speaks}") in calls
    assert ("set", f"fax_enable_t38_request={asks}") in calls


NETWORKS = "the networks that the trunk calls us from"


@pytest.mark.parametrize(
    ("environment", "secrets", "complaint"),
    [
        ({}, {"event_socket": None}, "the secret event_socket is missing"),
        ({}, {"event_socket": ""}, "the secret event_socket is empty"),
        ({}, {"event_socket": "\n"}, "the secret event_socket is empty"),
        ({}, {"event_socket": "ClueCon"}, "the secret event_socket is too short"),
        ({}, {"event_socket": 'long enough, but "'}, "letters, digits"),
        ({"SIP_TRUNK_PROXY": ""}, {}, "SIP_TRUNK_PROXY is missing"),
        ({"SIP_TRUNK_PROXY": 'a"/><x y="'}, {}, "SIP_TRUNK_PROXY is host or host:port"),
        ({"SIP_TRUNK_PROXY": "none"}, {}, "SIP_TRUNK_PROXY is none"),
        ({"SIP_TRUNK_NETWORKS": ""}, {}, "SIP_TRUNK_NETWORKS is missing"),
        ({"SIP_TRUNK_NETWORKS": "192.0.2.7 sip.example.net"}, {}, "SIP_TRUNK_NETWORKS: sip.example.net is no network"),
        ({"SIP_TRUNK_USERNAME": "fax"}, {}, "the secret sip_trunk, its password, is empty or missing"),
        ({"SIP_TRUNK_USERNAME": "fax"}, {"sip_trunk": None}, "the secret sip_trunk, its password, is empty or missing"),
        ({}, {"sip_trunk": "word"}, "SIP_TRUNK_USERNAME is missing"),
        ({"SIP_TRUNK_USERNAME": "fax"}, {"sip_trunk": "two\nlines"}, "one line of ASCII"),
        ({"SIP_TRUNK_TRANSPORT": "sctp"}, {}, "SIP_TRUNK_TRANSPORT is udp or tcp"),
        ({"SIP_CALLER_ID_IN_FROM": "yes"}, {}, "SIP_CALLER_ID_IN_FROM is true or false"),
        ({"SIP_EXTERNAL_IP": "host.example.net"}, {}, "SIP_EXTERNAL_IP is an IPv4 address"),
        ({"EVENT_SOCKET_LISTEN": "eth0"}, {}, "EVENT_SOCKET_LISTEN is an IPv4 address"),
        ({"EVENT_SOCKET_ALLOW": "gateway"}, {}, "EVENT_SOCKET_ALLOW: gateway is no network"),
        ({"FAX_T38": "maybe"}, {}, "FAX_T38 is on, off or never"),
        ({"FREESWITCH_LOG": "loud"}, {}, "FREESWITCH_LOG is debug, info"),
        ({"RTP_START": "many"}, {}, "RTP_START and RTP_END are ports"),
        ({"FAX_SPOOL": "spool"}, {}, "FAX_SPOOL is an absolute path"),
        ({"FAX_SPOOL": "/a b"}, {}, "FAX_SPOOL: letters, digits"),
        ({"FAX_SPOOL": "/proc/1/no"}, {}, "/proc/1/no/tx cannot be written"),
    ],
)
def test_freeswitch_does_not_start_with_half_a_configuration(
    machine: Machine, environment: Mapping[str, str], secrets: Mapping[str, str | None], complaint: str
) -> None:
    machine.environment |= environment
    for name, content in secrets.items():
        machine.secret(name, content)
    status, said = machine.run(SWITCH / "entrypoint.sh")
    assert status == 1
    assert complaint in said
    assert len(said.splitlines()) == 1, "it was started all the same"
    assert "ClueCon" not in said, "a secret is not repeated"


# Stopping FreeSWITCH

CALLS = """
trap 'echo ended at once; exit 0' TERM
echo started
while [ ! -e calls-have-ended ]; do sleep 0.05; done
echo ended by itself
"""


def test_a_stop_waits_for_the_calls(machine: Machine) -> None:
    machine.program("freeswitch", CALLS)
    machine.program("fs_cli", 'echo "$*" >asked; : >calls-have-ended')
    with machine.start(SWITCH / "entrypoint.sh") as process:
        assert said(process) == "started"
        process.send_signal(signal.SIGTERM)
        assert "waiting for the running calls" in said(process)
        assert said(process) == "ended by itself"
        assert process.wait(timeout=30) == 0
    assert (machine.folder / "asked").read_text() == "-x fsctl shutdown elegant\n"


def test_a_second_signal_does_not_wait(machine: Machine) -> None:
    machine.program("freeswitch", CALLS)
    machine.program("fs_cli", "while [ ! -e calls-have-ended ]; do sleep 0.05; done")
    with machine.start(SWITCH / "entrypoint.sh") as process:
        assert said(process) == "started"
        process.send_signal(signal.SIGTERM)
        assert "waiting for the running calls" in said(process)
        process.send_signal(signal.SIGTERM)
        assert said(process) == "ended at once"
        (machine.folder / "calls-have-ended").touch()
        assert process.wait(timeout=30) == 0


def test_a_freeswitch_that_cannot_be_asked_is_stopped(machine: Machine) -> None:
    machine.program("freeswitch", CALLS)
    with machine.start(SWITCH / "entrypoint.sh") as process:
        assert said(process) == "started"
        process.send_signal(signal.SIGTERM)
        assert "waiting for the running calls" in said(process)
        assert said(process) == "ended at once"
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("end", ["exit 7", "kill -KILL $$"])
def test_a_freeswitch_that_dies_is_no_success(machine: Machine, end: str) -> None:
    machine.program("freeswitch", end)
    assert machine.run(SWITCH / "entrypoint.sh")[0] in (7, 128 + signal.SIGKILL)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# Calls that come in


@pytest.mark.parametrize(
    ("called", "caller", "in_the_name"),
    [
        ("+12025550101", "+12025550190", "12025550101.12025550190"),
        ("12025550101", "030123456", "12025550101.030123456"),
        ("5550101", "anonymous", "5550101.unknown"),
        ("5550101", "", "5550101.unknown"),
        ("5550101", "+", "5550101.unknown"),
        ("5550101", "../../../etc/passwd", "5550101.unknown"),
        ("5550101", "1;rm -rf /", "5550101.unknown"),
        ("5550101", "${system(reboot)}", "5550101.unknown"),
        ("5550101", "1 2", "5550101.unknown"),
        ("5550101", "1\r\n2", "5550101.unknown"),
        ("5550101", "12\n", "5550101.12"),
        ("5550101\n", "12", "5550101.12"),
        ("5550101", "\N{FULLWIDTH DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}", "5550101.unknown"),
        ("5550101", "1" * 21, "5550101.unknown"),
    ],
)
def test_a_fax_is_received_under_a_safe_name(
    machine: Machine, configuration: ET.Element, called: str, caller: str, in_the_name: str
) -> None:
    calls = route(configuration, called, caller)
    assert [name for name, _ in calls][-3:] == ["answer", "rxfax", "hangup"]
    path = Path(dict(calls)["rxfax"])
    assert path == machine.folder / "spool" / "rx" / f"{in_the_name}.{UUID}.tif"
    assert ("set", f"fax_ident={in_the_name.partition('.')[0]}") in calls
    # The gateway reads the name as it was meant.
    path.touch()
    (received,) = Spool(machine.folder / "spool", str(machine.folder / "spool")).received()
    digits, _, known = in_the_name.partition(".")
    assert (received.called, received.caller) == (digits, "" if known == "unknown" else known)
    assert (received.uuid, received.path) == (UUID, path)


@pytest.mark.parametrize(
    "called",
    [
        "",
        "+",
        "fax",
        "faxgate-inbound",
        "555-0101",
        "555 0101",
        "5550101;ext=1",
        "../5550101",
        "5550101/../x",
        "${uuid}",
        "1\n2",
        "1" * 21,
        "\N{ARABIC-INDIC DIGIT ONE}",
        "gw+trunk",
    ],
)
def test_what_is_no_number_is_not_answered(configuration: ET.Element, called: str) -> None:
    assert route(configuration, called, "12025550190") == []


@pytest.mark.parametrize("uuid", ["", "x" * 36, f"{UUID}/../../x", "3f1c2a54 9c0b 4f57 8d3e 0a1b2c3d4e5f"])
def test_a_channel_that_the_far_end_has_named_is_not_answered(configuration: ET.Element, uuid: str) -> None:
    assert route(configuration, "12025550101", "12025550190", uuid) == []


def test_the_far_end_names_no_channel(configuration: ET.Element) -> None:
    assert settings(configuration, "sofia.conf")["inbound-use-callid-as-uuid"] == "false"


# Secrets


def test_no_password_is_known_beforehand() -> None:
    words = re.compile(r"cluecon|changeme|letmein|hunter2|123456|passw0rd|secret123|default_password", re.IGNORECASE)
    for path in deployed():
        assert not words.search(path.read_text()), path
    for path in CONF.rglob("*.xml"):
        assert not re.search(r'name="(?:auth-)?password"', path.read_text()), f"{path}: the entrypoint writes it"
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            given = any(word in variable for word in ("PASSWORD", "TOKEN", "SECRET", "KEYS"))
            assert not given or variable.endswith("_FILE"), f"{name}: {variable}"


def test_secrets_are_made_once(machine: Machine) -> None:
    made = machine.folder / "made"
    machine.environment["SECRETS_DIR"] = str(made)
    assert machine.run(DEPLOY / "secrets.sh")[0] == 0
    first = {path.name: path.read_text() for path in made.iterdir() if path.is_file()}
    assert set(first) == set(COMPOSE["secrets"])
    (key := made / "tls" / "key.pem").touch(0o400)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700, "the files in it can be read by the containers' user"
    assert {stat.S_IMODE((made / name).stat().st_mode) for name in first} == {0o644}
    assert re.fullmatch("[0-9a-f]{48}", first["event_socket"])
    assert re.fullmatch("[0-9a-f]{48}", first["postgres"])
    assert first["event_socket"] != first["postgres"]

    (made / "sip_trunk").write_text("theirs")
    assert machine.run(DEPLOY / "secrets.sh")[0] == 0
    assert {name: (made / name).read_text() for name in first} == {**first, "sip_trunk": "theirs"}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, key.parent)] == [0o400, 0o755]

    machine.environment["SIP_TRUNK_USERNAME"] = "fax"
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    told = settings(Configuration(machine.generated).read(), "event_socket.conf")
    assert told["password"] == first["event_socket"]


def test_secrets_stay_here() -> None:
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().split()
    for ignored in (ROOT / ".dockerignore", SWITCH / ".dockerignore"):
        rules = [line for line in ignored.read_text().splitlines() if line and not line.startswith("#")]
        assert rules[0] == "*", "what is not named does not get into an image"
        assert not any(rule.startswith("!") and "secrets" in rule for rule in rules)
        assert "!deploy/" not in rules
    assert all(secret["file"] == f"deploy/secrets/{name}" for name, secret in COMPOSE["secrets"].items())


@pytest.fixture
def command(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, {"FAXGATE_COMMAND": str(tmp_path / "bin" / "command")})
    machine.program("command", 'echo "$*"; env | grep -E "^(PG|FAXGATE_(MAIL|SMS|ADMIN))" | sort')
    return machine


def test_the_gateway_takes_its_secrets_from_files(command: Machine) -> None:
    command.environment |= {
        "PGPASSWORD_FILE": str(command.secret("postgres", "a $b 'c'\n")),
        "FAXGATE_MAIL_URL_FILE": str(command.secret("mail_url", "smtp://relay")),
    }
    assert command.run(DEPLOY / "entrypoint.sh", "serve", "--role", "worker") == (
        0,
        "serve --role worker\nFAXGATE_MAIL_URL=smtp://relay\nPGPASSWORD=a $b 'c'\n",
    )


def test_every_secret_setting_can_come_from_a_file() -> None:
    secret = {f"FAXGATE_{name.upper()}" for name, one in Settings.model_fields.items() if one.annotation is SecretStr}
    (taken,) = re.findall("^for name in (.*); do$", (DEPLOY / "entrypoint.sh").read_text(), re.MULTILINE)
    assert set(taken.split()) == {"PGPASSWORD", *secret}


@pytest.mark.parametrize(("content", "complaint"), [(None, "cannot be read"), ("", "is empty"), ("\n", "is empty")])
def test_the_gateway_does_not_start_without_a_secret(command: Machine, content: str | None, complaint: str) -> None:
    command.environment["PGPASSWORD_FILE"] = str(command.secret("postgres", content))
    status, said = command.run(DEPLOY / "entrypoint.sh", "serve")
    assert status == 1
    assert said.startswith("faxgate: PGPASSWORD_FILE: ")
    assert complaint in said


# compose.yaml


GATEWAYS = {"gateway": "freeswitch", "tryout": "tryout-freeswitch"}


def address(service: str, network: str) -> str:
    found: str = SERVICES[service]["networks"][network]["ipv4_address"]
    return found


@pytest.mark.parametrize(("gateway", "freeswitch"), GATEWAYS.items())
def test_a_gateway_and_its_freeswitch_mean_the_same(tmp_path: Path, gateway: str, freeswitch: str) -> None:
    ours, theirs = SERVICES[gateway], SERVICES[freeswitch]
    (url,) = ours["environment"]["FAXGATE_LINES"].split()
    (tmp_path / "event_socket").write_text("word")
    options = read_options(url.replace("/run/secrets", str(tmp_path)), tmp_path)
    assert options.password == "word"
    assert options.port == 8021

    # Found under a name that only the network of the two knows, and let in from there.
    (network,) = set(ours["networks"]) & set(theirs["networks"])
    assert COMPOSE["networks"][network]["internal"] is True
    assert [name for name, service in SERVICES.items() if network in (service.get("networks") or {})] in (
        [gateway, freeswitch],
        [freeswitch, gateway],
    )
    assert options.host in theirs["networks"][network]["aliases"]
    assert theirs["environment"]["EVENT_SOCKET_LISTEN"] == address(freeswitch, network)
    assert theirs["environment"]["EVENT_SOCKET_ALLOW"] == address(gateway, network)

    # One spool, under the same name, and one user.
    volume = f"{theirs['volumes'][0].partition(':')[0]}:{options.node_spool}"
    assert volume in theirs["volumes"]
    assert f"{volume.partition(':')[0]}:{options.spool}" in ours["volumes"]
    assert ours["user"] == theirs["user"] == "10001:10001"


def test_what_is_dialled_exists(configuration: ET.Element) -> None:
    assert "dial=sofia/gateway/trunk/{number}" in SERVICES["gateway"]["environment"]["FAXGATE_LINES"]
    assert gateway_of(configuration)
    assert "dial=loopback/{digits}/faxgate-inbound&" in SERVICES["tryout"]["environment"]["FAXGATE_LINES"]
    assert configuration.find("section[@name='dialplan']/context[@name='faxgate-inbound']") is not None
    # There is no SIP between the ends of a loopback, so nobody would answer a request for T.38.
    assert "t38=never" in SERVICES["tryout"]["environment"]["FAXGATE_LINES"]
    assert SERVICES["tryout-freeswitch"]["environment"]["FAX_T38"] == "never"


def test_the_event_socket_is_never_published() -> None:
    for name, service in SERVICES.items():
        assert not any("8021" in port for port in service.get("ports", [])), name
        assert service.get("network_mode") != "host", name
        assert not service.get("privileged"), name


def test_the_ports_of_a_call_are_published(machine: Machine) -> None:
    assert machine.run(SWITCH / "entrypoint.sh")[0] == 0
    configuration = Configuration(machine.generated).read()
    core = settings(configuration, "switch.conf")
    sip = settings(configuration, "sofia.conf")["sip-port"]
    ports = f"{core['rtp-start-port']}-{core['rtp-end-port']}"
    assert SERVICES["freeswitch"]["ports"] == [f"{sip}:{sip}/udp", f"{sip}:{sip}/tcp", f"{ports}:{ports}/udp"]


def test_every_setting_that_compose_hands_on_is_read() -> None:
    entrypoint = (SWITCH / "entrypoint.sh").read_text()
    for freeswitch in GATEWAYS.values():
        for variable in SERVICES[freeswitch]["environment"]:
            assert f"${{{variable}:" in entrypoint, variable


def test_every_secret_and_volume_that_is_used_is_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for value in service.get("environment", {}).values():
            for secret in re.findall(r"/run/secrets/(\w+)", str(value)):
                assert secret in service["secrets"], f"{name}: {secret}"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            made = source == "./deploy/secrets/tls"  # by secrets.sh
            assert made or source in COMPOSE["volumes"] or (ROOT / source).is_file(), f"{name}: {volume}"


def test_services_are_watched_and_given_time_to_end() -> None:
    settings_of_the_gateway = SERVICES["gateway"]["environment"]
    drain = float(settings_of_the_gateway["FAXGATE_DRAIN_SECONDS"])
    for name in ("gateway", "freeswitch"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("m")) * 60 > drain, name
    assert set(SERVICES["gateway"]["depends_on"]) == {"postgres", "freeswitch"}, "they are stopped after it"
    assert all(SERVICES[name]["healthcheck"] for name in ("gateway", "tryout", "postgres"))
    # FreeSWITCH's is in its image, and names no password.
    (check,) = re.findall(r"HEALTHCHECK [^\n]*\\\n *CMD (.*)", (SWITCH / "Dockerfile").read_text())
    assert check == "fs_cli -t 5000 -x status | grep -q ^UP"


@pytest.mark.parametrize(("dockerfile", "context"), [(DEPLOY / "Dockerfile", ROOT), (SWITCH / "Dockerfile", SWITCH)])
def test_an_image_is_made_of_what_is_there_and_runs_as_the_shared_user(dockerfile: Path, context: Path) -> None:
    text = dockerfile.read_text()
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", text, re.MULTILINE)
    sources = [source for copied in copies for source in copied.split()]
    assert sources
    assert all((context / source).exists() for source in sources), sources
    allowed = {line[1:].rstrip("/") for line in (context / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert set(sources) <= allowed
    assert "USER 10001:10001" in text
    assert "--uid 10001" in text


# docs/freeswitch.md


def test_every_setting_is_described() -> None:
    read = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+):", (SWITCH / "entrypoint.sh").read_text()))
    of_the_image = {"FREESWITCH_RUN", "FREESWITCH_CONF", "SECRETS_DIR", "FAX_SPOOL"}
    described = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", GUIDE))
    assert read - of_the_image <= described
    handed_on = set(re.findall(r"\$\{(\w+):-", (ROOT / "compose.yaml").read_text()))
    as_in_env = {name for name, value in SERVICES["gateway"]["environment"].items() if value is None}
    assert as_in_env
    assert handed_on | as_in_env <= described


def test_every_setting_of_the_gateway_exists() -> None:
    known = {f"FAXGATE_{name.upper()}" for name in Settings.model_fields}
    for gateway in GATEWAYS:
        given = {name.removesuffix("_FILE") for name in SERVICES[gateway]["environment"]}
        assert given - known <= {"PGPASSWORD"}, gateway


def test_every_option_that_is_described_exists(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("word")
    table = GUIDE.partition("| option |")[2].partition("\n\n")[0]
    options = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert "node_spool" in options
    values = {"password_file": tmp_path / "word", "dial": "sofia/gateway/trunk/{number}", "spool": "/a"}
    values |= {"node_spool": "/b", "channels": 2, "t38": "never", "codecs": "PCMU", "country": "US", "name": "a"}
    values |= {"header": "gateway"}
    url = "freeswitch://host?" + "&".join(f"{name}={values[name]}" for name in options)
    described = read_options(url, tmp_path)
    assert (described.t38, described.country, described.codecs) == ("never", "US", ("PCMU",))
    assert described.header == "gateway"


def test_the_gateway_says_what_the_table_of_its_troubles_names() -> None:
    source = "".join(path.read_text() for path in (ROOT / "gateway" / "lines" / "freeswitch").glob("*.py"))
    troubles = GUIDE.partition("## What is wrong")[2]
    named = re.findall(r"^\| `((?:FreeSWITCH|The spool|is not|mod_|a fax|without)[^`]*)`", troubles, re.MULTILINE)
    assert len(named) > 5
    for words in named:
        assert all(part.strip() in source.replace("%s", "...") for part in words.split("...")), words


def test_a_freeswitch_that_is_there_can_take_our_dialplan() -> None:
    """It needs the global variables that the guide names, and no others."""
    used = set(re.findall(r"\$\$\{(\w+)\}", "".join(path.read_text() for path in copied())))
    assert used == {"faxgate_spool", "faxgate_t38", "faxgate_t38_request"}
    assert all(f"`{name}`" in GUIDE for name in used)


def copied() -> Iterator[Path]:
    yield CONF / "dialplan" / "faxgate.xml"
    for name in ("json_cdr", "spandsp"):
        yield CONF / "autoload_configs" / f"{name}.conf.xml"
