"""Classic BPF as the kernel runs it (``kernel/bpf``'s semantics for seccomp), to ask a filter without installing it."""

from __future__ import annotations

import struct
from typing import Final

_LOAD: Final = 0x20
_AND: Final = 0x54
_EQUAL: Final = 0x15
_GREATER: Final = 0x25
_RETURN: Final = 0x06


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """The action of ``program`` on a call. Fails on code that the kernel's checker would refuse: jumps beyond the end."""
    words = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, *([0] * (6 - len(arguments))))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *words)
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, constant = code[at]
        at += 1
        if operation == _LOAD:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif operation == _AND:
            accumulator &= constant
        elif operation == _EQUAL:
            at += if_true if accumulator == constant else if_false
        elif operation == _GREATER:
            at += if_true if accumulator > constant else if_false
        elif operation == _RETURN:
            return int(constant)
        else:
            raise AssertionError(hex(operation))
