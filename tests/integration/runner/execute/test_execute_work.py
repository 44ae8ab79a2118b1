"""Can honest executors work in the sandbox, and see the same world every time (rule R11)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod

LIMITED = {"REGEN_MAX_MEMORY_BYTES": str(1 << 30)}


def test_two_runs_see_the_same_world(pod: Pod, second_pod: Pod) -> None:
    first = pod.run("work.circumstances", env={"HOSTNAME": "a", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}).answer
    second = second_pod.run("work.circumstances", env={"HOSTNAME": "b", "TZ": "Asia/Tokyo", "LC_ALL": "C"}).answer
    for answer, root in ((first, pod.root), (second, second_pod.root)):
        assert answer["environment"].pop("HOME") == str(root / "tmp")
        assert answer["environment"].pop("TMPDIR") == str(root / "tmp")
        assert answer.pop("folder") == str(root / "tmp")
    assert first == second
    assert first["time zone"] == ["UTC", "UTC"]
    assert first["input"] == ""
    assert not any(name.startswith(("REGEN_", "HOSTNAME", "KUBERNETES_")) for name in first["environment"])


def test_temporary_files_go_to_the_scratch_folder(pod: Pod) -> None:
    assert pod.run("work.temporary_files").answer.startswith(str(pod.root / "tmp"))


def test_asyncio_works(pod: Pod) -> None:
    assert pod.run("work.coroutines").answer == 6


def test_numpy_and_arrow_work_with_their_threads(pod: Pod) -> None:
    run = pod.run("work.tables", env=LIMITED)
    assert run.result.error is None
    assert (pod.root / "out" / "table.parquet").read_bytes()[:4] == b"PAR1"


def test_typst_compiles_a_document(pod: Pod) -> None:
    run = pod.run("work.document", env=LIMITED)
    assert run.result.error is None
    assert (pod.root / "out" / "hello.pdf").read_bytes()[:5] == b"%PDF-"
