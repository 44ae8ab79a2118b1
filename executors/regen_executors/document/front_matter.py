"""Front matter: the block of YAML (``---``) or TOML (``+++``) at the head of a Markdown file, which is not content.

GitHub, pandoc, Hugo, Jekyll and MkDocs read it. Author and date are taken from it where the inputs have none; all else is
skipped. Only plain values on one line and lists of them are understood, so that no YAML parser is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FENCES: Final = {"---": (("---", "..."), ":"), "+++": (("+++",), "=")}
_KEY: Final = re.compile(r"""["']?([A-Za-z_][\w.-]*?)["']?\s*([:=])(?:\s+(.*)|())$""")
_ITEM: Final = re.compile(r"\s*-\s+(.*)$")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What was read; empty where it says nothing of the kind."""

    author: str = ""
    date: str = ""


def without_front_matter(text: str) -> tuple[FrontMatter, str]:
    """The front matter, and ``text`` with blank lines in its place, so that line numbers stay."""
    lines = text.split("\n")
    fence = _FENCES.get(lines[0].rstrip())
    if fence is None:
        return FrontMatter(), text
    ends, sign = fence
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() in ends), None)
    if end is None or not _is_a_mapping(lines[1:end], sign):
        return FrontMatter(), text
    values = _values(lines[1:end])
    author = values.get("author") or values.get("authors") or []
    date = values.get("date") or []
    return FrontMatter(", ".join(author), " ".join(date[:1])), "\n".join([""] * (end + 1) + lines[end + 1 :])


def _is_a_mapping(lines: list[str], sign: str) -> bool:
    """Whether the lines begin a mapping: a rule may begin a document too. As in pandoc, no blank line follows the fence."""
    if lines and not lines[0].strip():
        return False
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), None)
    if first is None:
        return all(not line.strip() or line.lstrip().startswith("#") for line in lines)
    found = _KEY.match(first)
    return (found is not None and found[2] == sign) or (sign == "=" and first.startswith("["))


def _values(lines: list[str]) -> dict[str, list[str]]:
    """Key in lower case → its values: one, those of a list in brackets, or those of the dashed lines below."""
    values: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        found, item = _KEY.match(line), _ITEM.match(line)
        if found is not None:
            current = values.setdefault(found[1].lower(), [])
            current += _listed(found[3] or "")
        elif item is not None and not _KEY.match(item[1]):
            current += _listed(item[1])
    return values


def _listed(value: str) -> list[str]:
    value = value.strip()
    if not value or value in {"|", ">", "{}", "[]"} or value.startswith("{"):
        return []
    parts = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
    return [plain for part in parts if (plain := _plain(part.strip()))]


def _plain(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.sub(r"\s+#.*$", "", value)
