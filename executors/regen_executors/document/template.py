"""Jinja2 in a sandbox: renders Markdown from a template and JSON data.

A value printed with ``{{ … }}`` is text. It stands in the Markdown as a placeholder and is put in its place once the Markdown
is parsed, so that data cannot become headings, links or table cells, and shows what it says in text, code and link targets.
The filters ``markdown`` (the value is Markdown), ``code`` (a code span) and ``codeblock`` say otherwise.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import TemplateError, Undefined
from markupsafe import Markup

from regen_executors.document.characters import checked
from regen_executors.document.sandbox import MAX_LENGTH, Sandbox, TooMuch, bound, bound_join, bound_replacement, bound_widths
from regen_executors.interface import Capped, InvalidInput

# Non-characters of Unicode: no text of an instruction has them (``characters``).
_OPEN: Final = "\ufdd0"
_CLOSE: Final = "\ufdd1"
_PLACEHOLDER: Final = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_WHITE_SPACE: Final = re.compile(r"\s+")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]{4,}>")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Markdown with placeholders, and the values that belong there."""

    markdown: str
    values: tuple[str, ...] = ()

    def folded(self, text: str) -> str:
        """``text`` with its values, white space in them folded: as it is shown in a paragraph."""
        return _PLACEHOLDER.sub(lambda found: _WHITE_SPACE.sub(" ", self.values[int(found[1])]), text)

    def verbatim(self, text: str) -> str:
        """``text`` with its values as they are: as it is shown in a block of code."""
        return _PLACEHOLDER.sub(lambda found: self.values[int(found[1])], text)


def render(template: str, data: dict[str, Any], field: str, max_characters: int) -> Rendered:
    """Renders the Markdown of ``template`` and ``data``.

    Raises:
        InvalidInput: the template is wrong, needs a value that ``data`` lacks, or does what the sandbox forbids.
        Capped: it renders more than ``max_characters``, or takes more steps than ``sandbox`` allows.
    """
    printer = _Printer(field)
    sandbox = _sandbox(printer)
    pieces: list[str] = []
    length = 0
    try:
        for piece in sandbox.from_string(template).generate(data):
            pieces.append(piece)
            length += len(piece) + sum(len(printer.values[int(number)]) for number in _PLACEHOLDER.findall(piece))
            if length > max_characters:
                raise Capped(field, f"the template renders more than {max_characters} characters of Markdown")
    except TooMuch as error:
        raise Capped(field, str(error)) from error
    except TemplateError as error:
        raise InvalidInput(field, f"expected a template that can be rendered: {_place(error)}{error}") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidInput(field, f"expected a template that can be rendered: {type(error).__name__}: {error}") from error
    text = "".join(pieces)
    if _ADDRESS.search(text) or any(_ADDRESS.search(value) for value in printer.values):
        raise InvalidInput(field, "expected a template that prints data, got one that prints an object of the interpreter")
    if text.count(_OPEN) != len(_PLACEHOLDER.findall(text)):
        raise InvalidInput(field, "expected a template that leaves printed values whole, got one that cuts a block or a macro")
    return Rendered(text, tuple(printer.values))


class _Printer:
    """Turns printed values into placeholders; ``values`` are theirs, in order."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._numbers: dict[str, int] = {}

    @property
    def values(self) -> list[str]:
        return list(self._numbers)

    def __call__(self, value: Any) -> Any:
        """What ``{{ value }}`` prints. Markup is Markdown already: a macro's result, or that of a filter of ours."""
        if isinstance(value, Undefined | Markup):
            return value
        if value is None:
            return ""
        if isinstance(value, str | int | float | list | tuple | dict):
            return self.markup(self.placeholder(str(value)))
        msg = f"expected text, a number, a list or an object between the braces, got a {type(value).__name__}"
        raise TypeError(msg)

    def placeholder(self, text: str) -> str:
        """Stands for ``text`` in the Markdown."""
        if not text:
            return ""
        number = self._numbers.setdefault(checked(text, self._field), len(self._numbers))
        return f"{_OPEN}{number}{_CLOSE}"

    @staticmethod
    def markup(text: str) -> Markup:
        """``text`` as Markdown."""
        return Markup(text)  # noqa: S704 - marks Markdown, not HTML; the renderer passes no HTML through


def _sandbox(printer: _Printer) -> Sandbox:
    sandbox = Sandbox(printer, printer.markup)

    def code(value: Any) -> Markup:
        return printer.markup(f"`{printer.placeholder(_WHITE_SPACE.sub(' ', str(value)))}`" if str(value).strip() else "")

    def code_block(value: Any, language: str = "") -> Markup:
        word = re.sub(r"[^A-Za-z0-9+#-]", "", str(language))
        return printer.markup(f"\n\n```{word}\n{printer.placeholder(str(value))}\n```\n\n")

    def joined(value: Any, separator: Any = "", attribute: Any = None) -> Any:
        items = [sandbox.getitem(item, attribute) if attribute is not None else item for item in value]
        is_markdown = any(isinstance(item, Markup) for item in (*items, separator))
        texts = [str(printer(item) if is_markdown or isinstance(item, Undefined) else item) for item in items]
        bound_join(str(separator), texts)
        made = str(printer(separator) if is_markdown else separator).join(texts)
        return printer.markup(made) if is_markdown else made

    sandbox.filters |= {
        "markdown": lambda value: printer.markup(str(value)),
        "code": code,
        "codeblock": code_block,
        "format": _format,
        "indent": lambda value, width=4, first=False: _indent(printer, value, width, first=first),
        "join": joined,
        "replace": _replace,
        "tojson": lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent),
        # Escaping for HTML has no meaning in Markdown, and its result would count as Markdown.
        **dict.fromkeys(("e", "escape", "forceescape"), lambda value: value),
    }
    sandbox.bound_work()
    return sandbox


def _indent(printer: _Printer, value: Any, width: int, *, first: bool) -> Markup:
    """Lines kept and indented; the value is Markdown, since only there lines matter."""
    bound("width", width)
    lines = str(value).splitlines()
    bound("length of a text", len(lines) * (width + 1) + len(str(value)), MAX_LENGTH)
    indented = "\n".join((" " * width if first or number else "") + line for number, line in enumerate(lines))
    return printer.markup(indented)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    bound_widths(str(value))
    return str(value) % (kwargs or args)


def _replace(value: Any, old: str, new: str, count: int = -1) -> Any:
    bound_replacement(str(value), old, new)
    return value.replace(old, new, count) if isinstance(value, str) else str(value).replace(old, new, count)


def _place(error: TemplateError) -> str:
    line = getattr(error, "lineno", None)
    return f"line {line}: " if line is not None else ""
