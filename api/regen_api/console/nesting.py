"""Values inside of values as a form has them: side by side, each under its dotted path, such as ``renditions.0.width``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


class _Branch(dict[str, Any]):
    """What paths lead through; no value of theirs."""


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Objects and lists as the paths say. A list closes up over numbers that no path has."""
    whole = _Branch()
    for path, value in flat.items():
        *way, last = path.split(".")
        inside = whole
        for part in way:
            inside = inside.setdefault(part, _Branch())
        inside[last] = value
    return {name: _with_lists(value) for name, value in whole.items()}


def flattened(whole: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """The inverse of ``nested``.

    Raises:
        KeyError: something in ``whole`` is at none of ``paths``.
    """
    return dict(_leaves("", whole, frozenset(paths)))


def _with_lists(value: Any) -> Any:
    if not isinstance(value, _Branch):
        return value
    inside = {name: _with_lists(one) for name, one in value.items()}
    return list(inside.values()) if all(name.isdigit() for name in inside) else inside


def _leaves(path: str, value: Any, paths: frozenset[str]) -> Iterator[tuple[str, Any]]:
    if path in paths:
        yield path, value
        return
    if not isinstance(value, dict | list) or (not value and path):
        raise KeyError(path)
    if isinstance(value, dict) and value and all(str(name).isdigit() for name in value):
        raise KeyError(path)  # a path has no way to say that this is no list
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inside:
        yield from _leaves(f"{path}.{name}" if path else str(name), one, paths)
