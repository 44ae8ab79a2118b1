"""The port of those who write lessons, and which of them an executor class chose.

The choice is the class's, by the environment of its container; no instruction can make it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from regen_executors.plan.builtin import BuiltinProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_executors.plan.inputs import PlanInputs
    from regen_executors.plan.model import Curriculum, Provider

VARIABLE: Final = "EXECUTOR_PLAN_PROVIDER"


class CurriculumProvider(Protocol):
    """Writes lessons. ``about`` is what the plan says of it."""

    @property
    def about(self) -> Provider:
        """Its name, and its model where it has one."""
        ...

    def curriculum(self, inputs: PlanInputs) -> Curriculum:
        """The modules for these inputs, each after its prerequisites.

        Raises:
            InvalidInput: an input is refused, and always will be.
            Capped: the curriculum would be longer than a limit allows.
            Unavailable: a provider outside gives no usable answer now.
        """
        ...


def chosen_provider(environ: Mapping[str, str]) -> CurriculumProvider:
    """The provider that ``EXECUTOR_PLAN_PROVIDER`` names; ``builtin`` where it is not set.

    Raises:
        ValueError: it names none, or another variable of the provider's is wrong.
    """
    name = environ.get(VARIABLE) or "builtin"
    if name == "builtin":
        return BuiltinProvider()
    if name == "openai":
        from regen_executors.plan.openai import openai_provider  # noqa: PLC0415 - no network code where it is not chosen

        return openai_provider(environ)
    msg = f"{VARIABLE}: expected builtin or openai, got {name!r}"
    raise ValueError(msg)
