"""What the API can do: each operation with its method, address, scope and the models of what it takes.

The routes, the checks and the OpenAPI description are all made from this one list, so that none of them can say
something else than the others. A body is read whatever its Content-Type says: a plain `curl -d` announces a form.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from admin_api.auth import Caller, caller
from admin_api.envelope import BadFields
from gateway.errors import BadField, NotPermitted, TooLarge

ACCOUNT = "/accounts/{account_id}"
"""Before the address of everything that belongs to an account."""

PUBLIC = "public"
"""The scope of what needs no token."""

MOST_JSON = 1 << 16
"""Bytes of a JSON body."""

MOST_DEPTH = 32
"""Of a JSON body, one in another."""

MOST_PROBLEMS = 20
"""That are named in one answer."""

Answer = Callable[[Request], Awaitable[Response]]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    """Below `/v2`; addresses below `/v2/accounts/{account_id}` are for who may act for that account."""
    answer: Answer
    summary: str
    scope: str = "read"
    """What a token must be allowed: `read`, `send` or `admin`; `superuser` is the superuser's alone, who may all.
    `PUBLIC` needs no token."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    """The model of `data` in the body."""
    action: str = ""
    """The one value of `action` beside `data`; empty where the body has none."""
    uploads: tuple[str, ...] = ()
    """The types of documents that may come instead of JSON: as the body, described by the query, or in a multipart."""
    gives: Any = None
    """The type of `data` in what it answers (a model, a TypedDict, `list[...]`); None leaves it undescribed."""
    gives_dry: Any = None
    """The same of what it answers, with 200, to who only wants to see what would be done; None where nobody can."""
    status: int = 200
    media_types: tuple[str, ...] = ("application/json",)
    """What it answers."""


def routes(operations: Iterable[Operation]) -> list[Route]:
    """One route for each address, however many methods it has."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_route(path, methods) for path, methods in by_path.items()]


def _route(path: str, methods: dict[str, Operation]) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = methods["GET" if request.method == "HEAD" else request.method]
        if operation.scope != PUBLIC:
            _check_scope(caller(request), operation.scope)
        return await operation.answer(request)

    return Route(path, endpoint, methods=list(methods))


def _check_scope(calling: Caller, scope: str) -> None:
    if not calling.superuser and scope not in calling.scopes:
        raise NotPermitted(f"This token has not the scope {scope}.")


async def read_json(request: Request, most: int = MOST_JSON) -> dict[str, Any]:
    """The JSON object of a body. Raises BadField, TooLarge."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise TooLarge(f"A JSON body has at most {most} bytes.")
    except ClientDisconnect as error:
        raise BadField("body", "The body broke off.") from error
    try:
        found = json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadField("body", f"The body is no JSON: {error}") from error
    if _deeper_than(found, MOST_DEPTH):
        raise BadField("body", f"The body is nested more than {MOST_DEPTH} deep.")
    if not isinstance(found, dict):
        raise BadField("body", 'The body is an object: {"data": {...}}.')
    return found


async def read_data(request: Request, model: type[Model], most: int = MOST_JSON) -> Model:
    """`data` of the body, as the model. Raises BadField, BadFields, TooLarge."""
    body = await read_json(request, most)
    return validated(model, body.get("data", {}))


def validated(model: type[Model], data: object) -> Model:
    """Raises BadFields naming every field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise BadFields(problems(error)) from error


def problems(error: ValidationError) -> Sequence[tuple[str, str, str]]:
    """(dotted field, code, message) of each."""
    return [
        (".".join(str(part) for part in problem["loc"]) or "data", problem["type"], problem["msg"])
        for problem in error.errors(include_url=False, include_input=False)[:MOST_PROBLEMS]
    ]


def _deeper_than(value: object, most: int) -> bool:
    """Level by level, so that depth costs no recursion."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
