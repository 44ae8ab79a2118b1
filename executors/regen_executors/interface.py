"""The Executor interface: all that an executor must be, and all that it is given.

An executor turns an instruction into bytes. It does no I/O of its own beyond reading the source files it is given and, for
large artifacts, writing beneath ``Instruction.out``; it has no database, no network, no credentials and no clock: the same
instruction gives the same bytes (rule R11). A class is an executor by its shape alone; there is nothing to inherit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to create.

    Attributes:
        type: the executor's type, as in ``instructionJson``.
        inputs: the JSON object ``instructionJson.inputs``; the executor validates it.
        sources: name → read-only file whose digest was checked before the executor started.
        out: an empty folder of the executor's own; artifacts too large for memory are written here.
    """

    type: str
    inputs: Mapping[str, Any]
    sources: Mapping[str, Path]
    out: Path


@dataclass(frozen=True, slots=True)
class Artifact:
    """One output: ``body`` is its bytes, or a regular file beneath ``Instruction.out`` whose name is ``name``."""

    name: str
    media_type: str
    body: bytes | Path


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What was created; at least one artifact, each with a name of its own."""

    artifacts: tuple[Artifact, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """One type of job. ``version`` changes whenever the same instruction may give other bytes."""

    type: ClassVar[str]
    version: ClassVar[str]

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Creates the artifacts.

        Raises:
            InvalidInput: the instruction is wrong, and always will be.
            Capped: the instruction asks for more than a documented limit allows.
            Unavailable: a provider outside gives no usable answer now.
        """
        ...


class InvalidInput(Exception):
    """An input is wrong: ends the job with classification ``validation``. ``field`` is its dotted path."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


class Unavailable(Exception):
    """A provider outside, which the class opened, gives no usable answer now: ends the job with classification ``executor``,
    marked as one that may be triggered again. The message goes into the record: no secrets, nothing that the provider wrote.
    """


class Capped(Exception):
    """An input asks for more than a limit allows: ends the job with classification ``capped``."""

    def __init__(self, field: str, limit: str) -> None:
        super().__init__(f"{field}: {limit}")
        self.field = field
        self.limit = limit
