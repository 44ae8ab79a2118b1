"""An executor for tests of the sandbox: it does what ``inputs.do`` names and tells what came of it in ``answer.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

from . import endings, escapes, work

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


class ProbeExecutor:
    """Runs one function of ``endings``, ``escapes`` or ``work``."""

    type: ClassVar[str] = "probe"
    version: ClassVar[str] = "7"

    def run(self, instruction: Instruction) -> ExecutionResult:
        module, _, name = instruction.inputs["do"].partition(".")
        answer = getattr({"endings": endings, "escapes": escapes, "work": work}[module], name)(instruction)
        if isinstance(answer, ExecutionResult):
            return answer
        return ExecutionResult((Artifact("answer.json", "application/json", json.dumps(answer).encode()),))
