"""The Jinja2 environment of templates: data is JSON, and what makes much out of little is bounded.

The sandbox is Jinja2's own (``ImmutableSandboxedEnvironment``: no underscore attributes, no mutation), without a loader, so
nothing can be included or imported. What is not a function of template and data is removed (``random``, ``lipsum``). Work is
counted in steps (loop rounds, calls, and the lengths that filters and operators go through), so that the same template ends at
the same step on any machine. What the bounds miss, the time and memory limits of the process catch.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jinja2.runtime import Context

MAX_REPEATED: Final = 100_000
"""The longest string or list that ``*`` makes, the widest format and the largest base of ``**``."""

MAX_STEPS: Final = 1_000_000
"""Steps of one template: some two seconds of CPU. A report of 2 million characters takes a tenth of it."""

MAX_LENGTH: Final = 2 * 1024 * 1024
"""The longest string or list that one operation makes."""

_WIDE: Final = re.compile(r"%[^A-Za-z%]*(\d{5,}|\*)")
_WIDENING: Final = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map"})
_REMOVED_GLOBALS: Final = ("lipsum", "cycler", "joiner")
_REMOVED_FILTERS: Final = ("random", "pprint", "xmlattr", "urlize", "center")
_CHARACTERS_A_STEP: Final = 64
_STEPS_A_CALL: Final = 10  # a macro takes ten times what a round of a loop does


class TooMuch(Exception):
    """The template asks for more than a limit allows."""


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment for one rendering; ``shown`` turns a printed value into Markdown, ``markup`` marks text as Markdown."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, shown: Callable[[Any], Any], markup: Callable[[str], Any]) -> None:
        super().__init__(loader=None, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._steps = 0
        self._show = shown
        self._markup = markup
        for name in _REMOVED_GLOBALS:
            del self.globals[name]
        for name in _REMOVED_FILTERS:
            del self.filters[name]

    def bound_work(self) -> None:
        """Counts the work of every filter and test; called once the filters are complete."""
        self.filters = {name: self._counting(cast("Callable[..., Any]", function)) for name, function in self.filters.items()}
        self.tests = {name: self._counting(cast("Callable[..., Any]", function)) for name, function in self.tests.items()}
        self.filters |= {"_counted": self._counted, "_sized": self._sized, "_joined": self._joined, "_shown": self._shown}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """The template's tree, with filters of ours around what is printed and what costs time."""
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: of a JSON object its key, never a method of the dictionary that holds it."""
        return self._key(obj, attribute) if isinstance(obj, dict) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[argument]``, likewise."""
        return self._key(obj, argument) if isinstance(obj, dict) else super().getitem(obj, argument)

    def _key(self, obj: dict[Any, Any], key: Any) -> Any:
        try:
            return obj[key]
        except (KeyError, TypeError):
            known = ", ".join(repr(name) for name in list(obj)[:10]) + (", …" if len(obj) > 10 else "")
            return self.undefined(hint=f"the data has no key {key!r} here; the keys are {known or 'none'}")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may use this attribute: not where it makes long strings out of short ones."""
        return not (isinstance(obj, str) and attr in _WIDENING) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002 - overrides
        """Never: ``str.format`` is refused like the other widening methods, the filter ``format`` is there instead."""
        return

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls ``obj``: a macro, a method of a value, or a recursive loop."""
        owner = getattr(obj, "__self__", None)
        self._step(_STEPS_A_CALL, owner, *args)
        if isinstance(owner, str) and getattr(obj, "__name__", "") == "replace":
            bound_replacement(owner, *args[:2])
        elif isinstance(owner, str) and getattr(obj, "__name__", "") == "join":
            bound_join(owner, *args[:1])
        return self._checked(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``left operator right``, unless that makes much out of little."""
        if operator == "+":
            self._step(0, left, right)
        elif operator == "*":
            _bound_product(left, right)
        elif operator == "**" and (_magnitude(left) > MAX_REPEATED or _magnitude(right) > 1000):
            msg = f"a power of a number above {MAX_REPEATED}, or with an exponent above 1000"
            raise TooMuch(msg)
        elif operator == "%" and isinstance(left, str):
            bound_widths(left)
        made = self._checked(super().call_binop(context, operator, left, right))
        self._step(0, made)
        return made

    def _step(self, steps: int, *values: Any) -> None:
        """Counts ``steps``, and the lengths of ``values``."""
        self._steps += steps + sum(_cost(value) for value in values)
        if self._steps > MAX_STEPS:
            msg = f"the template takes more than {MAX_STEPS} steps; write fewer or shorter loops"
            raise TooMuch(msg)

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._step(1, *args)
            return self._checked(function(*args, **kwargs))

        return counted

    def _checked(self, made: Any) -> Any:
        if isinstance(made, str | list | tuple) and len(made) > MAX_LENGTH:
            msg = f"one operation makes more than {MAX_LENGTH} characters or items"
            raise TooMuch(msg)
        return made

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step(1)
            yield item

    @pass_context
    def _shown(self, _context: Context, value: Any) -> Any:
        # With the context, so that jinja never escapes a constant for HTML and prints it as it compiles.
        return self._show(value)

    def _sized(self, value: Any) -> Any:
        self._step(1, value)
        return value

    def _joined(self, parts: list[Any]) -> Any:
        """``a ~ b``: Markdown where one part is Markdown, else text."""
        self._step(1, *parts)
        is_markdown = any(hasattr(part, "__html__") for part in parts)
        texts = [str(self._show(part) if is_markdown or isinstance(part, Undefined) else _text(part)) for part in parts]
        bound("length of a text", sum(map(len, texts)), MAX_LENGTH)
        made = "".join(texts)
        return self._markup(made) if is_markdown else made


class _Counting(NodeTransformer):
    """Puts a filter around what is printed, what loops go through and what operators compare and join."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - jinja's visitor names
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_counted")
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - as above
        self.generic_visit(node)
        node.nodes = [one if isinstance(one, nodes.TemplateData) else _filtered(one, "_shown") for one in node.nodes]
        return node

    def visit_Operand(self, node: nodes.Operand) -> nodes.Operand:  # noqa: N802 - as above
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "_sized")
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802 - as above
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "_sized")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - as above
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_joined")


