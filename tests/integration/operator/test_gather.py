"""Do the lists by which many jobs are read tell of each what reading it alone tells, in a handful of requests?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_operator.kube.errors import ApiUnavailable
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from regen_operator.recover.gather import FEW, PORTION, Examination, Gatherer, portion_labels
from regen_operator.recover.snapshot import Limits, Snapshot
from regen_operator.rows.values import JobFacts, JobRow, RunRow

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from kubelite.api import KubernetesAPI
    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes

NAMESPACE = "regen-runs"
NOW = datetime.now(UTC).replace(tzinfo=None)
LIMITS = Limits(pending=300.0, active=900.0, grace=30.0)


def examination(job_id: str, run: RunRow | None = None) -> Examination:
    return Examination(JobFacts(JobRow(job_id, "document", JobStatus.RUNNING), run, NOW), LIMITS, deletion_seen=False)


class Runs:
    """Jobs and pods, made as the operator and the Job controller make them."""

    def __init__(self, api: KubernetesAPI, classes: Classes) -> None:
        self.api = api
        self._classes = classes

    def job(self, job_id: str, **metadata: Any) -> dict[str, Any]:
        body = build_job(JobOrder(job_id, "document", NAMESPACE, 300), self._classes, self._classes.by_type["document"])
        body["metadata"] |= metadata
        return dict(self.api.store.create("jobs.batch", NAMESPACE, body))

    def pod(self, job: dict[str, Any], suffix: str, **metadata: Any) -> RunRow:
        template = job["spec"]["template"]
        body = {
            "metadata": {**template["metadata"], "name": f"{job['metadata']['name']}-{suffix}", **metadata},
            "spec": template["spec"],
        }
        made = self.api.store.create("pods", NAMESPACE, body)["metadata"]
        return RunRow(made["uid"], made["name"], NOW)

    def complaint(self, job: dict[str, Any], number: int, message: str, reason: str = "FailedCreate") -> None:
        about = {"kind": "Job", "namespace": NAMESPACE, "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
        name = f"{job['metadata']['name']}.{number}"
        body = {"metadata": {"name": name}, "involvedObject": about, "reason": reason, "message": message}
        self.api.store.create("events", NAMESPACE, body)


@pytest.fixture
def runs(api: KubernetesAPI, classes: Classes) -> Runs:
    return Runs(api, classes)


@pytest.fixture
def gatherer(kube: KubeClient) -> Gatherer:
    return Gatherer(kube, NAMESPACE)


@pytest.fixture
def impatient(mocker: MockerFixture) -> None:
    """Every Job without a pod is asked why, however young."""
    mocker.patch("regen_operator.recover.gather.NO_POD_SECONDS", -60.0)


def reads(api: KubernetesAPI) -> Counter[tuple[str, str]]:
    return Counter({(verb, kind): n for (who, verb, kind), n in api.counters.items() if who == "regen-operator"})


async def snapshots(gatherer: Gatherer, examinations: list[Examination]) -> list[Snapshot]:
    """Without the API server's clock, which goes on between two answers."""
    answers = await gatherer.gather(examinations)
    assert all(isinstance(one, Snapshot) for one in answers), answers
    return [replace(one, api_now=None) for one in answers if isinstance(one, Snapshot)]


async def test_many_jobs_are_read_by_a_list_of_each_kind(api: KubernetesAPI, runs: Runs, gatherer: Gatherer) -> None:
    examinations = []
    for number in range(PORTION + FEW + 1):
        runs.pod(runs.job(f"job-{number}"), "x1")
        examinations.append(examination(f"job-{number}"))
    seen = await snapshots(gatherer, examinations)
    assert [one.row.id for one in seen] == [one.job_id for one in examinations]
    assert all(one.job is not None and one.pod is not None for one in seen)
    assert [one.pod.name for one in seen if one.pod] == [f"regen-job-{number}-x1" for number in range(len(examinations))]
    assert reads(api) == {("list", "jobs.batch"): 2, ("list", "pods"): 2}


@pytest.mark.usefixtures("impatient")
async def test_lists_tell_what_single_reads_tell(runs: Runs, gatherer: Gatherer) -> None:
    starting, twice, fenced = runs.job("starting"), runs.job("twice"), runs.job("fenced")
    runs.pod(starting, "x1")
    runs.pod(twice, "x1")
    runs.pod(twice, "x2")
    unlabelled, orphan = runs.job("unlabelled"), {"metadata": {"name": job_name("orphan")}, "spec": fenced["spec"]}
    runs.job("foreign", labels={})
    runs.job("other", annotations={"regeneration.dev/job-id": "foreign"})
    runs.complaint(runs.job("refused"), 1, "violates PodSecurity")
    runs.complaint(runs.job("busy"), 1, "made a pod", "SuccessfulCreate")
    for number in range(FEW):
        runs.job(f"podless-{number}")
    examinations = [
        *map(examination, ["starting", "twice", "missing", "foreign", "other", "refused", "busy"]),
        *(examination(f"podless-{number}") for number in range(FEW)),
        examination("fenced", runs.pod(fenced, "x1")),
        examination("unlabelled", runs.pod(unlabelled, "x1", labels={})),
        examination("orphan", runs.pod(orphan, "x1")),
        examination("gone", RunRow("its-uid", "regen-gone-x1", NOW)),
        examination("fenced", RunRow("an-older-uid", "regen-fenced-x1", NOW)),
    ]
    alone = [snapshot for one in examinations for snapshot in await snapshots(gatherer, [one])]
    assert await snapshots(gatherer, examinations) == alone
    told = {one.row.id: one for one in alone}
    assert told["refused"].pod_refused == "violates PodSecurity"
    assert told["busy"].pod_refused is None
    assert told["missing"].job is None
    assert told["foreign"].job is not None, "someone else's Job has our name and not our labels"
    assert told["unlabelled"].pod is not None, "its fence names it, whatever became of its labels"


@pytest.mark.usefixtures("impatient")
async def test_the_complaints_about_many_jobs_are_one_list(api: KubernetesAPI, runs: Runs, gatherer: Gatherer) -> None:
    examinations = []
    for number in range(FEW + 1):
        job = runs.job(f"job-{number}")
        runs.complaint(job, 1, "first")
        runs.complaint(job, 2, f"last of {number}")
        examinations.append(examination(f"job-{number}"))
    seen = await snapshots(gatherer, examinations)
    assert [one.pod_refused for one in seen] == [f"last of {number}" for number in range(FEW + 1)]
    assert reads(api) == {("list", "jobs.batch"): 1, ("list", "pods"): 1, ("list", "events"): 1}


async def test_a_few_jobs_are_read_one_by_one(api: KubernetesAPI, runs: Runs, gatherer: Gatherer) -> None:
    for number in range(FEW):
        runs.pod(runs.job(f"job-{number}"), "x1")
    await snapshots(gatherer, [examination(f"job-{number}") for number in range(FEW)])
    assert reads(api) == {("get", "jobs.batch"): FEW, ("list", "pods"): FEW}


async def test_what_the_server_does_not_tell_is_an_error_of_each(api: KubernetesAPI, gatherer: Gatherer) -> None:
    await api.stop()
    answers = await gatherer.gather([examination(f"job-{number}") for number in range(FEW + 1)])
    assert [type(one) for one in answers] == [ApiUnavailable] * (FEW + 1)


def test_the_longest_selector_fits_into_a_url() -> None:
    longest = [f"{number:057d}" for number in range(PORTION)]
    assert all(len(job_name(one)) == 63 for one in longest)
    assert len(quote(portion_labels(longest), safe="")) < 8000
