"""The port for providers of lessons, and which of them an executor class chose.

The class chooses by the environment of its container; an instruction cannot. A provider is a package of its own that
registers a class in the entry point group ``regen.plan_providers``; ``openai`` ships with the executor.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_executors.plan.inputs import PlanInputs
    from regen_executors.plan.model import Curriculum, Provider

VARIABLE: Final = "EXECUTOR_PLAN_PROVIDER"
GROUP: Final = "regen.plan_providers"
DEFAULT: Final = "catalogue"
OPENAI: Final = "openai"


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
    """The provider that ``EXECUTOR_PLAN_PROVIDER`` names; ``catalogue`` where it is not set.

    Raises:
        ValueError: no package provides it, two do, or another variable of the provider's is wrong.
    """
    name = environ.get(VARIABLE) or DEFAULT
    if name == OPENAI:
        from regen_executors.plan.openai import openai_provider  # noqa: PLC0415 - no network code where it is not chosen

        return openai_provider(environ)
    installed = list(entry_points(group=GROUP))
    claims = [claim for claim in installed if claim.name == name]
    if len(claims) != 1:
        known = ", ".join(sorted({OPENAI, *(claim.name for claim in installed)}))
        why = "more than one installed package provides" if claims else "no installed package provides"
        msg = f"{VARIABLE}: {why} {name!r}. Installed: {known}. Install one package for it, or choose another."
        raise ValueError(msg)
    return cast("CurriculumProvider", claims[0].load()())
