"""The description of the API (OpenAPI 3.1) at `/openapi.json`, and the same as a page to read at `/docs`.

Made from the list of operations that the routes are made from, and from the models that check what they take, so that
it cannot say something else than the server does. It is made at the first request, and kept. Needs no token: it tells
nothing that this program's source does not.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from admin_api.bodies import (
    JSON,
    LEFT_OUT,
    Schema,
    bare_document_parameters,
    binary,
    resolved,
    said_of_body,
    taken,
    without_null,
)
from admin_api.browsers import SAFE
from admin_api.envelope import revision_of
from admin_api.operations import Operation
from admin_api.paging import ListQuery
from admin_api.revisions import etag, not_modified
from gateway.languages import OWN

REFERENCE = "#/components/schemas/{model}"

ABOUT = """\
Send, receive and follow faxes. Every answer is an envelope: what was asked for is in `data`, and `status` is `success`.
Times are Gregorian seconds (from the year 0, UTC); what is not known yet is `"undefined"`.

Lists come in pages, newest first: give `next_start_key` of one page as `start_key` of the next. A parameter that is not
known is refused by its name.

A revision comes as `revision` and as ETag; `If-None-Match` with it is answered 304 while nothing has changed.
"""

ERRORS: Mapping[int, str] = {
    400: "Something in the request cannot be used; `data` names each field",
    401: "No valid token",
    403: "The token may not do this",
    404: "There is no such thing here",
    406: "It cannot be had in a type that `Accept` names",
    409: "The state of things does not allow it",
    412: "It has another revision than `If-Match` names",
    413: "The body is too large",
    415: "A body of this type is not taken",
    416: "The range begins behind the end",
    429: "Too much at once; try again later",
    503: "Not now; the same request may succeed later",
}

ERROR: Schema = {
    "title": "Error",
    "description": "Why it could not be had.",
    "type": "object",
    "required": ["data", "error", "message", "status", "request_id"],
    "properties": {
        "data": {
            "type": "object",
            "description": "Words for people: `message`, or for each field that is wrong a code and its `message`.",
            "additionalProperties": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "required": ["message"],
                            "properties": {"message": {"type": "string"}},
                        },
                    },
                ]
            },
        },
        "error": {"type": "string", "description": "The HTTP status.", "pattern": "^[45][0-9][0-9]$"},
        "message": {"type": "string", "description": "A stable word for programs."},
        "status": {"const": "error"},
        "request_id": {"type": "string"},
        "auth_token": {"type": "string"},
    },
}


class Reference:
    """What `/openapi.json` and `/docs` answer."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations

    def routes(self) -> list[BaseRoute]:
        return [Route("/openapi.json", self.get_json), Route("/docs", self.get_page)]

    async def get_json(self, request: Request) -> Response:
        """GET /openapi.json"""
        written, revision = self._json
        headers = {"ETag": etag(revision), "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}
        return not_modified(request, revision) or Response(written, media_type=JSON, headers=headers)

    async def get_page(self, request: Request) -> Response:
        """GET /docs"""
        # Nothing is loaded from anywhere, and nothing runs.
        headers = {"Content-Security-Policy": f"{SAFE['Content-Security-Policy']}; style-src 'unsafe-inline'"}
        return HTMLResponse(self._page, headers=headers)

    @cached_property
    def _described(self) -> Schema:
        return described(self._operations)

    @cached_property
    def _json(self) -> tuple[bytes, str]:
        written = json.dumps(self._described, separators=(",", ":")).encode()
        return written, revision_of([(written.decode(), 0)])

    @cached_property
    def _page(self) -> str:
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string((OWN / "api" / "reference.html").read_text())
        return template.render(groups=groups(self._described), info=self._described["info"])


def described(operations: Sequence[Operation]) -> Schema:
    """The OpenAPI document. Pure."""
    schemas, definitions = _schemas(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        # An address like {rest:path} is Starlette's spelling.
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", f"/v2{operation.path}")
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path, schemas, definitions)
    return {
        "openapi": "3.1.0",
        "info": {"title": "faxgate", "version": version("faxgate"), "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Error": ERROR},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_Schemas = Mapping[tuple[str, str], Schema]


def _schemas(operations: Iterable[Operation]) -> tuple[_Schemas, dict[str, Schema]]:
    """The schemas of all that the operations take and give, by key and mode, and the named ones."""
    wanted: dict[tuple[str, str], TypeAdapter[Any]] = {}
    for operation in operations:
        for model in (operation.query, operation.body):
            if model is not None:
                wanted[repr(model), "validation"] = TypeAdapter(model)
        for given in (operation.gives, operation.gives_dry):
            if given is not None:
                wanted[repr(given), "serialization"] = TypeAdapter(given)
    inputs: Any = [(key, mode, adapter) for (key, mode), adapter in wanted.items()]
    schemas, rest = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)
    return schemas, dict(rest.get("$defs", {}))  # type: ignore[return-value]


def _operation(operation: Operation, path: str, schemas: _Schemas, definitions: Mapping[str, Schema]) -> Schema:
    shown: Schema = {
        "operationId": "_".join([operation.method.lower(), *re.findall(r"\w+", path.removeprefix("/v2"))]),
        "summary": operation.summary,
        "tags": [tag(path)],
        "parameters": [*_path_parameters(path), *_query_parameters(operation, schemas, definitions)],
        "responses": _responses(operation, path, schemas),
    }
    if operation.scope in SCOPES:
        shown["description"] = SCOPES[operation.scope]
    else:
        shown["security"] = []  # nobody need be known
    if operation.method == "GET":
        shown["parameters"].append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "A revision that is known already.",
                "schema": {"type": "string"},
            }
        )
    if operation.body is not None:
        schema = schemas[repr(operation.body), "validation"]
        shown["requestBody"] = {"required": True, "content": taken(operation, schema, definitions)}
        shown["description"] = " ".join([shown.get("description", ""), *said_of_body(operation)]).strip()
    if operation.uploads:
        shown["parameters"] += bare_document_parameters(schema, definitions)
    return shown


