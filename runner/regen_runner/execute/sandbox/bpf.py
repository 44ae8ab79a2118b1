"""A small assembler for seccomp's classic BPF (seccomp(2), ``linux/filter.h``).

A filter decides by the call's number first and then by words of its arguments. It sees values, never what a pointer points
to.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000

_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER: Final = 0x25
_RETURN: Final = 0x06

_OFFSET_NUMBER: Final = 0
_OFFSET_ARCHITECTURE: Final = 4
_OFFSET_ARGUMENTS: Final = 16
_WHOLE: Final = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""``struct sock_filter``: code, jump if true, jump if false, constant."""


@dataclass(frozen=True, slots=True)
class Check:
    """``(argument & mask) == value``, or its negation, on 32 bits of an argument: the lower or, ``high``, the upper."""

    argument: int
    value: int
    mask: int = _WHOLE
    high: bool = False
    negated: bool = False

    def code(self, otherwise: int) -> list[Instruction]:
        """Falls through where the check holds, else skips ``otherwise`` instructions."""
        offset = _OFFSET_ARGUMENTS + 8 * self.argument + (4 if self.high else 0)
        masked = [] if self.mask == _WHOLE else [(_AND, 0, 0, self.mask)]
        jump = (_JUMP_EQUAL, otherwise, 0, self.value) if self.negated else (_JUMP_EQUAL, 0, otherwise, self.value)
        return [(_LOAD_WORD, 0, 0, offset), *masked, jump]


@dataclass(frozen=True, slots=True)
class Clause:
    """``action`` where every check holds; without checks, always."""

    action: int
    checks: tuple[Check, ...] = ()

    def code(self) -> list[Instruction]:
        """The checks, last one first because each must know how far it is to the end, and the verdict."""
        body: list[Instruction] = [(_RETURN, 0, 0, self.action)]
        for check in reversed(self.checks):
            body = [*check.code(len(body)), *body]
        return body


def fail_with(number: int) -> int:
    """The action that makes a call fail with this errno."""
    return _ERRNO | number


def assemble(architecture: int, last_known: int, unknown: int, rules: Mapping[int, tuple[Clause, ...]]) -> bytes:
    """The filter as ``struct sock_filter[]``: the first clause that holds decides, a call without one is allowed.

    Args:
        architecture: ``AUDIT_ARCH_*`` that every call must have; another kind of call (32 bits on x86) kills the process.
        last_known: the highest call number that was judged.
        unknown: the action for numbers above it, x32's numbers (bit 30) among them.
        rules: call number → clauses.
    """
    program: list[Instruction] = [
        (_LOAD_WORD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD_WORD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_GREATER, 0, 1, last_known),
        (_RETURN, 0, 0, unknown),
    ]
    for number, clauses in sorted(rules.items()):
        body = [instruction for clause in clauses for instruction in clause.code()]
        if clauses[-1].checks:
            body.append((_RETURN, 0, 0, ALLOW))
        program += [(_JUMP_EQUAL, 0, len(body), number), *body]
    program.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
