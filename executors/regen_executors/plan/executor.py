"""The executor of type ``plan_regeneration``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult
from regen_executors.plan.assembling import assembled
from regen_executors.plan.inputs import plan_inputs
from regen_executors.plan.pages import pdf
from regen_executors.plan.provider import chosen_provider

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


class PlanExecutor:
    """A learning plan as JSON and PDF. The inputs are ``PlanInputs``, the JSON is ``Plan``."""

    type: ClassVar[str] = "plan_regeneration"
    version: ClassVar[str] = "2"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Creates ``plan.json`` and ``plan.pdf``.

        Raises:
            InvalidInput: an input is wrong, or the deadline leaves no room for a single lesson.
            Capped: the provider's curriculum would be longer than a limit allows.
            Unavailable: a provider outside gives no usable answer now.
        """
        inputs = plan_inputs(instruction.inputs)
        provider = chosen_provider(os.environ)
        plan = assembled(inputs, provider.curriculum(inputs), provider.about)
        document = json.dumps(plan.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2) + "\n"
        artifacts = (
            Artifact("plan.json", "application/json", document.encode()),
            Artifact("plan.pdf", "application/pdf", pdf(plan)),
        )
        return ExecutionResult(artifacts, {"lessons": plan.totals.lessons, "weeks": plan.totals.weeks})