SCOPES = {
    "read": "Needs a token with the scope `read`.",
    "send": "Needs a token with the scope `send`.",
    "admin": "Needs a token with the scope `admin`.",
    "superuser": "For the superuser alone.",
}


def tag(path: str) -> str:
    """
    >>> tag("/v2/accounts/{account_id}/faxes/outbox/{fax_id}"), tag("/v2/accounts/{account_id}"), tag("/v2/smtplog")
    ('faxes/outbox', 'accounts', 'smtplog')
    """
    parts = [part for part in path.removeprefix("/v2").removeprefix("/accounts/{account_id}").split("/") if part]
    if not parts:
        return "accounts"
    fixed = parts[: 2 if parts[0] == "faxes" else 1]
    return "/".join(part for part in fixed if not part.startswith("{"))


def _path_parameters(path: str) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"} if name.endswith("_id") else {"type": "string"},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(operation: Operation, schemas: _Schemas, definitions: Mapping[str, Schema]) -> list[Schema]:
    if operation.query is None:
        return []
    schema = resolved(schemas[repr(operation.query), "validation"], definitions)
    required = schema.get("required", [])
    made = []
    for name, found in schema.get("properties", {}).items():
        kind = {key: value for key, value in found.items() if key not in LEFT_OUT}
        parameter = {"name": name, "in": "query", "required": name in required, "schema": without_null(kind)}
        if "description" in found:
            parameter["description"] = found["description"]
        made.append(parameter)
    return made


