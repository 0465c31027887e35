"""Every recorded session, byte for byte, through the reader of a connection: all is read, and the end is named."""

import io

import gevent.event
import pytest

from gateway.lines.freeswitch.eventsocket import _Protocol
from gateway.lines.freeswitch.messages import Event
from tests.lines.freeswitch.recordings import Kind, recording, recording_names

GOODBYE = "FreeSWITCH ended the connection"

ENDS = {
    "acl_rejected": "refuses our address",
    "shutdown_mid_transfer": "the connection broke",
    "shutdown_mid_transfer__cmd": "the connection broke",
    "sigkill_mid_transfer": "the connection broke",
}
"""How the sessions end that do not end with a notice."""

REPLIES = (Kind.COMMAND_REPLY, Kind.API_RESPONSE)


@pytest.mark.parametrize("name", recording_names())
def test_a_recorded_session(name: str) -> None:
    recorded = recording(name)
    heard: list[Event] = []
    protocol = _Protocol("", 0, "", timeout=1, heard=heard.append, ended=lambda: None)
    answers = [gevent.event.AsyncResult() for message in recorded.messages if message.kind in REPLIES]
    protocol._commands_sent = list(answers)
    protocol.sock_file = io.BytesIO(b"".join(message.raw for message in recorded.messages))
    protocol.connected = True
    protocol.receive_events()

    events = [message for message in recorded.messages if message.kind is Kind.EVENT]
    assert [event.uuid for event in heard] == [message.uuid for message in events]
    assert [event.name for event in heard] == [
        message.subclass if message.event == "CUSTOM" else message.event for message in events
    ]
    told = [answer.get(block=False).data for answer in answers]
    expected = [message.text for message in recorded.messages if message.kind in REPLIES]
    assert [text.strip() for text in told] == [text.strip() for text in expected]
    assert ENDS.get(name, GOODBYE) in protocol.reason
