"""Removes what is not kept any longer, and dies at a point of it, as the crash tests say.

`python -m tests.doomed_removal FOLDER:commit:3 FOLDER:delete:1 ...`: in each folder a process of its own, which dies
before that commit of the turn, or at that document to be deleted. Prints how each has ended.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import event

from gateway import retention
from gateway.clock import Clock
from gateway.removal import Removal
from gateway.storage import FileDocuments
from gateway.store.engine import Store

DIED = 70


class Countdown:
    def __init__(self, number: int) -> None:
        self.left = number

    def tick(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(DIED)


class DoomedDocuments(FileDocuments):
    """Deletes one document after the other, for as long as it lives."""

    def __init__(self, folder: Path, countdown: Countdown) -> None:
        super().__init__(folder)
        self._countdown = countdown

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._countdown.tick()
            await super().delete([key])


async def main(folder: Path, what: str, number: int) -> None:
    store = await Store.open(f"sqlite:///{folder}/faxgate.db")
    countdown = Countdown(number)
    if what == "commit":
        event.listen(store.engine.sync_engine, "commit", countdown.tick)
    documents = DoomedDocuments(folder / "documents", countdown if what == "delete" else Countdown(0))
    await retention.expire(Removal(store=store, documents=documents, clock=Clock()))
    await store.close()


def fork(folder: str, what: str, number: str) -> int:
    """The end of a process that does so: what it shares with others is imported already."""
    child = os.fork()
    if child == 0:
        asyncio.run(main(Path(folder), what, int(number)))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    print(*(fork(*word.split(":")) for word in sys.argv[1:]))
