"""Does the status say how each process ended?"""

from __future__ import annotations

import pytest

from kubelite_tests.node.conftest import IMAGE, Cluster, condition_types, shell, state_of, waits_for_ever


@pytest.mark.parametrize(
    ("script", "code", "reason", "phase"),
    [
        ("exit 0", 0, "Completed", "Succeeded"),
        ("exit 64", 64, "Error", "Failed"),
        # $$ is Kubernetes' own escape of $
        ("kill -KILL $$$$", 137, "Error", "Failed"),
        ("kill -SEGV $$$$", 139, "Error", "Failed"),
    ],
)
async def test_exit_code_and_reason(cluster: Cluster, script: str, code: int, reason: str, phase: str) -> None:
    cluster.job("ends", shell(script))
    pod = await cluster.ended_pod("ends")
    terminated = state_of(pod)["terminated"]
    assert (terminated["exitCode"], terminated["reason"], pod["status"]["phase"]) == (code, reason, phase)
    assert terminated["startedAt"] <= terminated["finishedAt"]


@pytest.mark.parametrize("command", [["no-such-program"], ["/no/such/program"], []])
async def test_what_cannot_be_started_ends_with_128_and_start_error(cluster: Cluster, command: list[str]) -> None:
    cluster.job("unstartable", {"name": "main", "image": IMAGE, "command": command})
    terminated = state_of(await cluster.ended_pod("unstartable"))["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert (command[0] if command else "no command") in terminated["message"]


async def test_a_failed_pod_fails_its_job_in_two_steps(cluster: Cluster) -> None:
    cluster.job("fails", shell("exit 1"))
    job = await cluster.finished("fails")
    assert condition_types(job) == [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
    assert (job["status"]["failed"], "completionTime" in job["status"], "active" in job["status"]) == (1, False, False)
    assert len(cluster.pods("fails")) == 1


async def test_a_pod_that_succeeds_completes_its_job_in_two_steps(cluster: Cluster) -> None:
    cluster.job("works", shell("exit 0"))
    job = await cluster.finished("works")
    assert condition_types(job) == [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
    assert (job["status"]["succeeded"], job["status"]["ready"]) == (1, 0)
    assert job["status"]["completionTime"] >= job["status"]["startTime"]
    assert "finalizers" not in cluster.pods("works")[0]["metadata"]


async def test_an_oom_kill_is_told_apart_from_other_kills(cluster: Cluster) -> None:
    cluster.job("greedy", shell("exit 0"), init=[waits_for_ever("execute")])
    pod = await cluster.until(
        "pods", lambda pod: "initContainerStatuses" in pod["status"] and "running" in state_of(pod, "execute")
    )
    cluster.agent.kubelet.oom_kill("default", pod["metadata"]["name"], "execute")
    terminated = state_of(await cluster.ended_pod("greedy"), "execute")["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "OOMKilled")


async def test_an_evicted_pod_says_so(cluster: Cluster) -> None:
    cluster.job("evicted", waits_for_ever())
    pod = await cluster.running_pod("evicted")
    cluster.agent.kubelet.evict("default", pod["metadata"]["name"], "The node was low on resource: ephemeral-storage.")
    status = (await cluster.ended_pod("evicted"))["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert "ephemeral-storage" in status["message"]


async def test_a_rule_of_the_pod_failure_policy_names_itself(cluster: Cluster) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [64]}}
    cluster.job("policy", shell("exit 64"), podFailurePolicy={"rules": [rule]})
    job = await cluster.finished("policy")
    assert condition_types(job) == [("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")]
