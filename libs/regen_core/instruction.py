"""``instructionJson``, version 1 (docs/contract.md#instruction)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from regen_core.errors import ValidationFailed
from regen_core.names import is_artifact_name

MAX_SOURCES = 64
LEVELS: Final = 200
"""The guard of inserts refuses instructions with this many levels of arrays and objects: parsers recurse."""


class Source(BaseModel):
    """A file that ``prepare`` fetches and checks before the executor starts."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Annotated[str, Field(max_length=128)]
    uri: Annotated[str, Field(max_length=2048)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, name: str) -> str:
        if not is_artifact_name(name):
            msg = "expected one file name of letters, digits, dots, dashes and underscores"
            raise ValueError(msg)
        return name

    @field_validator("uri")
    @classmethod
    def _uri_has_a_supported_scheme(cls, uri: str) -> str:
        if urlsplit(uri).scheme not in {"https", "http", "s3", "file"}:
            msg = "expected a URI with scheme https, http, s3 or file"
            raise ValueError(msg)
        return uri


class Instruction(BaseModel):
    """What a job does. It never changes after the insert (rule R6)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    version: Literal[1]
    inputs: dict[str, Any]
    sources: Annotated[tuple[Source, ...], Field(max_length=MAX_SOURCES, strict=False)] = ()

    @field_validator("sources")
    @classmethod
    def _names_differ(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        if len(set(names)) != len(names):
            msg = "expected every source to have a name of its own"
            raise ValueError(msg)
        return sources


def parse_instruction(value: Any) -> Instruction:
    """Parse an instruction from a JSON value.

    Raises:
        ValidationFailed: the message names the first invalid field and what is expected.
    """
    try:
        instruction = Instruction.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "instruction"
        raise ValidationFailed(f"instruction field {field}: {first['msg']}", field=field) from error
    if _reaches(value, LEVELS):
        msg = f"instruction field inputs: expected fewer than {LEVELS} levels of arrays and objects, itself included"
        raise ValidationFailed(msg, field="inputs")  # no other field nests
    return instruction


def _reaches(value: Any, level: int) -> bool:
    """Return whether ``value`` has that many nested levels, as the guard's ``$.**{level}`` counts them."""
    found = [value]
    for _ in range(level):
        found = [
            inner
            for outer in found
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not found:
            return False
    return True
