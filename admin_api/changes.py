"""What a change means: POST replaces what a client may set, PATCH changes the parts that it names.

Clients fetch a thing, change a field and post all of it back. So a field that cannot be set is let through as long as
it says what is there already, and refused (400, by its name) when it says anything else.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, create_model
from starlette.requests import Request

from admin_api.envelope import BadFields
from admin_api.operations import read_json, validated

Model = TypeVar("Model", bound=BaseModel)


async def given(request: Request) -> dict[str, Any]:
    """`data` of the body, which must be an object. Raises BadField, BadFields, TooLarge."""
    data = (await read_json(request)).get("data", {})
    if not isinstance(data, dict):
        raise BadFields([("data", "dict_type", "data is an object.")])
    return data


def decided(
    request: Request, model: type[Model], data: Mapping[str, Any], shown: Mapping[str, Any], fixed: Collection[str]
) -> Model:
    """What is asked for, of a thing that is `shown` so now; `fixed` are those of its fields that cannot be set."""
    return of_fields(model, {**merged(shown, data)} if request.method == "PATCH" else data, shown, fixed)


def of_fields(model: type[Model], data: Mapping[str, Any], shown: Mapping[str, Any], fixed: Collection[str]) -> Model:
    """`data` as the model, with nulls (and what is null within) as not given. Raises BadFields."""
    refused = [name for name in fixed if data.get(name) is not None and data[name] != shown.get(name)]
    if refused:
        raise BadFields([(name, "read_only", f"{name} cannot be set here.") for name in refused])
    return validated(model, without_nulls({name: value for name, value in data.items() if name not in fixed}))


@cache
def partial_of(model: type[BaseModel]) -> type[BaseModel]:
    """What a PATCH takes of the model: any of its fields, or null, which clears one. Describes it; what comes of the
    patch is checked by the model itself."""
    fields: dict[str, Any] = {
        name: (Annotated[info.annotation, *info.metadata, Field(description=info.description)] | None, None)
        for name, info in model.model_fields.items()
    }
    return create_model(f"{model.__name__}Patch", __config__=model.model_config, **fields)


def merged(target: object, patch: object) -> Any:
    """RFC 7396: null removes.

    >>> merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None, "e": 4}})
    {'a': {'c': 2, 'e': 4}, 'd': 3}
    """
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = merged(kept.get(name), value)
    return kept


def without_nulls(value: Any) -> Any:
    """Null clears a field: it is what it was without it."""
    if isinstance(value, Mapping):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return value
