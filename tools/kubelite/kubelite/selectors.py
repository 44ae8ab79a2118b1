"""Label and field selectors (``k8s.io/apimachinery/pkg/labels``, ``pkg/fields``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kubelite.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kubelite.resources import Object, Resource

_SET = re.compile(r"(?P<key>\S+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s=!]+)\s*(?P<how>==|=|!=)\s*(?P<value>\S*)")
_EXISTS = re.compile(r"(?P<not>!?)\s*(?P<key>[^\s=!()]+)")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


def labels(selector: str) -> Callable[[Mapping[str, str]], bool]:
    """The test that ``selector`` means: ``a=b``, ``a==b``, ``a!=b``, ``a in (b,c)``, ``a notin (b)``, ``a``, ``!a``.

    Raises:
        APIError: 400, for anything else.
    """
    tests = [_requirement(part.strip()) for part in _COMMA_OUTSIDE_PARENTHESES.split(selector)] if selector.strip() else []
    return lambda found: all(test(found) for test in tests)


def _requirement(text: str) -> Callable[[Mapping[str, str]], bool]:
    if match := _SET.fullmatch(text):
        key, values = match["key"], frozenset(value.strip() for value in match["values"].split(","))
        if match["how"] == "in":
            return lambda found: found.get(key) in values
        return lambda found: found.get(key) not in values
    if match := _EQUAL.fullmatch(text):
        key, value, wanted = match["key"], match["value"], match["how"] != "!="
        return lambda found: (found.get(key) == value) is wanted
    if match := _EXISTS.fullmatch(text):
        key, wanted = match["key"], not match["not"]
        return lambda found: (key in found) is wanted
    raise bad_request(f"unable to parse requirement: {text!r}: expected key, !key, key=value, key!=value or key in (values)")


def fields(resource: Resource, selector: str) -> Callable[[Object], bool]:
    """The test that a field selector means: ``path=value``, ``path==value``, ``path!=value``, joined by commas.

    Raises:
        APIError: 400, for a path that the resource cannot be selected by.
    """
    tests = list(_field_tests(resource, selector))
    return lambda obj: all((_text(obj, path) == value) is wanted for path, value, wanted in tests)


def _field_tests(resource: Resource, selector: str) -> Iterator[tuple[str, str, bool]]:
    for part in filter(None, selector.split(",")):
        match = _EQUAL.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"invalid field selector: {part!r}: expected path=value or path!=value")
        path = "source.component" if match["key"] == "source" else match["key"]
        if path not in resource.selectable and path not in {"metadata.name", "metadata.namespace"}:
            raise bad_request(f"field label not supported: {match['key']}")
        yield path, match["value"], match["how"] != "!="


def _text(obj: Object, path: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def matcher(resource: Resource, label_selector: str = "", field_selector: str = "") -> Callable[[Object], bool] | None:
    """One test of an object for both selectors, or None where everything matches."""
    if not label_selector and not field_selector:
        return None
    by_label, by_field = labels(label_selector), fields(resource, field_selector)
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and by_field(obj)
