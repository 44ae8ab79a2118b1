"""Are a pod's own stamps told once each, and nothing that happened before we looked?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_operator.telemetry import pod_phases
from regen_operator.telemetry.pod_phases import PodPhases

Told = list[tuple[str, str | None, float]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def phases(told: Told) -> PodPhases:
    return PodPhases(lambda phase, job_type, seconds: told.append((phase, job_type, seconds)))


def pod(uid: str = "u1", *, scheduled: str | None = None, executed: tuple[str, str] | None = None) -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": scheduled}] if scheduled else []
    state = {"terminated": {"startedAt": executed[0], "finishedAt": executed[1]}} if executed else {"waiting": {}}
    return {
        "metadata": {"uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"regeneration.dev/type": "document"}},
        "status": {
            "conditions": conditions,
            "initContainerStatuses": [{"name": "prepare", "state": {}}, {"name": "execute", "state": state}],
        },
    }


SCHEDULED = "2026-01-01T00:00:02Z"
EXECUTED = ("2026-01-01T00:00:03Z", "2026-01-01T00:00:10Z")


def test_each_phase_is_reported_once(phases: PodPhases, told: Told) -> None:
    for body in (pod(), pod(scheduled=SCHEDULED), pod(scheduled=SCHEDULED), pod(scheduled=SCHEDULED, executed=EXECUTED)):
        phases.saw(body, listed=False)
    assert told == [("scheduled", "document", 2.0), ("executed", "document", 7.0)]


def test_phases_that_a_list_shows_are_not_reported_and_later_ones_are(phases: PodPhases, told: Told) -> None:
    phases.saw(pod(scheduled=SCHEDULED), listed=True)
    phases.saw(pod(scheduled=SCHEDULED, executed=EXECUTED), listed=False)
    assert told == [("executed", "document", 7.0)]


def test_no_more_pods_are_remembered_than_may_be(phases: PodPhases, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_phases, "KEEP", 2)
    for uid in ("a", "b", "c", "c", "a"):
        phases.saw(pod(uid, scheduled=SCHEDULED), listed=False)
    assert len(told) == 4, "the oldest was forgotten and is told again; what is remembered is not"
    phases.gone("c")
    phases.saw(pod("c", scheduled=SCHEDULED), listed=False)
    assert len(told) == 5
