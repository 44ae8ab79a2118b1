"""What all shipped executors do with their inputs: strict models, and errors that name the dotted field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

MODEL = TypeVar("MODEL", bound="StrictInputs")


class StrictInputs(BaseModel):
    """A model of JSON inputs: camelCase names, no unknown key, no conversion from one JSON type to another."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False, validate_by_alias=True
    )


def validated(model: type[MODEL], inputs: Mapping[str, Any]) -> MODEL:
    """``inputs`` as a ``model``.

    Raises:
        InvalidInput: for the first error; ``field`` is a path such as ``inputs.columns[2].type``.
    """
    try:
        return model.model_validate(dict(inputs))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(dotted(first["loc"]), _expected(first)) from error


def dotted(path: Iterable[str | int]) -> str:
    """``("columns", 2, "type")`` → ``inputs.columns[2].type``."""
    return "inputs" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def source_file(sources: Mapping[str, Path], name: str, field: str, max_bytes: int) -> Path:
    """The file of the source that ``field`` names.

    Raises:
        InvalidInput: the instruction has no source of that name.
        Capped: the file is larger than ``max_bytes``.
    """
    path = sources.get(name)
    if path is None:
        known = ", ".join(sorted(sources)) or "none"
        raise InvalidInput(field, f"expected the name of one of the instruction's sources ({known}), got {name!r}")
    size = path.stat().st_size
    if size > max_bytes:
        raise Capped(field, f"a source of {size} bytes; at most {max_bytes} are read")
    return path


def source_text(sources: Mapping[str, Path], name: str, field: str, max_bytes: int) -> str:
    """The text of the UTF-8 file of the source that ``field`` names, without a byte order mark.

    Raises:
        InvalidInput: there is no such source, or it is not UTF-8.
        Capped: the file is larger than ``max_bytes``.
    """
    path = source_file(sources, name, field, max_bytes)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            field, f"expected UTF-8 text, got byte 0x{error.object[error.start]:02x} at {error.start}"
        ) from error


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown input; expected only documented names"
    if error["type"] == "missing":
        return "expected a value; this input is required"
    message = error["msg"].removeprefix("Value error, ")
    got = error["input"]
    if isinstance(got, str | int | float | bool) and len(repr(got)) <= 80:
        return f"{message}, got {got!r}"
    return message
