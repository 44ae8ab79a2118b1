"""The tables of settings in docs/, made of the models: which there are, and their defaults.

Order, unit and reason are the page's own; a setting that has none yet gets an empty cell, which its test refuses.
``make reference`` writes them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regen_api.settings import Settings as ApiSettings
from regen_operator.settings import Settings as OperatorSettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES: dict[Path, type[BaseSettings]] = {
    DOCS / "configuration.md": OperatorSettings,
    DOCS / "configuration-api.md": ApiSettings,
}
TOLD = {
    "REGEN_DATABASE_LISTEN_URL": "`REGEN_DATABASE_URL`",
    "REGEN_IDENTITY": "pod and random digits",
}
"""Defaults that depend on something else, in words."""
_TABLE = re.compile(r"(?<=\|---\|---\|---\|---\|\n)(?:\| `REGEN_.*\n)+")


def default(variable: str, field: FieldInfo) -> str:
    """A default as it is written in the environment."""
    if field.is_required():
        return "required"
    if variable in TOLD:
        return TOLD[variable]
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    return f"`{json.dumps(value)}`" if isinstance(value, dict | list | tuple) else f"`{value}`"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def written(text: str, model: type[BaseSettings]) -> str:
    """The page's text with the table of today."""
    found = _TABLE.search(text)
    assert found is not None, "expected a table of settings"
    before = {row[0].strip("`"): row for row in map(cells, found[0].splitlines())}
    fields = {f"REGEN_{name.upper()}": field for name, field in model.model_fields.items()}
    rows = []
    for variable in dict.fromkeys([*(name for name in before if name in fields), *fields]):
        _, unit, _, why = before.get(variable, ["", "", "", ""])
        rows.append(f"| `{variable}` | {unit} | {default(variable, fields[variable])} | {why} |\n")
    return text[: found.start()] + "".join(rows) + text[found.end() :]


if __name__ == "__main__":
    for page, settings in PAGES.items():
        page.write_text(written(page.read_text(encoding="utf-8"), settings), encoding="utf-8")
