"""Short stories that together pass every crash point. Each says how its jobs end when nobody dies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from regen_core.names import artifact_key
from tests.faults.evidence import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.case import Case

STUCK = "probe_stuck"
"""A type whose executor class names an image that cannot be."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``begin`` is what happens before the operator starts; ``end`` is how its jobs end undisturbed, which are ``jobs``."""

    begin: Callable[[Case], None]
    end: str
    jobs: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def ends(self) -> list[str]:
        """How every job ends undisturbed."""
        return [self.end] * self.jobs


def _completed(case: Case) -> None:
    content = b"a source"
    source = case.objects.upload_source(f"{case.database}.txt", content)
    named = {"name": "source", "uri": source, "sha256": hashlib.sha256(content).hexdigest()}
    inputs = {"artifacts": ["first.txt", "second.txt"], "seconds": 0.5}
    case.insert("probe_count", inputs, job_id=case.new_id("completed"), sources=[named])


def _failed(case: Case) -> None:
    case.insert("probe_count", {"fail": True, "says": "a word for the log"}, job_id=case.new_id("failed"))


def _bad_source(case: Case) -> None:
    source = {"name": "source", "uri": case.objects.upload_source("bad.txt", b"other bytes"), "sha256": "0" * 64}
    case.insert("probe_count", {}, job_id=case.new_id("source"), sources=[source])


def _applied(case: Case) -> None:
    """One of two has to wait, and is told so; a third is refused."""
    _apply(case, "november")
    _apply(case, "oscar")
    _apply(case, "regen-reserved")


def _apply(case: Case, name: str) -> None:
    instruction: dict[str, Any] = {
        "type": "probe_count",
        "version": 1,
        "inputs": {"job": case.new_id(name), "artifacts": ["first.txt"], "seconds": 1},
    }
    body = {
        "apiVersion": "regeneration.dev/v1alpha1",
        "kind": "RegenerationJob",
        "metadata": {"name": name, "namespace": case.namespace},
        "spec": {"type": "probe_count", "instruction": instruction},
    }
    case.cluster.create(KINDS["RegenerationJob"], case.namespace, body)


def _stuck(case: Case) -> None:
    case.insert(STUCK, {}, job_id=case.new_id("stuck"))


def _taken(case: Case) -> None:
    """Our own bytes lie at the first key, as after a put whose answer was lost."""
    job_id = case.insert("probe_count", {"artifacts": ["first.txt"]}, job_id=case.new_id("taken"))
    key = f"outputs/{artifact_key('probe_count', job_id, 'first.txt')}"
    case.objects.client.put_object(Bucket=case.objects.bucket, Key=key, Body=b"first.txt")


def _unaudited(case: Case) -> None:
    """The audit's ordinary triggers are silent, as on a replica, while the job is claimed and fails."""
    job_id = case.insert("probe_count", {}, job_id=case.new_id("unaudited"))
    error = {"classification": "lost", "retryable": True, "message": "as the scenario says", "detail": {}}
    with case.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SELECT * FROM regen_claim_v1(1, 100, '{}', NULL, %s)", (["probe_count"],))
        connection.execute(
            "SELECT * FROM regen_fail_v1(%s)", (Jsonb([{"id": job_id, "error": error, "condition": "no_fence"}]),)
        )


_UNTOLD = {
    "REGEN_WAITING_STATUS_DELAY_SECONDS": "60",
    "REGEN_STARTING_STATUS_DELAY_SECONDS": "60",
    "REGEN_RUNNING_STATUS_DELAY_SECONDS": "60",
}
"""Nothing is told of a job but its end: the Event of a failure is spared where everything was told before."""

SCENARIOS: Mapping[str, Scenario] = {
    "completed": Scenario(_completed, "COMPLETED"),
    "failed": Scenario(_failed, "FAILED executor", settings=_UNTOLD),
    "bad-source": Scenario(_bad_source, "FAILED validation"),
    "applied": Scenario(_applied, "COMPLETED", jobs=2, settings={"REGEN_CAP_TOTAL": "1"}),
    "stuck": Scenario(_stuck, "FAILED internal"),
    "taken": Scenario(_taken, "COMPLETED"),
    "unaudited": Scenario(_unaudited, "FAILED lost"),
}
