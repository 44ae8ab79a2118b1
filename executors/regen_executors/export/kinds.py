"""The seven kinds of column, what their values are in Python and Arrow, and the exact ways between them.

========== ===================== ====================================================================================
kind       Python, Arrow         text
========== ===================== ====================================================================================
string     str, string           itself
int64      int, int64            ``-12``
float64    float, float64        the shortest that reads back as the same double; ``NaN``, ``Infinity``, ``-Infinity``
decimal    Decimal, decimal128   ``-12.50``, never an exponent; 38 digits at the most
bool       bool, bool            ``true``, ``false``
date       date, date32          ``2024-02-29``
timestamp  datetime, us          ``2024-02-29T12:00:00Z``, with a fraction where there is one; UTC
========== ===================== ====================================================================================

Nothing is rounded, wrapped or guessed: a value that the other kind cannot hold exactly is an error.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Kind = Literal["string", "int64", "float64", "decimal", "bool", "date", "timestamp"]

MAX_DIGITS: Final = 38
_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_SPECIAL_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)


def kind_of_value(value: Any) -> Kind | None:
    """The kind of a JSON value (a fraction may come as Decimal), None for what no column holds."""
    # bool before int: True is an int in Python.
    for kind, types in (("bool", bool), ("int64", int), ("float64", float | Decimal), ("string", str)):
        if isinstance(value, types):
            return kind  # type: ignore[return-value]
    return None


def kind_of_arrow(arrow: Any) -> Kind | None:
    """The kind that holds every value of an Arrow type, None where there is none."""
    checks: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
        (pa.types.is_boolean, "bool"),
        (lambda t: pa.types.is_integer(t) and t != pa.uint64(), "int64"),
        (lambda t: t == pa.uint64() or pa.types.is_decimal(t), "decimal"),
        (pa.types.is_floating, "float64"),
        (lambda t: any(check(t) for check in _TEXTS), "string"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "timestamp"),
    )
    return next((kind for check, kind in checks if check(arrow)), None)


def arrow_type(kind: Kind, scale: int = 0) -> Any:
    """The Arrow type of a column; timestamps carry no zone here and mean UTC."""
    return {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "decimal": pa.decimal128(MAX_DIGITS, scale),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }[kind]


def convert(value: Any, kind: Kind) -> Any:
    """``value``, of any kind, as ``kind``; None stays None.

    Raises:
        ValueError: ``kind`` cannot hold it exactly. The message begins with "expected".
    """
    if value is None:
        return None
    try:
        made = _CONVERSIONS[kind](value)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(_refusal(value, kind)) from error
    if made is None:
        raise ValueError(_refusal(value, kind))
    return made


def text_of(value: Any) -> str:
    """The text of a value of any kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return next((text for text, special in _SPECIAL_FLOATS.items() if repr(value) == repr(special)), repr(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def scale_of(values: Iterable[Decimal | None]) -> int:
    """The digits after the point of the longest of ``values``."""
    return max((max(0, -int(value.as_tuple().exponent)) for value in values if value is not None), default=0)


def _refusal(value: Any, kind: Kind) -> str:
    shown = repr(text_of(value) if not isinstance(value, str) else value)
    return f"expected {_EXPECTED[kind]}, got {shown if len(shown) <= 60 else shown[:59] + '…'}"


def _to_int(value: Any) -> int | None:
    if isinstance(value, bool | date):
        return None
    if isinstance(value, str):
        number = int(value) if _INTEGER.fullmatch(value) else None
    elif isinstance(value, float | Decimal):
        number = int(value) if value == int(value) else None
    else:
        number = int(value)
    return number if number is not None and number in _INT64 else None


def _to_float(value: Any) -> float | None:
    if isinstance(value, bool | date):
        return None
    if isinstance(value, str):
        if value in _SPECIAL_FLOATS:
            return _SPECIAL_FLOATS[value]
        return _finite(float(value)) if _NUMBER.fullmatch(value) else None
    if isinstance(value, int):
        return float(value) if int(float(value)) == value else None
    # A fraction from JSON or a decimal becomes the nearest double, as in every JSON reader.
    return float(value) if isinstance(value, float) else _finite(float(value))


def _finite(value: float) -> float | None:
    return None if value in (float("inf"), float("-inf")) else value


def _to_decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool | date):
        return None
    if isinstance(value, str):
        number = Decimal(value) if _NUMBER.fullmatch(value) else None
    else:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return None if number is None else _plain(number)


def _plain(number: Decimal) -> Decimal | None:
    """``number`` without an exponent, where 38 digits hold it."""
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        return Decimal(0) if number.is_zero() and number.is_finite() else None
    plain = Decimal(format(number, "f"))
    digits, exponent = plain.as_tuple().digits, int(plain.as_tuple().exponent)
    return plain if max(len(digits), -exponent) <= MAX_DIGITS else None


def _to_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _to_date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else None
    if isinstance(value, date):
        return value
    return date.fromisoformat(value) if isinstance(value, str) and _DATE.fullmatch(value) else None


def _to_timestamp(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if not isinstance(value, str) or not (_TIMESTAMP.fullmatch(value) or _DATE.fullmatch(value)):
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


_CONVERSIONS: Mapping[Kind, Callable[[Any], Any]] = {
    "string": text_of,
    "int64": _to_int,
    "float64": _to_float,
    "decimal": _to_decimal,
    "bool": _to_bool,
    "date": _to_date,
    "timestamp": _to_timestamp,
}
_EXPECTED: Mapping[Kind, str] = {
    "string": "text",
    "int64": "a whole number of 64 bits",
    "float64": "a number that a double holds",
    "decimal": f"a decimal number of at most {MAX_DIGITS} digits",
    "bool": "true or false",
    "date": "a date such as 2024-02-29",
    "timestamp": "an ISO 8601 timestamp such as 2024-02-29T12:00:00Z, with microseconds at the finest",
}
