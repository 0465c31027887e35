"""A few of what `make fuzz` throws, always the same; and what it has found once, for good."""

from functools import partial

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.hostile import fuzzing
from tests.hostile.conftest import Target
from tests.hostile.fuzzing import Watched

few = partial(
    settings,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def watched(target: Target) -> Watched:
    description = httpx.get(f"http://127.0.0.1:{target.api_port}/openapi.json").json()
    return Watched(target, description, len(target.log.encode()))


@few(max_examples=100)
@given(fuzzing.MAILS, st.booleans())
def test_mails(octets: bytes, body_as_page: bool) -> None:
    fuzzing.mail(octets, body_as_page)


@few(max_examples=30)
@given(said=fuzzing.DIALOGUES)
def test_dialogues(watched: Watched, said: bytes) -> None:
    fuzzing.dialogue(watched, said)


def test_requests(watched: Watched) -> None:
    @few(max_examples=60)
    @given(fuzzing.requests(watched))
    def one(said: bytes) -> None:
        fuzzing.request(watched, said)

    one()
