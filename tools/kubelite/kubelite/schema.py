"""Structural schemas of custom resources: pruning, defaulting, validation.

Source: ``apiextensions-apiserver/pkg/apiserver/schema`` (pruning, defaulting) and ``pkg/apiserver/validation``. CEL rules
(``x-kubernetes-validations``) are read past: they are proven on a real API server only.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import FieldError, not_emulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kubelite.resources import Object

    Schema = Mapping[str, Any]
    Rule = Callable[[Any, Any, str], FieldError | None]

ANY: Final = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_NOT_OURS: Final = frozenset({"apiVersion", "kind", "metadata"})
_KNOWN: Final = frozenset(
    {
        "additionalProperties",
        "allOf",
        "anyOf",
        "default",
        "description",
        "enum",
        "example",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "externalDocs",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "nullable",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
        "uniqueItems",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    }
)
_TYPES: Final = frozenset({"array", "boolean", "integer", "number", "object", "string"})


def prune(schema: Schema, obj: Object) -> list[str]:
    """Removes from ``obj`` what ``schema`` does not name; the paths of what went, e.g. ``spec.colour``."""
    return list(_prune(schema, obj, "", root=True))


def _prune(schema: Schema, value: Any, path: str, *, root: bool = False) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _prune(schema.get("items") or {}, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        own_meta = root or schema.get("x-kubernetes-embedded-resource")
        for key in list(value):
            here = f"{path}.{key}" if path else key
            if own_meta and key in _NOT_OURS:
                continue
            if key in properties:
                yield from _prune(properties[key], value[key], here)
            elif isinstance(others, dict):
                yield from _prune(others, value[key], here)
            elif not schema.get(ANY) and others is not True:
                del value[key]
                yield here


def set_defaults(schema: Schema, value: Any) -> None:
    """Fills in ``default`` where a property is missing or a null that the schema does not allow; such a null goes otherwise."""
    if isinstance(value, list) and schema.get("items"):
        for item in value:
            set_defaults(schema["items"], item)
    elif isinstance(value, dict):
        for key, inner in (schema.get("properties") or {}).items():
            if "default" in inner and (key not in value or (value[key] is None and not inner.get("nullable"))):
                value[key] = json.loads(json.dumps(inner["default"]))
            if key in value and value[key] is None and not inner.get("nullable"):
                del value[key]
            if key in value:
                set_defaults(inner, value[key])
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            for item in value.values():
                set_defaults(others, item)


def errors(schema: Schema, value: Any, path: str = "") -> Iterator[FieldError]:
    """Everything in ``value`` that ``schema`` forbids."""
    if value is None and schema.get("nullable"):
        return
    wrong_type = _type_error(schema, value, path)
    if wrong_type:
        yield wrong_type
        return
    for keyword, setting in schema.items():
        rule = _RULES.get(keyword)
        error = rule(setting, value, path) if rule else None
        if error:
            yield error
    if not _COMBINATIONS.isdisjoint(schema):
        yield from _combination_errors(schema, value, path)
    if isinstance(value, dict):
        yield from _object_errors(schema, value, path)
    elif isinstance(value, list):
        yield from _list_errors(schema, value, path)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _type_error(schema: Schema, value: Any, path: str) -> FieldError | None:
    found, wanted = _type_of(value), schema.get("type")
    if schema.get(INT_OR_STRING):
        allowed = {"integer", "string"}
    elif wanted is None:
        return None
    else:
        allowed = {wanted, "integer"} if wanted == "number" else {wanted}
    if found in allowed or (found == "number" and "integer" in allowed and value.is_integer()):
        return None
    quoted, kinds = json.dumps(found), ",".join(sorted(allowed - {"integer"} or allowed))
    kinds = "integer,string" if schema.get(INT_OR_STRING) else kinds
    return FieldError(path, "FieldValueTypeInvalid", f"{quoted}: {path} in body must be of type {kinds}: {quoted}")


def _invalid(value: Any, path: str, should: str) -> FieldError:
    return FieldError(path, "FieldValueInvalid", f"{json.dumps(value)}: {path} in body {should}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """``pattern`` with Go's meaning of ``$``: the end of the text, not before a last line break."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)


def _enum(allowed: Any, value: Any, path: str) -> FieldError | None:
    if value in allowed:
        return None
    supported = ", ".join(json.dumps(entry) for entry in allowed)
    return FieldError(path, "FieldValueNotSupported", f"{json.dumps(value)}: supported values: {supported}")


def _pattern(pattern: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, str) or compiled(pattern).search(value):
        return None
    return _invalid(value, path, f"should match '{pattern}'")


def _max_length(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, str) or len(value) <= limit:
        return None
    return FieldError(path, "FieldValueTooLong", f"may not be more than {limit} bytes")


def _min_length(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, str) or len(value) >= limit:
        return None
    return _invalid(value, path, f"should be at least {limit} chars long")


def _maximum(limit: Any, value: Any, path: str) -> FieldError | None:
    if not _is_number(value) or value <= limit:
        return None
    return _invalid(value, path, f"should be less than or equal to {limit}")


