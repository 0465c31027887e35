"""Streams that no FreeSWITCH would send: cut anywhere, out of order, with garbage in them.

The reader ends every one of them, with a reason; and no such stream makes a delivered fax of one that was not.
"""

import io
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.lines.freeswitch.eventsocket import _Protocol
from gateway.lines.freeswitch.messages import Event
from gateway.lines.freeswitch.outgoing import OutgoingCall
from tests.lines.freeswitch.recordings import Recording, recording

NOT_DELIVERED = (
    "remote_hangup_mid_page1",
    "uuid_kill_mid_transfer",
    "busy_sofia",
    "tiff_nonexistent",
    "voice_answer_then_hangup",
    "trunk_no_such_gateway",
    "early_media_then_busy_NOT_ignored",
)


def read(stream: bytes) -> tuple[list[Event], str]:
    """What the reader of a connection makes of these bytes: the events, and why it ended."""
    heard: list[Event] = []
    ended: list[None] = []
    protocol = _Protocol("", 0, "", timeout=1, heard=heard.append, ended=lambda: ended.append(None))
    protocol.sock_file = io.BytesIO(stream)
    protocol.connected = True
    protocol.receive_events()
    assert len(ended) == 1
    assert not protocol.connected
    return heard, protocol.reason


def outcome(recorded: Recording, events: Sequence[Event]) -> OutgoingCall:
    pages = 3 if recorded.originate and "three" in recorded.originate.text else 1
    call = OutgoingCall(call_id="c", uuid=recorded.uuid, job=recorded.job_uuid, pages=pages)
    for event in events:
        mine = event.get("Job-UUID") == call.job if event.name == "BACKGROUND_JOB" else event.uuid == call.uuid
        if mine and call.result is None:
            call.hear(event)
    return call


@pytest.mark.parametrize("name", [*NOT_DELIVERED, "success_3pages_ecm"])
def test_the_reader_reads_what_was_recorded(name: str) -> None:
    recorded = recording(name)
    events, reason = read(b"".join(message.raw for message in recorded.events))
    assert len(events) == len(recorded.events)
    assert reason
    call = outcome(recorded, events)
    assert (call.result is not None and call.result.success) == (name not in NOT_DELIVERED)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(NOT_DELIVERED), seed=st.integers(0, 2**32))
def test_events_in_any_order_never_make_a_delivered_fax(name: str, seed: int) -> None:
    recorded = recording(name)
    messages = [message.raw for message in recorded.events]
    random.Random(seed).shuffle(messages)
    call = outcome(recorded, read(b"".join(messages))[0])
    assert call.result is None or not call.result.success


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(NOT_DELIVERED), cut=st.floats(0, 1), tail=st.binary(max_size=64))
def test_a_stream_cut_anywhere_ends(name: str, cut: float, tail: bytes) -> None:
    recorded = recording(name)
    stream = b"".join(message.raw for message in recorded.events)
    events, reason = read(stream[: int(len(stream) * cut)] + tail)
    assert reason
    call = outcome(recorded, events)
    assert call.result is None or not call.result.success


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(NOT_DELIVERED), at=st.floats(0, 1), garbage=st.binary(min_size=1, max_size=256))
def test_garbage_anywhere_ends_or_is_passed_over(name: str, at: float, garbage: bytes) -> None:
    recorded = recording(name)
    stream = b"".join(message.raw for message in recorded.events)
    place = int(len(stream) * at)
    events, reason = read(stream[:place] + garbage + stream[place:])
    assert reason
    call = outcome(recorded, events)
    assert call.result is None or not call.result.success


@settings(max_examples=300, deadline=None)
@given(stream=st.binary(max_size=2048))
def test_random_bytes_end(stream: bytes) -> None:
    events, reason = read(stream)
    assert reason
    assert events == [] or stream.startswith(b"Content-")


HEADS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/event-plain\n",
            b"Content-Type: command/reply\n",
            b"Content-Type: api/response\n",
            b"Content-Type: text/disconnect-notice\n",
            b"Content-Type: text/rude-rejection\n",
            b"Content-Type: auth/request\n",
            b"Content-Type: log/data\n",
            b"Content-Length: 12\n",
            b"Content-Length: 0\n",
            b"Content-Length: -1\n",
            b"Reply-Text: +OK\n",
            b"Event-Name: CHANNEL_HANGUP_COMPLETE\n",
            b"variable_fax_success: 1\n",
            b"\n",
            b"\n\n",
            b"x" * 12,
        ]
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(lines=HEADS)
def test_lines_in_any_order_end(lines: list[bytes]) -> None:
    assert read(b"".join(lines))[1]
