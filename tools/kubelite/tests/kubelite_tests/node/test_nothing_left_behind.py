"""Is every process gone when the agent is gone, however it went and whatever the process did?"""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path

from kubelite_tests.node.conftest import (
    TIMEOUT,
    Cluster,
    is_alive,
    is_running,
    python,
    shell,
    until,
    waits_for_ever,
)

ESCAPES = (
    "import os, signal; os.fork() or (os.setsid(), print(os.getpid(), flush=True), print('up', flush=True)); signal.pause()"
)
"""A child in a session of its own, which no signal to the group reaches; it prints its process id."""


async def test_stopping_ends_every_group(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    async with cluster.make_agent() as agent:
        for name in ("one", "two"):
            cluster.job(name, shell("trap '' TERM; echo up; sleep 600 & wait"))
            await cluster.logs(await cluster.running_pod(name), line="up")
        groups = [pid for pids in agent.kubelet.process_ids.values() for pid in pids]
        assert len(groups) == 2
        assert all(is_alive(group) for group in groups)
    assert not any(is_alive(group) for group in groups)
    assert not (tmp_path / "node").exists()


async def test_a_descendant_in_another_session_ends_too(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    async with cluster.make_agent():
        cluster.job("escapes", python(ESCAPES))
        text = await cluster.logs(await cluster.running_pod("escapes"), line="up")
        escaped = int(text.splitlines()[0])
        assert is_running(escaped)
    assert not is_running(escaped)


async def test_what_a_container_leaves_in_its_group_ends_with_it(cluster: Cluster) -> None:
    cluster.job("litters", shell("sleep 600 & echo $!; echo end"))
    pod = await cluster.ended_pod("litters")
    left = int((await cluster.logs(pod, line="end")).splitlines()[0])
    await until(lambda: not is_running(left))


async def test_a_killed_kubelite_leaves_nothing(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import asyncio, pathlib
        from kubelite_tests.node.conftest import Cluster, python
        from kubelite_tests.node.test_nothing_left_behind import ESCAPES

        async def main():
            cluster = Cluster(pathlib.Path({str(tmp_path)!r}))
            async with cluster.make_agent() as agent:
                cluster.job("escapes", python(ESCAPES))
                pod = await cluster.running_pod("escapes")
                text = await cluster.logs(pod, line="up")
                (group,) = agent.kubelet.process_ids[pod["metadata"]["uid"]]
                print(group, text.splitlines()[0], flush=True)
                await asyncio.Event().wait()

        asyncio.run(main())
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        group, escaped = (int(word) for word in (await process.stdout.readline()).split())
        assert is_alive(group)
        assert is_running(escaped)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    node = tmp_path / "node"
    await until(lambda: not (is_alive(group) or is_running(escaped) or node.exists()))


async def test_a_restarted_agent_runs_no_pod_a_second_time(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    async with cluster.make_agent():
        cluster.job("lost", waits_for_ever())
        await cluster.running_pod("lost")
    async with cluster.make_agent():
        assert (await cluster.ended_pod("lost"))["status"]["reason"] == "NodeRestarted"
