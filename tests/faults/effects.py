"""The table of crash points: every effect, the story that passes it, and how the job ends after a kill before and after it.

Where the operator dies, the job must end as if nobody had. Where a pod's program dies, the run is over unless its outcome was
committed: nobody runs an executor again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXECUTOR = "FAILED executor"
_LOST = "FAILED lost"
_INTERNAL = "FAILED internal"
"""Of the child that died before it said that it is in its sandbox."""


@dataclass(frozen=True, slots=True)
class Effect:
    """``before`` and ``after`` are the job's status, with its classification where it is FAILED."""

    scenario: str
    before: str
    after: str


def _undisturbed(scenario: str) -> Effect:
    end = SCENARIOS[scenario].end
    return Effect(scenario, end, end)


EFFECTS: Mapping[str, Effect] = {
    "operator.lease_create": _undisturbed("completed"),
    "operator.lease_renew": _undisturbed("completed"),
    "operator.lease_release": _undisturbed("completed"),
    "operator.claim": _undisturbed("completed"),
    "operator.job_create": _undisturbed("completed"),
    "operator.cr_create": _undisturbed("completed"),
    "operator.status_running": _undisturbed("completed"),
    "operator.status_completed": _undisturbed("completed"),
    "operator.cr_delete": _undisturbed("completed"),
    "operator.status_failed": _undisturbed("failed"),
    "operator.event_create": _undisturbed("failed"),
    "operator.fail": _undisturbed("stuck"),
    "operator.job_delete": _undisturbed("stuck"),
    "operator.ingest": _undisturbed("applied"),
    "operator.cr_label": _undisturbed("applied"),
    "operator.status_pending": _undisturbed("applied"),
    "operator.status_refused": _undisturbed("applied"),
    "operator.audit_repair": _undisturbed("unaudited"),
    "prepare.fence": Effect("completed", _LOST, _LOST),
    "prepare.nonce": Effect("completed", _LOST, _LOST),
    "prepare.source": Effect("completed", _LOST, _LOST),
    "prepare.instruction": Effect("completed", _LOST, _LOST),
    "prepare.go_file": Effect("completed", _LOST, _LOST),
    "prepare.report": Effect("bad-source", _LOST, "FAILED validation"),
    "execute.start_mark": Effect("completed", _EXECUTOR, _EXECUTOR),
    "execute.supervision": Effect("completed", _EXECUTOR, _EXECUTOR),
    "execute.watch": Effect("completed", _EXECUTOR, _EXECUTOR),
    "execute.sandbox": Effect("completed", _INTERNAL, _INTERNAL),
    "execute.executor": Effect("completed", _EXECUTOR, _EXECUTOR),
    "execute.child_report": Effect("completed", _INTERNAL, _EXECUTOR),
    "execute.envelope": Effect("completed", _EXECUTOR, _EXECUTOR),
    "publish.evidence": Effect("completed", _LOST, _LOST),
    "publish.probe": Effect("completed", _LOST, _LOST),
    "publish.first_put": Effect("completed", _LOST, _LOST),
    "publish.second_put": Effect("completed", _LOST, _LOST),
    "publish.provenance_put": Effect("completed", _LOST, _LOST),
    "publish.manifest_put": Effect("completed", _LOST, _LOST),
    "publish.log_put": Effect("failed", _LOST, _LOST),
    "publish.head": Effect("taken", _LOST, _LOST),
    "publish.commit": Effect("completed", _LOST, "COMPLETED"),
    "publish.report": Effect("failed", _LOST, _EXECUTOR),
}


def point(when: str, effect: str) -> str:
    """The point's name: ``publish.after_manifest_put``."""
    program, _, name = effect.partition(".")
    return f"{program}.{when}_{name}"


POINTS: Mapping[str, tuple[str, str]] = {
    point(when, name): (effect.scenario, getattr(effect, when))
    for name, effect in EFFECTS.items()
    for when in ("before", "after")
}
"""Crash point → the scenario that passes it, and how its job ends."""
