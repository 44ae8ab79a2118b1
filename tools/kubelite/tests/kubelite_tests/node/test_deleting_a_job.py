"""Does deleting a Job or a pod end its processes: SIGTERM, grace, SIGKILL, and only then the object?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.node.conftest import Cluster, condition_types, is_alive, python, state_of, waits_for_ever

if TYPE_CHECKING:
    from pathlib import Path

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


@pytest.mark.parametrize("propagation", ["Foreground", "Background"])
async def test_the_pod_of_a_deleted_job_is_terminated(cluster: Cluster, propagation: str) -> None:
    cluster.job("deleted", waits_for_ever())
    pod = await cluster.running_pod("deleted")
    await cluster.logs(pod, line="up")
    (group,) = cluster.agent.kubelet.process_ids[pod["metadata"]["uid"]]
    cluster.store.delete("jobs.batch", "default", "deleted", propagation=propagation)
    if propagation == "Foreground":
        assert cluster.store.get("jobs.batch", "default", "deleted")["metadata"]["deletionTimestamp"]
    await cluster.until_gone("pods", pod["metadata"]["name"])
    await cluster.until_gone("jobs.batch", "deleted")
    assert not is_alive(group)


async def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(cluster: Cluster) -> None:
    cluster.job("deaf", python(DEAF), pod={"terminationGracePeriodSeconds": 1})
    pod = await cluster.running_pod("deaf")
    await cluster.logs(pod, line="up")
    cluster.store.delete("pods", "default", pod["metadata"]["name"])
    ended = await cluster.ended_pod("deaf")
    assert state_of(ended)["terminated"]["exitCode"] == 137
    assert ended["metadata"]["deletionTimestamp"]
    assert condition_types(await cluster.finished("deaf"))[-1] == ("Failed", "BackoffLimitExceeded")
    assert len(cluster.pods("deaf")) == 0


async def test_a_pod_that_exits_0_on_sigterm_still_completes_its_job(cluster: Cluster) -> None:
    finishes = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"
    )
    cluster.job("drained", python(finishes))
    pod = await cluster.running_pod("drained")
    await cluster.logs(pod, line="up")
    cluster.store.delete("pods", "default", pod["metadata"]["name"])
    assert condition_types(await cluster.finished("drained"))[-1][0] == "Complete"


async def test_a_second_delete_may_shorten_the_grace(cluster: Cluster) -> None:
    cluster.job("hurried", python(DEAF), pod={"terminationGracePeriodSeconds": 600})
    pod = await cluster.running_pod("hurried")
    await cluster.logs(pod, line="up")
    cluster.store.delete("pods", "default", pod["metadata"]["name"])
    cluster.store.delete("pods", "default", pod["metadata"]["name"], grace=1)
    assert state_of(await cluster.ended_pod("hurried"))["terminated"]["exitCode"] == 137


async def test_the_folder_of_a_deleted_pod_goes_with_it(cluster: Cluster) -> None:
    cluster.job("folder", waits_for_ever(), pod={"volumes": [{"name": "v", "emptyDir": {}}]})
    pod = await cluster.running_pod("folder")
    folder = cluster.folder / "node" / "pods" / pod["metadata"]["uid"]
    volume = folder / "volumes" / "v"
    assert volume in set(folder.glob("volumes/*"))
    cluster.store.delete("jobs.batch", "default", "folder", propagation="Foreground")
    await cluster.until_gone("pods", pod["metadata"]["name"])
    await cluster.agent.stop()  # whatever the agent still does, it ends here
    assert not folder.exists()


async def test_only_the_first_process_of_a_container_gets_sigterm(cluster: Cluster, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], 'a').write(f'{os.getpid()} '), sys.exit(0)))\n"
        "os.fork() and print('up', flush=True)\n"
        "signal.pause()\n"
    )
    cluster.job("family", python(program, args=[str(trace)]))
    pod = await cluster.running_pod("family")
    await cluster.logs(pod, line="up")
    (group,) = cluster.agent.kubelet.process_ids[pod["metadata"]["uid"]]
    cluster.store.delete("pods", "default", pod["metadata"]["name"])
    await cluster.until_gone("pods", pod["metadata"]["name"])
    assert trace.read_text().split() == [str(group)]
