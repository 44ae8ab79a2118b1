"""What every model of the wire shares: camelCase names, unknown keys refused, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel


class Request(BaseModel):
    """A body that somebody sends: strict types, no unknown key."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_alias=True, extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=False, serialize_by_alias=True, frozen=True
    )


def as_utc_text(at: datetime) -> str:
    """``2026-01-02T03:04:05.678Z``; a time without a zone is UTC, as every time of the database."""
    naive = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="milliseconds") + "Z"


Stamp = Annotated[
    datetime,
    PlainSerializer(as_utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-02T03:04:05.678Z"]}),
]
"""A time of the database on the wire."""


def whole_number(value: object) -> object:
    """``10.0`` as ``10``: JSON has one kind of number. Anything else is left to the type's own check."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def storable(text: str) -> str:
    """Text that PostgreSQL can hold.

    Raises:
        ValueError: it has NUL characters or lone surrogates.
    """
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        msg = "expected text without NUL characters and lone surrogates"
        raise ValueError(msg)
    return text
