"""What events a connection has asked for."""

import re

from tests.lines.freeswitch.event import Event

_KNOWN = re.compile(
    r"CHANNEL_(CREATE|DESTROY|STATE|CALLSTATE|ANSWER|HANGUP(_COMPLETE)?|EXECUTE(_COMPLETE)?|PROGRESS(_MEDIA)?"
    r"|(UN)?HOLD|(UN)?BRIDGE|(UN)?PARK|OUTGOING|APPLICATION|ORIGINATE|UUID)"
    r"|CUSTOM|CLONE|API|LOG|STARTUP|SHUTDOWN|TRAP|DTMF|MESSAGE|MODULE_(UN)?LOAD|RELOADXML|(SESSION_)?HEARTBEAT"
    r"|BACKGROUND_JOB|RE_SCHEDULE|CALL_UPDATE|MEDIA_BUG_(START|STOP)|ALL"
)
NO_KEYWORDS = "-ERR no keywords supplied"


class Subscription:
    def __init__(self) -> None:
        self._names: set[str] = set()
        self._subclasses: set[str] = set()
        self._filters: list[tuple[str, str]] = []

    @property
    def empty(self) -> bool:
        return not self._names

    def wants(self, event: Event) -> bool:
        if event.name == "CUSTOM":
            asked = event.subclass in self._subclasses or "ALL" in self._names
        else:
            asked = event.name in self._names or "ALL" in self._names
        # A filter holds for all events: one on Unique-ID drops BACKGROUND_JOB too, which has none.
        return asked and (not self._filters or any(event.get(name) == value for name, value in self._filters))

    def add(self, words: list[str]) -> str:
        """`event`. Everything that follows CUSTOM is a subclass; a name that FreeSWITCH does not know is passed over in
        silence, unless there is no other."""
        form = "plain"
        if words and words[0].lower() in ("plain", "json", "xml"):
            form, *words = words
        names, subclasses = _parted(words)
        if not names:
            return NO_KEYWORDS
        if form == "plain":  # in another form nothing was recorded that could be played
            self._names |= names
            self._subclasses |= subclasses
        return f"+OK event listener enabled {form}"

    def remove(self, words: list[str]) -> str:
        """`nixevent`."""
        names, subclasses = _parted(words)
        if not names:
            return NO_KEYWORDS
        self._names -= names - {"CUSTOM"}
        self._subclasses -= subclasses
        return "+OK events nixed"

    def clear(self) -> str:
        """`noevents`."""
        self._names.clear()
        self._subclasses.clear()
        return "+OK no longer listening for events"

    def filter(self, words: list[str]) -> str:
        if words[:1] == ["delete"]:
            header, value = words[1], " ".join(words[2:])
            self._filters = [kept for kept in self._filters if kept[0] != header or (value and kept[1] != value)]
            return f"+OK filter deleted. [{header}][{value}]"
        if len(words) < 2:
            return "-ERR invalid syntax"
        self._filters.append((words[0], " ".join(words[1:])))
        return f"+OK filter added. [{words[0]}]=[{' '.join(words[1:])}]"


def _parted(words: list[str]) -> tuple[set[str], set[str]]:
    """The known names, and the subclasses."""
    upper = [word.upper() for word in words]
    custom = upper.index("CUSTOM") if "CUSTOM" in upper else len(upper)
    return {name for name in upper[: custom + 1] if _KNOWN.fullmatch(name)}, set(words[custom + 1 :])
