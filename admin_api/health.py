"""`/healthz`: whether the gateway can do its work, for a load balancer or a monitor. Needs no token, so it tells names
and nothing else; why a line does not work is in the log and in `faxgate status`."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.errors import FaxgateError
from gateway.ports import Line
from gateway.store import lines as lines_of
from gateway.store import tables
from gateway.store.engine import Store

ANSWER_WITHIN = 5.0
"""Seconds: a database that takes longer does not work."""


@dataclass(frozen=True, slots=True)
class Health:
    store: Store
    lines: Sequence[Line]

    async def get(self, request: Request) -> Response:
        """200 when all is well or some lines are left, 503 with `problems` when no fax could be sent. A line that the
        operator drains is no problem."""
        problem, draining = await self._database()
        lines = [line.status() for line in self.lines]
        down = [f"The line {line.name} is unavailable." for line in lines if not line.available]
        failed = bool(problem) or (bool(lines) and len(down) == len(lines))
        body = {
            "status": "unavailable" if failed else "ok",
            "database": "unavailable" if problem else "ok",
            "lines": [
                {
                    "name": line.name,
                    "available": line.available,
                    "free": line.free,
                    "active": line.active,
                    "draining": line.name in draining,
                }
                for line in lines
            ],
            "problems": ([problem] if problem else []) + down,
        }
        return JSONResponse(body, 503 if failed else 200, {"Cache-Control": "no-store"})

    async def _database(self) -> tuple[str, Collection[str]]:
        """What is wrong with it, and the lines that it says are drained."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN), self.store.read() as connection:
                await connection.execute(select(tables.account.c.id).limit(1))
                return "", await lines_of.draining(connection)
        except FaxgateError as error:
            return error.text, ()
        except TimeoutError:
            return "The database does not answer.", ()
