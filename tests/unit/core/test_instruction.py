"""Is an instruction read that every part can carry, and no other?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_core.errors import ValidationFailed
from regen_core.instruction import LEVELS, parse_instruction


def nested(levels: int, *, wide: bool) -> Any:
    """A value with ``levels`` of arrays and objects around it."""
    value: Any = 1
    for level in range(levels):
        value = [2, value, 3] if wide and level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("wide", [False, True])
def test_the_levels_that_the_database_takes(*, wide: bool) -> None:
    instruction = {"type": "document", "version": 1, "inputs": {"a": nested(LEVELS - 3, wide=wide)}}
    assert parse_instruction(instruction).inputs == instruction["inputs"]
    instruction["inputs"] = {"a": nested(LEVELS - 2, wide=wide)}
    with pytest.raises(ValidationFailed, match=f"inputs: expected fewer than {LEVELS} levels") as raised:
        parse_instruction(instruction)
    assert raised.value.detail == {"field": "inputs"}
