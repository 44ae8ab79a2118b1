"""The part of Kubernetes' JSONPath that printer columns use: ``.a.b``, ``['a']``, ``[0]``, ``[?(@.type=="X")]``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from kubelite.errors import not_emulated

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*(?:\\\.[\w-]+)*) | \['(?P<quoted>[^']+)'\] | \[(?P<index>\d+)\]
      | \[\?\(@\.(?P<key>\w+)\s*==\s*["'](?P<value>[^"']*)["']\)\]""",
    re.VERBOSE,
)


@lru_cache(maxsize=256)
def steps(path: str) -> tuple[tuple[str, ...], ...]:
    """The steps of ``path``.

    Raises:
        APIError: 501 for any other syntax.
    """
    found: list[tuple[str, ...]] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        if match["index"] is not None:
            found.append(("index", match["index"]))
        elif match["key"] is not None:
            found.append(("filter", match["key"], match["value"]))
        else:
            found.append(("name", (match["name"] or match["quoted"]).replace("\\.", ".")))
    if end != len(path) or not found:
        raise not_emulated(f"the JSONPath {path!r}")
    return tuple(found)


def first(path: str, value: Any) -> Any:
    """The first value that ``path`` finds in ``value``, or None."""
    for step in steps(path):
        match step:
            case ("name", name):
                value = value.get(name) if isinstance(value, dict) else None
            case ("index", index):
                value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
            case ("filter", key, wanted):
                items = value if isinstance(value, list) else ()
                value = next((item for item in items if isinstance(item, dict) and item.get(key) == wanted), None)
    return value