def _responses(operation: Operation, path: str, schemas: _Schemas) -> Schema:
    content: Schema = {
        kind: {"schema": _envelope(operation, operation.gives, schemas) if kind == JSON else _document(kind)}
        for kind in operation.media_types
    }
    responses: Schema = {str(operation.status): {"description": "Success", "content": content}}
    if operation.gives_dry is not None:
        dry = {JSON: {"schema": _envelope(operation, operation.gives_dry, schemas)}}
        responses["200"] = {"description": "What would be done: the answer to `dry_run`", "content": dry}
    codes = {401, 403, 429, 503}
    if "{" in path:
        codes.add(404)
    if operation.query is not None or operation.method != "GET":
        codes.add(400)
    if operation.method == "GET":
        responses["304"] = {"description": "Nothing has changed since the revision that `If-None-Match` names"}
    else:
        codes |= {409, 412, 413, 415}
    if operation.media_types != (JSON,):
        codes.add(406)
    if JSON not in operation.media_types and operation.method == "GET":
        responses["206"] = {"description": "The range that was asked for", "content": content}
        codes.add(416)
    for code in sorted(codes):
        schema = {"$ref": REFERENCE.format(model="Error")}
        responses[str(code)] = {"description": ERRORS[code], "content": {JSON: {"schema": schema}}}
    return responses


def _document(kind: str) -> Schema:
    return {"type": "string"} if kind.startswith("text/") else binary(kind)


def _envelope(operation: Operation, given: Any, schemas: _Schemas) -> Schema:
    data = {} if given is None else schemas[repr(given), "serialization"]
    properties: Schema = {
        "data": data,
        "status": {"const": "success"},
        "request_id": {"type": "string", "description": "Also in the header `X-Request-Id`, and in the log."},
        "revision": {"type": "string", "description": "Also the ETag."},
        "auth_token": {"type": "string", "description": "The token of the request."},
    }
    required = ["data", "status", "request_id"]
    if operation.query is not None and issubclass(operation.query, ListQuery):
        key = {"type": "array", "items": {"type": "string"}, "maxItems": 1}
        properties |= {
            "page_size": {"type": "integer", "description": "Items on this page."},
            "start_key": key,
            "next_start_key": {**key, "description": "Where the next page begins; not there on the last."},
        }
        required += ["revision", "page_size", "start_key"]
    return {"type": "object", "required": required, "properties": properties}


# The page


def groups(description: Schema) -> dict[str, list[Schema]]:
    """The operations as the page shows them, by tag."""
    found: dict[str, list[Schema]] = {}
    definitions = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            shown = {
                "method": method.upper(),
                "path": path,
                "id": operation["operationId"],
                "summary": operation["summary"],
                "description": operation.get("description", ""),
                "parameters": [
                    (one["name"], one["in"], words(one["schema"], definitions), one.get("description", ""))
                    for one in operation["parameters"]
                    if one["in"] == "query"
                ],
                "takes": _fields(operation.get("requestBody", {}), definitions),
                "gives": _fields(next(iter(operation["responses"].values())), definitions),
                "types": [
                    kind for kind in next(iter(operation["responses"].values())).get("content", {}) if kind != JSON
                ],
                "statuses": [(code, answer["description"]) for code, answer in operation["responses"].items()],
            }
            found.setdefault(operation["tags"][0], []).append(shown)
    return found


def _fields(message: Schema, definitions: Mapping[str, Schema]) -> list[tuple[str, str, str]]:
    """(name, type, description) of each field of `data`."""
    schema = message.get("content", {}).get(JSON, {}).get("schema", {}).get("properties", {}).get("data", {})
    schema = resolved(schema, definitions)
    schema = resolved(schema.get("items", schema), definitions)
    return [
        (name, words(found, definitions), found.get("description", ""))
        for name, found in schema.get("properties", {}).items()
    ]


def words(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """A schema in a few words.

    >>> words({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {}), words({"enum": ["a", "b"]}, {})
    ('integer or null', 'a | b')
    """
    schema = resolved(schema, definitions)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kinds = schema.get("anyOf") or schema.get("oneOf")
    if kinds:
        return " or ".join(dict.fromkeys(words(kind, definitions) for kind in kinds))
    if schema.get("type") == "array":
        return f"list of {words(schema.get('items', {}), definitions)}"
    return str(schema.get("format") or schema.get("type") or "anything")