def _minimum(limit: Any, value: Any, path: str) -> FieldError | None:
    if not _is_number(value) or value >= limit:
        return None
    return _invalid(value, path, f"should be greater than or equal to {limit}")


def _max_items(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, list) or len(value) <= limit:
        return None
    return FieldError(path, "FieldValueTooMany", f"{len(value)}: must have at most {limit} items")


def _min_items(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, list) or len(value) >= limit:
        return None
    return _invalid(len(value), path, f"should have at least {limit} items")


def _max_properties(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, dict) or len(value) <= limit:
        return None
    return FieldError(path, "FieldValueTooMany", f"{len(value)}: must have at most {limit} items")


def _min_properties(limit: Any, value: Any, path: str) -> FieldError | None:
    if not isinstance(value, dict) or len(value) >= limit:
        return None
    return _invalid(len(value), path, f"should have at least {limit} properties")


def _format(name: Any, value: Any, path: str) -> FieldError | None:
    if name == "date-time" and isinstance(value, str):
        right = re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", value) and _is_moment(value)
        return None if right else _wrong_format(value, path, name)
    bits = {"int32": 31, "int64": 63}.get(name)
    if bits and _is_number(value) and not -(2**bits) <= value < 2**bits:
        return _wrong_format(value, path, name)
    return None  # formats that Kubernetes does not know mean nothing there either


def _wrong_format(value: Any, path: str, name: str) -> FieldError:
    quoted = json.dumps(value)
    return FieldError(path, "FieldValueTypeInvalid", f"{quoted}: {path} in body must be of type {name}: {quoted}")


def _is_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


_RULES: Mapping[str, Rule] = {
    "enum": _enum,
    "pattern": _pattern,
    "maxLength": _max_length,
    "minLength": _min_length,
    "maximum": _maximum,
    "minimum": _minimum,
    "maxItems": _max_items,
    "minItems": _min_items,
    "maxProperties": _max_properties,
    "minProperties": _min_properties,
    "format": _format,
}
_COMBINATIONS: Final = frozenset({"allOf", "anyOf", "oneOf", "not"})
_UNEMULATED: Final = frozenset({"exclusiveMaximum", "exclusiveMinimum", "multipleOf", "uniqueItems"})


def _combination_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    for inner in schema.get("allOf") or ():
        yield from errors(inner, value, path)
    for keyword, most in (("anyOf", None), ("oneOf", 1)):
        right = sum(not any(errors(inner, value, path)) for inner in schema.get(keyword) or ())
        if keyword in schema and (not right or (most and right > most)):
            yield FieldError(path, "FieldValueInvalid", f'"": {path} in body must validate {keyword} of the schemas')
    if "not" in schema and not any(errors(schema["not"], value, path)):
        yield FieldError(path, "FieldValueInvalid", f'"": {path} in body must not validate the schema (not)')


def _object_errors(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for key in schema.get("required") or ():
        if key not in value:
            yield FieldError(f"{path}.{key}" if path else key, "FieldValueRequired")
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if key in properties and not (not path and key == "metadata"):
            yield from errors(properties[key], item, here)
        elif key not in properties and isinstance(others, dict):
            yield from errors(others, item, here)


def _list_errors(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    kind, keys, seen = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or (), set()
    for index, item in enumerate(value):
        here = f"{path}[{index}]"
        yield from errors(schema.get("items") or {}, item, here)
        if kind in {"map", "set"}:
            identity = {key: item.get(key) for key in keys} if kind == "map" and isinstance(item, dict) else item
            text = json.dumps(identity, sort_keys=True)
            if text in seen:
                yield FieldError(here, "FieldValueDuplicate", text)
            seen.add(text)


def structure_errors(schema: Any, path: str) -> Iterator[FieldError]:
    """What makes a schema not structural, with the paths of its parts.

    Raises:
        APIError: 501 for a keyword that nobody would check here.
    """
    if not isinstance(schema, dict):
        yield FieldError(path, "FieldValueInvalid", f"{json.dumps(schema)}: expected a schema")
        return
    for keyword in schema.keys() - _KNOWN:
        yield FieldError(f"{path}.{keyword}", "FieldValueForbidden", "not a keyword of structural schemas")
    if schema.keys() & _UNEMULATED:
        raise not_emulated(f"the keywords {sorted(schema.keys() & _UNEMULATED)} of a schema")
    if schema.get("type") not in _TYPES and not (schema.get(ANY) or schema.get(INT_OR_STRING)):
        yield FieldError(f"{path}.type", "FieldValueRequired", "must not be empty for specified object fields")
    if schema.get("properties") and schema.get("additionalProperties"):
        yield FieldError(f"{path}.additionalProperties", "FieldValueForbidden", "must not be used if properties is used")
    for name, inner in (schema.get("properties") or {}).items():
        yield from structure_errors(inner, f"{path}.properties[{name}]")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from structure_errors(schema[keyword], f"{path}.{keyword}")
    if schema.get("type") == "array" and "items" not in schema:
        yield FieldError(f"{path}.items", "FieldValueRequired", "must be specified")
