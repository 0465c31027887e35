"""The bench for documents measures what it says: characters, line time, likeness."""

import numpy as np
import pytest

from benchmarks.airtime import line_seconds
from benchmarks.likeness import likeness, pictures
from benchmarks.reading import distance, errors
from benchmarks.scanners import portrait


@pytest.mark.parametrize(
    ("truth", "found", "wrong"),
    [
        ("one two three", "one two three", 0),
        ("one two three", "three  one\ntwo", 0),
        ("one two three", "one twq three", 1),
        ("one two three", "one three", 3),
        ("one two", "one two and", 3),
        ("“a—b”", '"a-b"', 0),
        ("one", "", 3),
    ],
)
def test_errors_are_counted_whatever_the_order(truth: str, found: str, wrong: int) -> None:
    assert errors(truth, found) == wrong


def test_distance() -> None:
    assert distance("kitten", "sitting") == 3


def test_a_page_takes_its_frames_and_its_procedures() -> None:
    seconds = line_seconds(bytes(65536))  # one block: 256 frames of 263 octets and no bit stuffed
    assert seconds == pytest.approx(256 * 263 * 8 / 14400 + 3, abs=0.2)
    assert line_seconds(b"\xff" * 65536) == pytest.approx(seconds + 65536 * 8 / 5 / 14400, abs=0.1)
    assert line_seconds(bytes(65537)) > seconds + 2.9, "a second block"


def test_likeness_falls_with_what_differs() -> None:
    meant = np.full((600, 600), 255, np.uint8)
    meant[60:560, 60:460] = np.asarray(portrait((400, 500), 1))
    where = pictures(meant)
    assert where[60:560, 60:460].mean() > 0.97
    assert not where[:50].any()
    dotted = np.random.default_rng(1).uniform(0, 255, meant.shape) < meant
    assert likeness(meant, meant, where) == pytest.approx(1)
    assert 0.2 < likeness(dotted.astype(np.uint8) * 255, meant, where) < 0.95
