"""Forms as data: a field is what a person fills in, and how that becomes a value of ``inputs``. ``forms.py`` lists them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from regen_api.wire import storable

Kind = Literal["text", "area", "number", "choice", "choices", "flag", "json", "date"]
Given = Mapping[str, list[str]]
"""A submitted form: every field's values, as the browser sent them."""

PREFIX: Final = "in."
"""Before a field's name in the form, so that no input is taken for the form's own."""
SOURCE_PREFIX: Final = "source."
"""Likewise, of what describes the one source file that a form knows."""


class FieldInvalid(Exception):
    """A field does not hold what was expected; the message says what."""


class _Absent:
    """No value was given, so the executor's default holds."""


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Field:
    """One input.

    Attributes:
        name: its name in ``inputs``; dotted, such as ``renditions.0.width``, where it is inside of one.
        label: what a person reads.
        kind: how it is filled in.
        hint: what may stand in it, beneath the label.
        required: whether a job without it is invalid.
        options: of a choice, in order.
        default: what the form shows at first: text, or for ``choices`` the chosen ones.
        least: characters, or the value of a number, at the least.
        most: likewise at the most.
        pattern: what text must match as a whole.
        group: the heading under which it stands with its neighbours; those of a group may be left empty together.
        of_source: whether it describes the source file, and is no input.
    """

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    required: bool = False
    options: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    group: str = ""
    of_source: bool = False

    @property
    def key(self) -> str:
        """The control's name."""
        return (SOURCE_PREFIX if self.of_source else PREFIX) + self.name

    def parse(self, given: Given) -> Any:
        """The value, or ``ABSENT``.

        Raises:
            FieldInvalid: with what was expected.
        """
        values = given.get(self.key, [])
        if self.kind == "flag":
            return True if values else ABSENT
        if self.kind == "choices":
            return self._chosen(values)
        text = (values[0] if values else "").replace("\r\n", "\n")
        if not text.strip():
            if self.required:
                raise FieldInvalid("expected a value")
            return ABSENT
        return self._value(text)

    def shown(self, value: object) -> list[str]:
        """What the form shows for a value of ``inputs``; the inverse of ``parse``.

        Raises:
            ValueError: no form control can show it.
        """
        match self.kind, value:
            case "flag", bool():
                return ["on"] if value else []
            case "choices", list() if all(one in self.options for one in value):
                return [str(one) for one in value]
            case "json", dict() | list():
                return [json.dumps(value, ensure_ascii=False, indent=2)]
            case "number", int() if not isinstance(value, bool):
                return [str(value)]
            case "choice", str() if value in self.options:
                return [value]
            case (("text" | "area" | "date"), str()) if value.strip() and "\r" not in value:
                return [value]
            case _:
                msg = f"{self.name}: expected a value that a form can hold"
                raise ValueError(msg)

    def _chosen(self, values: list[str]) -> Any:
        if unknown := [value for value in values if value not in self.options]:
            raise FieldInvalid(f"expected any of {', '.join(self.options)}, got {unknown[0]!r}")
        if self.required and not values:
            raise FieldInvalid(f"expected at least one of {', '.join(self.options)}")
        return [option for option in self.options if option in values] if values else ABSENT

    def _value(self, text: str) -> Any:
        match self.kind:
            case "number":
                return self._number(text.strip())
            case "choice":
                if text not in self.options:
                    raise FieldInvalid(f"expected one of {', '.join(self.options)}, got {text!r}")
                return text
            case "json":
                return parse_json(text)
            case _:
                return self._text(text if self.kind == "area" else text.strip())

    def _number(self, text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
            raise FieldInvalid("expected a whole number")
        number = int(text)
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            raise FieldInvalid(f"expected a whole number {_between(self.least, self.most)}")
        return number

    def _text(self, text: str) -> str:
        try:
            storable(text)
        except ValueError as error:
            raise FieldInvalid(str(error)) from error
        if (self.least is not None and len(text) < self.least) or (self.most is not None and len(text) > self.most):
            raise FieldInvalid(f"expected {_between(self.least, self.most)} characters")
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise FieldInvalid(f"expected {self.hint}" if self.hint else "expected another form")
        return text


def parse_json(text: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no key twice.

    Raises:
        FieldInvalid: names line and column.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            msg = "expected every key once"
            raise FieldInvalid(msg)
        return found

    def refuse(constant: str) -> Any:
        raise FieldInvalid(f"expected JSON, got {constant}")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise FieldInvalid(f"expected JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise FieldInvalid("expected JSON that is nested less deeply") from error
    except ValueError as error:  # integers of thousands of digits
        raise FieldInvalid("expected JSON with numbers that a double can hold") from error


def _between(least: int | None, most: int | None) -> str:
    if least is None:
        return f"of {most:,} at the most"
    return f"of {least:,} at the least" if most is None else f"from {least:,} to {most:,}"
