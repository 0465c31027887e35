"""Names of files that every system takes."""

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.fax import Fax
from gateway.filenames import fax_filename

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("+12025550190", "fax-2026-11-23-1405-from-12025550190.pdf"),
        ("", "fax-2026-11-23-1405-from-unknown.pdf"),
        ("anonymous", "fax-2026-11-23-1405-from-unknown.pdf"),
        ("../../etc/passwd", "fax-2026-11-23-1405-from-unknown.pdf"),
        ("CON", "fax-2026-11-23-1405-from-unknown.pdf"),
        ("١٢٣", "fax-2026-11-23-1405-from-unknown.pdf"),
    ],
)
def test_the_name_of_a_received_fax(received: Fax, number: str, name: str) -> None:
    assert fax_filename(replace(received, from_number=number), PARIS) == name


def test_the_name_of_a_sent_fax(sent: Fax) -> None:
    assert fax_filename(sent, PARIS, "tiff") == "fax-2026-11-23-1405-to-12025550190.tiff"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.text(max_size=100))
def test_any_number_makes_a_safe_name(received: Fax, number: str) -> None:
    name = fax_filename(replace(received, from_number=number), PARIS)
    assert re.fullmatch(r"fax-[0-9-]{15}-from-([0-9]{1,20}|unknown)\.pdf", name)
    assert len(name) < 64