def _filtered(node: Any, name: str) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    made.environment = node.environment
    return made


def bound(what: str, size: int, limit: int = MAX_REPEATED) -> None:
    """Refuses a ``size`` above ``limit``.

    Raises:
        TooMuch: it is above.
    """
    if size > limit:
        msg = f"a {what} of {size}; at most {limit}"
        raise TooMuch(msg)


def bound_widths(text: str) -> None:
    """Refuses a ``%`` format that pads to more than four digits, or by an argument."""
    if _WIDE.search(text):
        msg = "a format with a width or precision of five digits, or of one taken from its arguments"
        raise TooMuch(msg)


def bound_replacement(text: str, old: Any = "", new: Any = "", *_: Any) -> None:
    """Refuses a replacement whose result is too long."""
    if isinstance(old, str) and isinstance(new, str):
        bound("length of a text", len(text) + text.count(old) * max(0, len(new) - len(old)), MAX_LENGTH)


def bound_join(separator: str, parts: Any = ()) -> None:
    """Refuses a joined text that is too long."""
    if isinstance(parts, list | tuple):
        texts = sum(len(part) if isinstance(part, str) else 20 for part in parts)
        bound("length of a text", texts + len(separator) * len(parts), MAX_LENGTH)


def _bound_product(left: Any, right: Any) -> None:
    sized, times = (left, right) if hasattr(left, "__len__") else (right, left)
    if hasattr(sized, "__len__") and isinstance(times, int):
        bound("length of a repetition", len(sized) * times)
    elif isinstance(left, int) and isinstance(right, int):
        bound("number of bits of a product", left.bit_length() + right.bit_length())


def _cost(value: Any) -> int:
    """The steps that going through ``value`` takes."""
    if isinstance(value, str):
        return len(value) // _CHARACTERS_A_STEP
    if isinstance(value, int):
        return int(value.bit_length() // (64 * _CHARACTERS_A_STEP))
    return len(value) if isinstance(value, list | tuple | dict | range) else 0


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _magnitude(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0
