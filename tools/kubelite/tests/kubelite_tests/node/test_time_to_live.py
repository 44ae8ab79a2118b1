"""Does a finished Job go after its time to live, and its pods with it?"""

from __future__ import annotations

from kubelite_tests.node.conftest import Cluster, shell


async def test_a_finished_job_is_deleted_with_its_pods(cluster: Cluster) -> None:
    cluster.job("short", shell("exit 0"), ttlSecondsAfterFinished=1)
    await cluster.finished("short")
    assert len(cluster.pods("short")) == 1
    await cluster.until_gone("jobs.batch", "short")
    assert cluster.pods("short") == []


async def test_a_failed_job_goes_at_once_where_its_time_is_zero(cluster: Cluster) -> None:
    cluster.job("zero", shell("exit 1"), ttlSecondsAfterFinished=0)
    await cluster.until_gone("jobs.batch", "zero")
    assert cluster.pods("zero") == []


async def test_a_job_without_a_time_to_live_stays(cluster: Cluster) -> None:
    cluster.job("kept", shell("exit 0"))
    cluster.job("short", shell("exit 0"), ttlSecondsAfterFinished=0)
    await cluster.finished("kept")
    await cluster.until_gone("jobs.batch", "short")
    assert len(cluster.pods("kept")) == 1
