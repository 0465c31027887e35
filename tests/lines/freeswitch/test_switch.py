"""The event socket of the scripted FreeSWITCH, told with a client that has no ideas of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.lines.freeswitch.client import Connect, clients, job, named, over
from tests.lines.freeswitch.originate import Originate
from tests.lines.freeswitch.recordings import Kind, recording
from tests.lines.freeswitch.switch import Moment, Play, Switch


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[Switch]:
    async with Switch(pace=0.002, cdr_directory=tmp_path) as switch:
        yield switch


@pytest.fixture
async def connect(switch: Switch) -> AsyncIterator[Connect]:
    async with clients(switch) as connect:
        yield connect


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "out.tif"
    file.write_bytes(b"the bytes of a page")
    return file


async def test_a_session_goes_as_recorded(connect: Connect) -> None:
    client = await connect(subscribed=False)
    session = recording("auth_ok")
    expected = [message for message in session.messages if message.kind is not Kind.EVENT]
    assert await client.one() == expected.pop(0).kind.value
    for sent in session.sent:
        message = expected.pop(0)
        assert await client.ask(sent.text) == message.text or "Job-UUID" in message.text
    assert await client.end() == ["text/disconnect-notice"]


async def test_a_wrong_password_ends_the_connection(connect: Connect) -> None:
    client = await connect(subscribed=False)
    await client.read()
    assert await client.ask("api status") == "-ERR command not found"
    assert await client.ask("auth wrong") == "-ERR invalid"
    assert await client.end() == ["text/disconnect-notice"]


async def test_a_client_that_is_not_listed_is_sent_away(switch: Switch, connect: Connect) -> None:
    switch.rejecting = True
    client = await connect(subscribed=False)
    assert await client.end() == ["text/rude-rejection", "text/disconnect-notice"]


async def test_who_does_not_say_the_password_is_dismissed(switch: Switch, connect: Connect) -> None:
    switch.auth_seconds = 0.02
    client = await connect(subscribed=False)
    assert await client.end() == ["auth/request", "text/disconnect-notice"]


async def test_a_paused_switch_dials_nothing(switch: Switch, connect: Connect, file: Path) -> None:
    client = await connect()
    assert await client.ask("api fsctl pause") == "+OK\n"
    uuid = await client.dial(file)
    assert (await client.until(job(uuid))).body == "-ERR DESTINATION_OUT_OF_ORDER\n"
    assert await client.ask("api fsctl resume") == "+OK\n"
    await client.until(over(await client.dial(file)))
    assert uuid not in {event.uuid for event in client.events}


async def test_a_job_answers_in_an_event(connect: Connect) -> None:
    client = await connect()
    await client.ask("bgapi version\nJob-UUID: 11111111-2222-3333-4444-555555555555")
    told = await client.until(lambda event: event.name == "BACKGROUND_JOB")
    assert told.job_uuid == "11111111-2222-3333-4444-555555555555"
    assert told.body.startswith("FreeSWITCH Version 1.11.1")
    await client.ask("bgapi originate {a=b")
    assert (await client.until(lambda event: event.get("Job-Command") == "originate")).body.startswith("-USAGE: ")


async def test_a_filter_drops_the_jobs_too(connect: Connect, file: Path) -> None:
    client = await connect()
    uuid = str(uuid4())
    await client.ask(f"filter Unique-ID {uuid}")
    await client.until(over(await client.dial(file, "33100002000", uuid)))
    assert {event.uuid for event in client.events} == {uuid}


async def test_a_call_outlives_its_connection(switch: Switch, connect: Connect, file: Path) -> None:
    switch.script = lambda _: Play("success_1page_sofia_audio", hold=Moment.NEGOTIATED)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("spandsp::txfaxnegociateresult", uuid))
    await switch.drop(notice=True)
    assert "text/disconnect-notice" in await client.end()
    client = await connect()
    assert await client.ask("api global_getvar core_uuid") == switch.core_uuid
    assert await client.ask(f"api uuid_exists {uuid}") == "true"
    switch.release(uuid)
    await client.until(over(uuid))
    await switch.ended(uuid)


async def test_a_killed_switch_comes_back_without_its_calls(
    switch: Switch, connect: Connect, file: Path, tmp_path: Path
) -> None:
    switch.script = lambda _: Play("success_1page_sofia_audio", hold=Moment.ANSWERED)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("CHANNEL_ANSWER", uuid))
    core_uuid, port = switch.core_uuid, switch.port
    await switch.kill()
    assert "text/disconnect-notice" not in await client.end()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    await switch.restart()
    assert switch.port == port
    client = await connect()
    assert await client.ask("api global_getvar core_uuid") == switch.core_uuid != core_uuid
    assert await client.ask(f"api uuid_exists {uuid}") == "false"
    assert not list(tmp_path.glob("*.cdr.json"))


@pytest.mark.parametrize("elegantly", [False, True])
async def test_a_shutdown_ends_the_calls_first(
    switch: Switch, connect: Connect, file: Path, tmp_path: Path, elegantly: bool
) -> None:
    switch.script = lambda _: Play("success_1page_sofia_audio", hold=None if elegantly else Moment.NEGOTIATED)
    client, other = await connect(), await connect()
    uuid = await client.dial(file)
    await client.until(named("spandsp::txfaxnegociateresult", uuid))
    assert await other.ask("api fsctl shutdown" + " elegant" * elegantly) == "+OK\n"
    await client.until(lambda event: event.name == "SHUTDOWN")
    await switch.ended(uuid)
    await client.until(over(uuid))
    assert (await client.end())[-1] == "text/disconnect-notice"
    variables = json.loads((tmp_path / f"{uuid}.cdr.json").read_text())["variables"]
    assert variables["fax_result_code"] == ("0" if elegantly else "49")
    assert variables["hangup_cause"] == ("NORMAL_CLEARING" if elegantly else "SYSTEM_SHUTDOWN")
    with pytest.raises(ConnectionRefusedError):
        await connect()


async def test_a_shutdown_now_says_nothing(switch: Switch, connect: Connect, file: Path) -> None:
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("CHANNEL_ANSWER", uuid))
    with pytest.raises(EOFError):
        await client.ask("api fsctl shutdown now")
    await switch.restart()
    assert await (await connect()).ask(f"api uuid_exists {uuid}") == "false"


async def test_a_frozen_switch_takes_all_and_says_nothing(switch: Switch, connect: Connect, file: Path) -> None:
    client = await connect()
    switch.freeze()
    client.writer.write(b"api status\n\n")
    assert (await switch.heard("api status")).connection == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.read(), 0.05)
    late = await connect(subscribed=False)
    switch.thaw()
    assert await client.one() == "api/response"
    assert await late.one() == "auth/request"


async def test_garbage_comes_as_it_is(switch: Switch, connect: Connect) -> None:
    client = await connect()
    await switch.subscribed()
    await switch.garble(b"Content-Length: 1000\nContent-Type: text/event-plain\n\nEvent-Na")
    await switch.drop()
    assert await client.reader.read() == b"Content-Length: 1000\nContent-Type: text/event-plain\n\nEvent-Na"
    assert switch.connections == 0


async def test_a_script_that_fails_fails_the_test(switch: Switch, connect: Connect, file: Path) -> None:
    def script(_: Originate) -> Play:
        raise KeyError("no such number")

    switch.script = script
    client = await connect()
    with pytest.raises(EOFError):
        await client.dial(file)
    assert str(switch.errors.pop()) == "'no such number'"
