"""Do init containers run one after the other, and the main container after them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.node.conftest import Cluster, condition_types, shell, state_of, write

if TYPE_CHECKING:
    from pathlib import Path


async def test_each_container_starts_when_the_one_before_has_ended(cluster: Cluster, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def step(name: str) -> dict[str, object]:
        return shell(f"{write(f'{name} begins', trace)}; {write(f'{name} ends', trace)}", name)

    cluster.job("ordered", step("publish"), init=[step("prepare"), step("execute")])
    await cluster.finished("ordered")
    expected = [f"{name} {what}" for name in ("prepare", "execute", "publish") for what in ("begins", "ends")]
    assert trace.read_text().splitlines() == expected


async def test_a_failed_init_container_ends_the_pod_and_the_rest_never_starts(cluster: Cluster, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    cluster.job(
        "stopped", shell(write("main", trace)), init=[shell("exit 65", "first"), shell(write("second", trace), "second")]
    )
    pod = await cluster.ended_pod("stopped")
    assert pod["status"]["phase"] == "Failed"
    assert state_of(pod, "first")["terminated"]["exitCode"] == 65
    assert state_of(pod, "second") == {"waiting": {"reason": "PodInitializing"}}
    assert state_of(pod) == {"waiting": {"reason": "PodInitializing"}}
    assert not trace.exists()
    initialized = next(entry for entry in pod["status"]["conditions"] if entry["type"] == "Initialized")
    assert (initialized["status"], initialized["message"]) == ("False", "containers with incomplete status: [first second]")


async def test_two_main_containers_run_at_the_same_time(cluster: Cluster, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"  # each end of a FIFO waits for the other
    pipe_maker = shell(f"mkfifo {pipe}", "pipe")
    cluster.job("both", shell(f"echo hello > {pipe}", "writer"), shell(f"read line < {pipe}", "reader"), init=[pipe_maker])
    assert condition_types(await cluster.finished("both"))[-1] == ("Complete", "CompletionsReached")
