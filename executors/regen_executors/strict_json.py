"""The JSON reader of every executor: RFC 8259 exactly, since a lenient reader loses data without an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def json_decoder(parse_float: Callable[[str], Any] | None = None) -> json.JSONDecoder:
    """Return a decoder that refuses ``NaN``, ``Infinity`` and duplicate names.

    Args:
        parse_float: converts numbers with a fraction or an exponent; by default ``float``.

    Raises, from ``decode``:
        ValueError: the text is not JSON, or is refused.
        RecursionError: it is nested too deeply.
    """
    return json.JSONDecoder(parse_float=parse_float, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        msg = "an object has one name twice"
        raise ValueError(msg)
    return value
