"""Is a Job of our name adopted only when it is ours, down to its spec hash?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_core.errors import Classification
from regen_core.states import JobStatus
from regen_operator.kube.errors import NotFound, is_temporary
from regen_operator.launch.job import build_job
from regen_operator.launch.launcher import Launcher
from regen_operator.launch.order import JobOrder
from regen_operator.rows.values import JobRow

if TYPE_CHECKING:
    from kubelite.api import KubernetesAPI
    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes

ROW = JobRow("a", "document", JobStatus.RUNNING)


@pytest.fixture
def launcher(kube: KubeClient, classes: Classes) -> Launcher:
    return Launcher(kube, classes, namespace="regen-runs", pending_seconds=300)


def a_job(classes: Classes, **changes: Any) -> dict[str, Any]:
    body = build_job(JobOrder("a", "document", "regen-runs", 300), classes, classes.by_type["document"])
    body["metadata"] |= changes
    return body


async def test_a_launch_makes_one_job(api: KubernetesAPI, launcher: Launcher) -> None:
    assert await launcher.launch(ROW) is None
    assert [job["metadata"]["name"] for job in api.store.list("jobs.batch")] == ["regen-a"]


async def test_a_launch_may_be_repeated(api: KubernetesAPI, launcher: Launcher) -> None:
    assert await launcher.launch(ROW) is None
    [first] = api.store.list("jobs.batch")
    assert await launcher.launch(ROW) is None
    [second] = api.store.list("jobs.batch")
    assert first["metadata"]["uid"] == second["metadata"]["uid"]


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {}},
        {"annotations": {}},
        {"annotations": {"regeneration.dev/job-id": "a", "regeneration.dev/spec-hash": "0" * 64}},
        {"annotations": {"regeneration.dev/job-id": "b"}},
    ],
    ids=["no labels of ours", "no annotations", "another spec", "another job"],
)
async def test_someone_elses_job_is_refused(
    api: KubernetesAPI, launcher: Launcher, classes: Classes, changes: dict[str, Any]
) -> None:
    api.store.create("jobs.batch", "regen-runs", a_job(classes, **changes))
    error = await launcher.launch(ROW)
    assert error is not None
    assert error.classification is Classification.INTERNAL
    assert "does not belong to this job" in error.message
    assert len(api.store.list("jobs.batch")) == 1, "nothing was deleted"


async def test_a_type_whose_class_is_gone_is_refused(launcher: Launcher) -> None:
    error = await launcher.launch(JobRow("a", "poem", JobStatus.RUNNING))
    assert error is not None
    assert error.classification is Classification.INTERNAL


async def test_a_missing_namespace_may_come(kube: KubeClient, classes: Classes) -> None:
    with pytest.raises(NotFound):
        await Launcher(kube, classes, namespace="nowhere", pending_seconds=300).launch(ROW)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('jobs.batch is forbidden: User "x" cannot create resource "jobs"', True),
        ("exceeded quota: pods", True),
        ("ValidatingAdmissionPolicy 'regen-jobs' denied request", False),
    ],
)
def test_which_refusals_may_pass(message: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_temporary(message) is expected
