"""What is said of a fax that is on its way: why it has not got through yet, and when it is called next. Pure."""

from datetime import datetime, tzinfo

from gateway.explanations import explain
from gateway.fax import Fax, Status
from gateway.languages import ENGLISH, Language, said
from gateway.wording import one_line, time_words


def so_far(fax: Fax, before: int = 0) -> str:
    """Why it has not got through yet, as a sentence. Of its pages `before` had arrived before the last call."""
    if fax.result is not None and not fax.result.success:
        return explain(fax.result, before).sentence
    if fax.error:
        return one_line(fax.error, 500)
    if fax.status is Status.ATTACHING_FILES:
        return said("Its document has not been made into fax pages yet.")
    if fax.attempts:
        return said("No call has brought it through yet.")
    return said("It has not been called yet, because no telephone line was free or the number was in use.")


def next_call(fax: Fax, now: datetime, zone: tzinfo, say: Language = ENGLISH) -> str:
    """`23 November 2026, 14:05:09 CET`, or what it waits for."""
    if fax.status is Status.PROCESSING:
        return say(said("under way now"))
    if fax.status is Status.ATTACHING_FILES:
        return say(said("when its document is ready"))
    if fax.due_at is not None and fax.due_at > now:
        return time_words(fax.due_at, zone, say)
    return say(said("as soon as a line is free"))
