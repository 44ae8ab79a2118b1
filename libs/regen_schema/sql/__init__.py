"""The SQL files of the schema: migrations, grants, and the few statements that several programs share."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A file of SQL statements. ``text`` is ours, word for word, and so as safe as a literal."""

    name: str
    text: str


def scripts(folder: str) -> list[Script]:
    """The ``.sql`` files of ``folder`` (a path beneath this package), in the order of their names."""
    entries = [entry for entry in files(__name__).joinpath(folder).iterdir() if entry.name.endswith(".sql")]
    return [Script(entry.name, entry.read_text(encoding="utf-8")) for entry in sorted(entries, key=lambda entry: entry.name)]


def script(path: str, package: str = __name__) -> Script:
    """The file at ``path`` in ``package``; by default in this one."""
    entry = files(package).joinpath(path)
    return Script(entry.name, entry.read_text(encoding="utf-8"))
