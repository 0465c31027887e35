"""The bodies of requests and answers in the description of the API: JSON, multipart, documents alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from admin_api.operations import Operation

JSON = "application/json"
MULTIPARTS = ("multipart/form-data", "multipart/mixed")
LEFT_OUT = frozenset({"title", "description", "example"})
"""Of a field's schema, where a parameter says them itself or nobody needs them."""
Schema = dict[str, Any]


def taken(operation: Operation, schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The bodies that it takes, by type."""
    envelope: Schema = {"type": "object", "properties": {"data": schema}}
    required = ["data"] if resolved(schema, definitions).get("required") else []  # else all is by default
    if operation.action:
        envelope["properties"]["action"] = {"const": operation.action}
        required.append("action")
    if required:
        envelope["required"] = required
    content: Schema = {JSON: {"schema": envelope}}
    for kind in operation.uploads:
        content[kind] = {"schema": binary(kind)}
    if operation.uploads:
        parts = {
            "schema": {
                "type": "object",
                "required": ["data", "content"],
                "properties": {
                    "data": {**schema, "description": "What describes the fax: the part that is JSON."},
                    "content": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "description": "The documents, in their order: every part that is no JSON, whatever its name.",
                    },
                },
            },
            "encoding": {"data": {"contentType": JSON}, "content": {"contentType": ", ".join(operation.uploads)}},
        }
        content |= dict.fromkeys(MULTIPARTS, parts)
    return content


def said_of_body(operation: Operation) -> Iterable[str]:
    if operation.action:
        yield f"`action` is `{operation.action}`, beside `data`."
    if operation.uploads:
        yield "The documents may come along: in a multipart, where the part that is JSON describes the fax, or one"
        yield "alone as the body, described by the query."


def bare_document_parameters(schema: Schema, definitions: Mapping[str, Schema]) -> list[Schema]:
    """The fields of `data`, and the document's name, where a document alone is the body."""
    fields: Schema = {"name": {"type": "string", "description": "Its file name."}}
    for name, found in resolved(schema, definitions)["properties"].items():
        if not any("$ref" in kind for kind in (found, *found.get("anyOf", []))):
            fields[name] = found
    for way in ("email", "sms"):
        send_to = {"type": "array", "items": {"type": "string"}, "description": "Who is told; may be given often."}
        fields[f"notifications.{way}.send_to"] = send_to
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"Of a document alone: {found.get('description', '')}".strip(),
            "schema": without_null({key: value for key, value in found.items() if key not in LEFT_OUT}),
        }
        for name, found in fields.items()
    ]


def binary(kind: str) -> Schema:
    """Bytes of this type. 3.1 says it by `contentMediaType`; programs that make clients look for `format`."""
    return {"type": "string", "format": "binary", "contentMediaType": kind}


def resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    reference = schema.get("$ref", "")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def without_null(schema: Schema) -> Schema:
    """A URL can leave a parameter out; it cannot say null."""
    if schema.get("default", ...) is None:
        schema = {key: value for key, value in schema.items() if key != "default"}
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if not kinds:
        return schema
    others = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kinds[0], **others} if len(kinds) == 1 else {**others, "anyOf": kinds}
