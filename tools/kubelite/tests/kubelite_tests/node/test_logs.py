"""Is what a container writes kept, in order, where the API finds it?"""

from __future__ import annotations

import aiohttp

from kubelite.api import KubernetesAPI
from kubelite_tests.node.conftest import TIMEOUT, Cluster, shell, waits_for_ever


async def test_output_and_errors_are_kept_in_order(cluster: Cluster) -> None:
    cluster.job("talks", shell("echo one; echo two >&2; echo three"))
    pod = await cluster.ended_pod("talks")
    assert await cluster.logs(pod, line="three") == "one\ntwo\nthree\n"


async def test_each_container_has_a_log_of_its_own(cluster: Cluster) -> None:
    cluster.job("talks", shell("echo main"), init=[shell("echo init", "first")])
    pod = await cluster.ended_pod("talks")
    assert await cluster.logs(pod, "first", line="init") == "init\n"
    assert await cluster.logs(pod, line="main") == "main\n"


async def test_a_running_container_can_be_read(cluster: Cluster) -> None:
    cluster.job("talks", waits_for_ever())
    pod = await cluster.running_pod("talks")
    assert await cluster.logs(pod, line="up") == "up\n"


async def test_the_entry_goes_with_the_pod(cluster: Cluster) -> None:
    cluster.job("talks", shell("echo main"), ttlSecondsAfterFinished=0)
    await cluster.until_gone("jobs.batch", "talks")
    await cluster.agent.stop()
    assert cluster.store.logs == {}


async def test_the_api_serves_the_log_of_each_container(cluster: Cluster) -> None:
    cluster.job("talks", shell("echo main"), init=[shell("echo init", "first")])
    pod = await cluster.ended_pod("talks")
    api = KubernetesAPI(cluster.store)
    await api.start()
    try:
        path = f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}/log"
        async with aiohttp.ClientSession(api.url, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session:
            texts = [await (await session.get(path, params={"container": name})).text() for name in ("first", "main")]
    finally:
        await api.stop()
    assert texts == ["init\n", "main\n"]
