"""What the switch answers to an `api` command."""

from functools import cache
from pathlib import Path

from tests.lines.freeswitch.exchange import Exchange
from tests.lines.freeswitch.recordings import Kind, recording

_NO_CHANNEL = "-ERR No such channel!\n"
_EMPTY = "-ERR no reply\n"


def answer(exchange: Exchange, command: str) -> str:
    """The answer to a command that changes nothing but calls. An unknown one is refused as it was recorded."""
    name, _, rest = command.partition(" ")
    arguments = rest.split()
    if name in _ANSWERS:
        return _ANSWERS[name](exchange, arguments)
    return _recorded().get(command) or f"-ERR {name} Command not found!\n"


@cache
def _recorded() -> dict[str, str]:
    """What was answered to `version`, `status` and the like."""
    session = recording("auth_ok")
    commands = [sent.text.removeprefix("api ") for sent in session.sent if sent.text.startswith("api ")]
    answers = [message.body.decode() for message in session.messages if message.kind is Kind.API_RESPONSE]
    return dict(zip(commands, answers, strict=True))


def _uuid_exists(exchange: Exchange, arguments: list[str]) -> str:
    return "true" if arguments and arguments[0] in exchange.live else "false"


def _uuid_kill(exchange: Exchange, arguments: list[str]) -> str:
    if not arguments:
        return "-USAGE: <uuid> [cause]\n"
    return "+OK\n" if exchange.hang_up(*arguments[:2]) else _NO_CHANNEL


def _uuid_getvar(exchange: Exchange, arguments: list[str]) -> str:
    if len(arguments) < 2:
        return "-USAGE: <uuid> <var>\n"
    uuid, variable = arguments[:2]
    if uuid not in exchange.live:
        return _NO_CHANNEL
    return exchange.call(uuid).state.get(f"variable_{variable}") or "_undef_"


def _global_getvar(exchange: Exchange, arguments: list[str]) -> str:
    if arguments == ["core_uuid"]:
        return exchange.core_uuid
    return _recorded().get("global_getvar " + " ".join(arguments), _EMPTY)


def _show(exchange: Exchange, arguments: list[str]) -> str:
    if arguments[1:] == ["count"]:
        return f"\n{len(exchange.live)} total.\n"
    rows = ",".join(f'{{"uuid":"{uuid}"}}' for uuid in exchange.live)
    return f'{{"row_count":{len(exchange.live)},"rows":[{rows}]}}' if rows else '{"row_count": 0}\n'


def _hupall(exchange: Exchange, arguments: list[str]) -> str:
    cause = arguments[0] if arguments else "MANAGER_REQUEST"
    for uuid in exchange.live:
        exchange.hang_up(uuid, cause)
    return f"+OK hangup all channels with cause {cause}\n"


def _fsctl(exchange: Exchange, arguments: list[str]) -> str:
    match arguments:
        case ["pause" | "resume" as what, *_]:
            exchange.paused = what == "pause"
            return "+OK\n"
        case ["pause_check", *_]:
            return "true" if exchange.paused else "false"
        case ["max_sessions", number]:
            return f"+OK max sessions: {number}\n"
        case _:
            return "-USAGE: [pause|pause_check|resume|shutdown|max_sessions]\n"


def _file_exists(exchange: Exchange, arguments: list[str]) -> str:
    return "true" if Path(" ".join(arguments)).exists() else "false"


def _module_exists(exchange: Exchange, arguments: list[str]) -> str:
    return "true" if arguments and arguments[0] in exchange.modules else "false"


_ANSWERS = {
    "file_exists": _file_exists,
    "module_exists": _module_exists,
    "uuid_exists": _uuid_exists,
    "uuid_kill": _uuid_kill,
    "uuid_getvar": _uuid_getvar,
    "global_getvar": _global_getvar,
    "show": _show,
    "hupall": _hupall,
    "fsctl": _fsctl,
}
