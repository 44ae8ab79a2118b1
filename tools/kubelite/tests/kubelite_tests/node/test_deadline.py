"""Does a deadline end the pod gracefully, and say so in Kubernetes' order?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kubelite_tests.node.conftest import Cluster, condition_types, shell, state_of, waits_for_ever, write

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_jobs_deadline_terminates_the_pod_and_then_fails_the_job(cluster: Cluster, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    on_term = f"trap '{write('terminated', trace)}; exit 3' TERM; while :; do sleep 0.01; done"
    cluster.job("late", shell(on_term), activeDeadlineSeconds=1)
    announced = await cluster.until("jobs.batch", lambda job: bool(condition_types(job)))
    assert condition_types(announced) == [("FailureTarget", "DeadlineExceeded")]
    job = await cluster.finished("late")
    assert condition_types(job) == [("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]
    assert trace.read_text() == "terminated\n"
    assert cluster.pods("late") == []


async def test_a_jobs_deadline_is_not_early(cluster: Cluster) -> None:
    begun = time.monotonic()
    cluster.job("exact", waits_for_ever(), activeDeadlineSeconds=1)
    await cluster.finished("exact")
    assert time.monotonic() - begun >= 1.0


async def test_a_job_that_ends_before_its_deadline_completes(cluster: Cluster) -> None:
    cluster.job("early", shell("exit 0"), activeDeadlineSeconds=600)
    assert condition_types(await cluster.finished("early"))[-1][0] == "Complete"


async def test_a_pods_own_deadline_fails_the_pod(cluster: Cluster) -> None:
    cluster.job("pod-late", waits_for_ever(), pod={"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 5})
    pod = await cluster.ended_pod("pod-late")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert state_of(pod)["terminated"]["exitCode"] == 143
