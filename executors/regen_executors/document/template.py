"""Jinja2 in a box: a template and JSON data make Markdown, and nothing else can come of it.

The sandbox is Jinja2's own (``ImmutableSandboxedEnvironment``: no underscore attributes, no mutation), without a loader, so
nothing can be included or imported. What is not a function of template and data is taken away (``random``, ``lipsum``,
objects printed with their address), and what makes much out of little is bounded. What the bounds miss, the time and memory
limits of the process catch.

A value printed with ``{{ … }}`` is text: its white space is folded and its punctuation escaped, so that data cannot become
headings, links or table cells. The filters ``markdown`` (the value is Markdown), ``code`` (a code span) and ``codeblock`` say
otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from jinja2.runtime import Context

MAX_REPEATED = 100_000
"""The length of a string or list made by ``*``, the width of a format and the exponent of ``**``, at the most."""

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WHITE_SPACE = re.compile(r"\s+")
_BACKTICKS = re.compile(r"`+")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}(>|&gt;|\\>)")
_WIDE = re.compile(r"%[^A-Za-z%]*(\d{5,}|\*)")
_WIDENING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map"})


class _TooMuch(Exception):
    """The template asks for more than a limit allows."""


def render(template: str, data: dict[str, Any], field: str, max_characters: int) -> str:
    """The Markdown that ``template`` makes of ``data``.

    Raises:
        InvalidInput: the template is wrong, needs a variable that ``data`` lacks, or does what the sandbox forbids.
        Capped: it makes more than ``max_characters``, or more at once than ``MAX_REPEATED``.
    """
    pieces: list[str] = []
    length = 0
    try:
        for piece in _Sandbox().from_string(template).generate(data):
            pieces.append(piece)
            length += len(piece)
            if length > max_characters:
                raise Capped(field, f"the template makes more than {max_characters} characters of Markdown")
    except _TooMuch as error:
        raise Capped(field, str(error)) from error
    except TemplateError as error:
        raise InvalidInput(field, f"expected a template that can be rendered: {_place(error)}{error}") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidInput(field, f"expected a template that can be rendered: {type(error).__name__}: {error}") from error
    text = "".join(pieces)
    if _ADDRESS.search(text):
        raise InvalidInput(field, "expected a template that prints data, got one that prints an object of the interpreter")
    return text


def escape_markdown(text: str) -> str:
    """Markdown that shows ``text`` and nothing more (CommonMark 0.31, section 2.4); white space becomes single spaces."""
    return _PUNCTUATION.sub(r"\\\1", _WHITE_SPACE.sub(" ", text))


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            loader=None, undefined=StrictUndefined, autoescape=True, finalize=_printed, trim_blocks=True, lstrip_blocks=True
        )
        for name in ("lipsum", "cycler", "joiner"):
            del self.globals[name]
        for name in ("random", "pprint", "xmlattr", "urlize", "center"):
            del self.filters[name]
        self.filters |= {"markdown": _as_markdown, "code": _as_code, "codeblock": _as_code_block}
        self.filters |= {"format": _format, "indent": _indent}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may take this attribute: not where it makes long strings out of short ones."""
        if isinstance(obj, str) and attr in _WIDENING:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002 - overrides
        """Never: ``str.format`` is refused like the other widening methods, the filter ``format`` is there instead."""
        return

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Does ``left operator right``, unless that makes much out of little."""
        if operator == "*":
            _bound_product(left, right)
        elif operator == "**" and (_magnitude(left) > MAX_REPEATED or _magnitude(right) > 1000):
            msg = f"a power of a number above {MAX_REPEATED}, or with an exponent above 1000"
            raise _TooMuch(msg)
        elif operator == "%" and isinstance(left, str):
            _bound_widths(left)
        return super().call_binop(context, operator, left, right)


def _printed(value: Any) -> Any:
    """What ``{{ value }}`` prints. Markup is Markdown already: a macro's result, or a value passed through a filter of ours."""
    if isinstance(value, Undefined | Markup):
        return value
    if value is None:
        return ""
    if isinstance(value, str | int | float | list | tuple | dict):
        return Markup(escape_markdown(str(value)))  # noqa: S704 - marks Markdown, not HTML; the renderer passes no HTML through
    msg = f"expected text, a number, a list or an object between the braces, got a {type(value).__name__}"
    raise TypeError(msg)


def _as_markdown(value: Any) -> Markup:
    return Markup(str(value))  # noqa: S704 - as above


def _as_code(value: Any) -> Markup:
    """A code span whose fence is longer than any run of backticks inside (CommonMark 0.31, section 6.1)."""
    text = _WHITE_SPACE.sub(" ", str(value))
    fence = "`" * (1 + _longest_run(text))
    return Markup(f"{fence} {text} {fence}" if text.strip() else "")  # noqa: S704 - as above


def _as_code_block(value: Any, language: str = "") -> Markup:
    """A fenced block of its own (CommonMark 0.31, section 4.5)."""
    text = str(value)
    fence = "`" * max(3, 1 + _longest_run(text))
    word = re.sub(r"[^A-Za-z0-9+#-]", "", str(language))
    return Markup(f"\n\n{fence}{word}\n{text}\n{fence}\n\n")  # noqa: S704 - as above


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _indent(value: str, width: int = 4, *, first: bool = False) -> Markup:
    """Lines kept and indented; the value is Markdown, since only there lines matter."""
    _bound("width", width)
    lines = str(value).splitlines()
    indented = "\n".join((" " * width if first or number else "") + line for number, line in enumerate(lines))
    return Markup(indented)  # noqa: S704 - as above


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    _bound_widths(str(value))
    return str(value) % (kwargs or args)


def _bound_product(left: Any, right: Any) -> None:
    sized, times = (left, right) if hasattr(left, "__len__") else (right, left)
    if hasattr(sized, "__len__") and isinstance(times, int):
        _bound("length of a repetition", len(sized) * times)
    elif isinstance(left, int) and isinstance(right, int):
        _bound("number of bits of a product", left.bit_length() + right.bit_length())


def _bound_widths(text: str) -> None:
    if _WIDE.search(text):
        msg = "a format with a width or precision of five digits, or of one taken from its arguments"
        raise _TooMuch(msg)


def _bound(what: str, size: int) -> None:
    if size > MAX_REPEATED:
        msg = f"a {what} of {size}; at most {MAX_REPEATED}"
        raise _TooMuch(msg)


def _magnitude(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


def _place(error: TemplateError) -> str:
    line = getattr(error, "lineno", None)
    return f"line {line}: " if line is not None else ""
