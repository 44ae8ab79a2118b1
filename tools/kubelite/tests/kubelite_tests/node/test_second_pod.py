"""Does a second pod of a Job appear exactly where a real cluster makes one, backoffLimit 0 notwithstanding?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.node.conftest import Cluster, condition_types, conditions, waits_for_ever

if TYPE_CHECKING:
    from kubelite.resources import Object


async def second_pod(cluster: Cluster, first: Object) -> Object:
    """The first other pod of the same Job."""
    labels = f"job-name={first['metadata']['labels']['job-name']}"
    return await cluster.until("pods", lambda pod: pod["metadata"]["uid"] != first["metadata"]["uid"], labels=labels)


async def test_a_stripped_finalizer_and_a_forced_delete_make_a_second_pod(cluster: Cluster) -> None:
    cluster.job("stripped", waits_for_ever(), pod={"terminationGracePeriodSeconds": 1})
    first = await cluster.running_pod("stripped")
    name = first["metadata"]["name"]
    cluster.store.mutate("pods", "default", name, lambda pod: pod["metadata"].pop("finalizers"))
    cluster.store.delete("pods", "default", name, grace=0)
    assert (await second_pod(cluster, first))["metadata"]["name"] != name


async def test_a_deleted_pod_that_keeps_its_finalizer_fails_the_job_instead(cluster: Cluster) -> None:
    cluster.job("kept", waits_for_ever(), pod={"terminationGracePeriodSeconds": 1})
    first = await cluster.running_pod("kept")
    cluster.store.delete("pods", "default", first["metadata"]["name"], grace=0)
    assert condition_types(await cluster.finished("kept"))[-1] == ("Failed", "BackoffLimitExceeded")


async def test_more_parallelism_makes_a_second_pod(cluster: Cluster) -> None:
    cluster.job("parallel", waits_for_ever(), completions=2)
    first = await cluster.running_pod("parallel")
    cluster.store.mutate("jobs.batch", "default", "parallel", lambda job: job["spec"].update(parallelism=2))
    await second_pod(cluster, first)
    assert len(cluster.pods("parallel")) == 2


async def test_suspending_ends_the_pod_and_resuming_makes_a_second_one(cluster: Cluster) -> None:
    cluster.job("paused", waits_for_ever(), pod={"terminationGracePeriodSeconds": 1})
    first = await cluster.running_pod("paused")
    cluster.store.mutate("jobs.batch", "default", "paused", lambda job: job["spec"].update(suspend=True))
    await cluster.until_gone("pods", first["metadata"]["name"])
    suspended = cluster.store.get("jobs.batch", "default", "paused")
    assert ("Suspended", "JobSuspended") in condition_types(suspended)
    assert "startTime" not in suspended["status"]
    cluster.store.mutate("jobs.batch", "default", "paused", lambda job: job["spec"].update(suspend=False))
    await second_pod(cluster, first)
    assert "startTime" in cluster.store.get("jobs.batch", "default", "paused")["status"]


async def test_a_job_made_suspended_gets_its_pod_when_it_is_resumed(cluster: Cluster) -> None:
    cluster.job("later", waits_for_ever(), suspend=True)
    await cluster.until("jobs.batch", lambda job: ("Suspended", "JobSuspended") in condition_types(job))
    assert cluster.pods("later") == []
    cluster.store.mutate("jobs.batch", "default", "later", lambda job: job["spec"].update(suspend=False))
    await cluster.running_pod("later")
    assert conditions(cluster.store.get("jobs.batch", "default", "later"))["Suspended"] == "False"


async def test_a_job_of_the_same_name_after_a_background_delete_has_a_pod_of_its_own(cluster: Cluster) -> None:
    cluster.job("again", waits_for_ever())
    first = await cluster.running_pod("again")
    cluster.store.delete("jobs.batch", "default", "again", propagation="Background")
    cluster.job("again", waits_for_ever())
    second = await second_pod(cluster, first)
    owner = cluster.store.get("jobs.batch", "default", "again")["metadata"]["uid"]
    assert second["metadata"]["ownerReferences"][0]["uid"] == owner
