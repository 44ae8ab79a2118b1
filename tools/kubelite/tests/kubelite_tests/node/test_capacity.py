"""Does a full node let pods wait, with a reason, and take them when there is room?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.node.conftest import Cluster, condition_types, shell, waits_for_ever

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_pod_waits_unschedulable_until_another_ends(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    async with cluster.make_agent(max_pods=1):
        cluster.job("first", waits_for_ever())
        await cluster.running_pod("first")
        cluster.job("second", shell("exit 0"))
        waiting = await cluster.until("pods", lambda pod: "Unschedulable" in str(pod["status"]), labels="job-name=second")
        assert "Too many pods" in waiting["status"]["conditions"][0]["message"]
        assert "nodeName" not in waiting["spec"]
        cluster.store.delete("jobs.batch", "default", "first", propagation="Background")
        assert condition_types(await cluster.finished("second"))[-1][0] == "Complete"


async def test_a_node_selector_that_fits_nothing_waits_and_lets_others_pass(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    async with cluster.make_agent(max_pods=1):
        cluster.job("nowhere", shell("exit 0"), pod={"nodeSelector": {"disk": "fast"}})
        waiting = await cluster.until("pods", lambda pod: "Unschedulable" in str(pod["status"]))
        assert "node affinity/selector" in waiting["status"]["conditions"][0]["message"]
        cluster.job("here", shell("exit 0"), pod={"nodeSelector": {"kubernetes.io/os": "linux"}})
        await cluster.finished("here")


async def test_a_pod_whose_service_account_is_missing_is_made_when_it_appears(cluster: Cluster) -> None:
    cluster.job("account", shell("exit 0"), pod={"serviceAccountName": "runner"})
    event = await cluster.until("events", lambda event: event["reason"] == "FailedCreate")
    assert 'serviceaccount "runner" not found' in event["message"]
    cluster.create("serviceaccounts", {"metadata": {"name": "runner"}})
    await cluster.finished("account")
