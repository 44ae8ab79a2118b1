"""RegenerationJobs as people make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regen_core.names import API_VERSION, KIND


@dataclass(frozen=True, slots=True)
class RegenerationJobs:
    """Where the test's objects live."""

    path: str


def regeneration_job(name: str, **spec: Any) -> dict[str, Any]:
    """One with a small instruction; a field given as None is left out."""
    whole = {"type": "document", "instruction": {"type": "document", "version": 1, "inputs": {}}} | spec
    kept = {key: value for key, value in whole.items() if value is not None}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": kept}
