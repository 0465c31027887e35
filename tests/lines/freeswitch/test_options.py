"""The URL of a FreeSWITCH line: what is wrong is named, and a password never."""

from pathlib import Path

import pytest

from gateway.building import build_lines
from gateway.lines.freeswitch.line import freeswitch_lines
from gateway.lines.freeswitch.options import FreeswitchOptions, read_options
from gateway.settings import BadSettingsError, read

DIAL = "dial=sofia/gateway/trunk/{number}"
HERE = Path("/data/lines/freeswitch")


def test_the_least_that_is_needed() -> None:
    assert read_options(f"freeswitch://:pa%3Ass@switch?{DIAL}", HERE) == FreeswitchOptions(
        host="switch",
        port=8021,
        password="pa:ss",
        name="freeswitch://switch:8021",
        dial="sofia/gateway/trunk/{number}",
        spool=HERE,
        node_spool=str(HERE),
    )


def test_every_option() -> None:
    url = (
        f"freeswitch://:p@[::1]:8022?{DIAL}&spool=/spool&node_spool=/srv/fax&channels=30&t38=never&header=gateway"
        "&codecs=PCMA,PCMU&country=DE&name=berlin"
    )
    assert read_options(url, HERE) == FreeswitchOptions(
        host="::1",
        port=8022,
        password="p",
        name="berlin",
        dial="sofia/gateway/trunk/{number}",
        spool=Path("/spool"),
        node_spool="/srv/fax",
        channels=30,
        t38="never",
        header="gateway",
        codecs=("PCMA", "PCMU"),
        country="DE",
    )


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    options = read_options(f"freeswitch://switch?{DIAL}&password_file={secret}", HERE)
    assert options.password == "s3cret"
    assert "s3cret" not in repr(options)


WRONG = [
    ("freeswitch://:hush@switch", "dial is missing"),
    (f"freeswitch://switch?{DIAL}", "a password is needed"),
    (f"freeswitch://:hush@?{DIAL}", "expected freeswitch://"),
    (f"freeswitch://:hush@switch:99999?{DIAL}", "address"),
    (f"freeswitch://:hush@switch/x?{DIAL}", "expected freeswitch://"),
    (f"freeswitch://:hush@switch?{DIAL}&{DIAL}", "dial is given twice"),
    (f"freeswitch://:hush@switch?{DIAL}&channels=0", "channels is a number"),
    (f"freeswitch://:hush@switch?{DIAL}&channels=many", "channels is a number"),
    (f"freeswitch://:hush@switch?{DIAL}&t38=maybe", "t38 is on, off or never"),
    (f"freeswitch://:hush@switch?{DIAL}&header=both", "header is freeswitch or gateway"),
    (f"freeswitch://:hush@switch?{DIAL}&spool=here", "spool is an absolute path"),
    (f"freeswitch://:hush@switch?{DIAL}&node_spool=/with%20space", "node_spool"),
    (f"freeswitch://:hush@switch?{DIAL}&node_spool=/a)", "node_spool"),
    (f"freeswitch://:hush@switch?{DIAL}&country=Germany", "country is two capital letters"),
    (f"freeswitch://:hush@switch?{DIAL}&codecs=PCMU;x", "codecs"),
    (f"freeswitch://:hush@switch?{DIAL}&colour=red", "no option 'colour'"),
    (f"freeswitch://switch?{DIAL}&password_file=/nowhere", "password_file cannot be read"),
    *(
        (f"freeswitch://:hush@switch?dial={dial}", "dial is an endpoint")
        for dial in (
            "sofia/gateway/trunk",
            "{number}",
            "sofia/gateway/trunk/{number}%20&park",
            "sofia/{x=1}/{number}",
            "sofia/gateway/a/{number},sofia/gateway/b/{number}",
            "sofia/gateway/a/{number}|x",
            "sofia/gateway/[x=y]a/{number}",
            "sofia/gateway/a/{number}%0Abgapi",
            "sofia/gateway/'/{number}",
        )
    ),
]


@pytest.mark.parametrize(("url", "said"), WRONG)
def test_what_is_wrong_is_named(url: str, said: str) -> None:
    with pytest.raises(ValueError, match="freeswitch line") as error:
        read_options(url, HERE)
    assert said in str(error.value)
    assert "hush" not in str(error.value)


def test_the_gateways_own_spool_is_not_shared(tmp_path: Path) -> None:
    settings = read(data_dir=tmp_path, lines=f"freeswitch://:hush@switch?{DIAL}&spool={tmp_path}/spool")
    assert "hush" not in repr(settings)
    with pytest.raises(BadSettingsError, match="cleans up"):
        build_lines(settings)


def test_lines_have_names_of_their_own() -> None:
    twice = [f"freeswitch://:p@a?{DIAL}", "freeswitch://:p@a?dial=sofia/gateway/other/{number}"]
    with pytest.raises(ValueError, match="name=NAME"):
        freeswitch_lines(twice, HERE)
    lines = freeswitch_lines([twice[0], f"{twice[1]}&name=other", f"freeswitch://:p@b?{DIAL}&spool=/b"], HERE)
    assert [line.name for line in lines] == ["freeswitch://a:8021", "other", "freeswitch://b:8021"]
    assert [line.receives for line in lines] == [True, False, True]
    assert [len(line.siblings) for line in lines] == [2, 2, 1]
