"""Does ``regen fsck`` find what was spoiled in rows, trail, store and cluster, and nothing where all is well?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regen_verify.gather import jobs_without_row, snapshots
from tests.integration.cli.conftest import FILES
from tests.integration.database.jobs import claim, fail

if TYPE_CHECKING:
    from typing import Any, LiteralString

    from tests.integration.cli.conftest import World


def found(world: World, *arguments: str) -> list[tuple[str, str | None]]:
    """(invariant, job id) of each violation."""
    report = world.regen.json("fsck", *arguments, status=5)
    return [(one["invariant"], one["jobId"]) for one in report["violations"]]


def path(world: World, name: str) -> Path:
    return Path(world.output_url.removeprefix("file://"), "document", name)


def test_a_system_in_which_all_is_well(stored: World) -> None:
    stored.completed("done")
    stored.completed("öther #1", {"c.txt": b"c"})
    stored.failed("bad")
    stored.running("runs")
    stored.pending("waits")
    report = stored.regen.json("fsck", "--deep")
    assert report == {
        "jobs": 5,
        "outputs": 3,
        "store": f"{stored.output_url} (every byte)",
        "cluster": None,
        "violations": [],
        "orphans": [],
    }


def test_what_was_not_looked_at_is_said(world: World) -> None:
    done = world.regen("fsck", REGEN_OUTPUT_URL="")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "jobs: 0, outputs: 0",
        "store: not checked (set REGEN_OUTPUT_URL)",
        "cluster: not checked (set KUBECONFIG)",
        "violations: none",
    ]


def test_a_violation_is_said_in_words_with_what_to_do(world: World) -> None:
    world.completed("j")
    path(world, "j/a.txt").unlink()
    done = world.regen("fsck")
    assert done.returncode == 5
    first, second, *_, last = done.stdout.splitlines()
    assert first.startswith("VIOLATION objects: job j: output a.txt at file://")
    assert first.endswith(": the object is missing")
    assert second.startswith("  what to do: restore the object's first version")
    assert last == "violations: 1"


def test_a_missing_manifest(world: World) -> None:
    world.completed("j")
    path(world, "j/manifest.json").unlink()
    assert found(world) == [("objects", "j")]
    assert found(world, "--deep") == [("objects", "j")]


def test_bytes_of_the_same_size_are_found_by_the_deep_look_alone(world: World) -> None:
    world.completed("j")
    path(world, "j/a.txt").chmod(0o644)
    path(world, "j/a.txt").write_bytes(FILES["a.txt"].swapcase())
    assert world.regen("fsck").returncode == 0
    assert found(world, "--deep") == [("objects", "j")]


def test_a_changed_manifest(world: World) -> None:
    world.completed("j")
    manifest = path(world, "j/manifest.json")
    manifest.chmod(0o644)
    manifest.write_bytes(json.dumps(json.loads(manifest.read_bytes()) | {"jobId": "k"}).encode())
    assert found(world, "--deep") == [("manifest", "j"), ("provenance", "j")]


@pytest.mark.parametrize(
    ("statement", "invariants"),
    [
        ("""UPDATE "RegenerationJob" SET status = 'PENDING', "lockedAt" = NULL, "completedAt" = NULL, "outputRef" = NULL""",
         {"fence", "outputs", "audit-complete"}),
        ("""UPDATE "RegenerationJob" SET "outputRef" = 'file:///elsewhere'""", {"outputs", "objects", "audit-complete"}),
        ("""UPDATE "RegenerationJob" SET priority = 7""", {"audit-complete"}),
        ("""UPDATE "RegenerationJob" SET "instructionJson" = jsonb_set("instructionJson", '{inputs}', '{"a": 1}')""",
         {"manifest"}),
        ("""UPDATE "RegenerationOutput" SET sha256 = repeat('0', 64)""", {"objects", "manifest"}),
        ("""UPDATE "RegenerationOutput" SET "sizeBytes" = 1 WHERE name = 'a.txt'""", {"objects", "manifest"}),
        ("""DELETE FROM "RegenerationOutput" WHERE name = 'a.txt'""", {"manifest"}),
        ("""DELETE FROM "RegenerationRun" """, {"fence", "audit-complete"}),
        ("""UPDATE "RegenerationRun" SET "podName" = 'other'""", {"audit-complete"}),
        ("""UPDATE "AuditEvent" SET actor = 'nobody' WHERE id = 1""", {"audit-chain"}),
        ("""DELETE FROM "AuditEvent" WHERE event = 'REGEN_JOB_LOCKED'""", {"audit-chain"}),
    ],
)  # fmt: skip
def test_a_change_behind_the_guards(world: World, statement: LiteralString, invariants: set[str]) -> None:
    world.completed("j")
    world.behind_the_guards(statement)
    violations = world.regen.json("fsck", "--deep", status=5)["violations"]
    assert {one["invariant"] for one in violations} == invariants


def test_a_row_that_was_removed_behind_the_guards(world: World) -> None:
    world.failed("j")
    world.behind_the_guards('DELETE FROM "RegenerationRun"')
    world.behind_the_guards('DELETE FROM "RegenerationJob"')
    assert found(world) == [("audit-complete", "j")]


def test_a_job_that_is_overdue(world: World) -> None:
    world.running("j")
    world.behind_the_guards("""UPDATE "RegenerationJob" SET "lockedAt" = "lockedAt" - interval '3 hours'""")
    assert ("deadline", "j") in found(world)
    assert ("deadline", "j") not in found(world, "--overdue-after", "20000")


def test_a_job_that_ended_late(world: World) -> None:
    world.failed("j")
    world.behind_the_guards("""UPDATE "RegenerationJob" SET "lockedAt" = "lockedAt" - interval '3 hours'""")
    assert ("deadline", "j") in found(world)
    assert ("deadline", "j") not in found(world, "--overdue-after", "20000")


def test_orphans_are_listed_and_are_no_violation(stored: World) -> None:
    stored.completed("j")
    stored.failed("bad")
    stored.running("runs")
    urls = [
        stored.put("document/j/extra.txt", b"x"),
        stored.put("document/bad/a.txt", b"x"),
        stored.put("document/nobody/a.txt", b"x"),
        stored.put("elsewhere.txt", b"x"),
        stored.put("document/bad/provenance.intoto.jsonl", b"x"),
        stored.put("other/j/provenance.intoto.jsonl", b"x"),
    ]
    stored.put("document/runs/a.txt", b"x")
    stored.put("document/runs/provenance.intoto.jsonl", b"x")
    stored.store.probe()
    report = stored.regen.json("fsck")
    assert sorted(report["orphans"]) == sorted(urls)
    lines = stored.regen("fsck").stdout.splitlines()
    assert {line for line in lines if line.startswith("orphan ")} == {f"orphan {url}" for url in urls}
    assert "orphans: 6 objects that belong to no output; not a violation, safe to delete" in lines


def test_all_batches_are_looked_at(world: World) -> None:
    ids = [world.pending(f"j{number:02}") for number in range(7)]
    claim(world.superuser)
    fail(world.superuser, *({"id": job_id} for job_id in ids))
    read: Any = lambda statement, parameters: world.superuser.execute(statement, parameters).fetchall()  # noqa: E731
    batches = list(snapshots(read, batch=3))
    assert [[job.id for job in one.jobs] for one in batches] == [ids[:3], ids[3:6], ids[6:]]
    assert [len(job.events) for one in batches for job in one.jobs] == [2] * 7
    world.behind_the_guards("""DELETE FROM "RegenerationJob" WHERE id IN ('j01', 'j06')""")
    pages = list(jobs_without_row(read, page=3))
    assert len(pages) == 5
    assert frozenset().union(*(one.missing for one in pages)) == {"j01", "j06"}


KUBECTL = """#!/usr/bin/env python3
import json, os, sys
answers = json.loads(os.environ["ANSWERS"])
print(json.dumps({"items": answers.get(sys.argv[2], [])}))
"""


@pytest.fixture
def kubectl(tmp_path: Path) -> str:
    """A PATH on which kubectl says what ANSWERS has for a resource."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL)
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def pod(job_id: str) -> dict[str, Any]:
    metadata = {"name": f"regen-{job_id}-x", "annotations": {"regeneration.dev/job-id": job_id}}
    return {"kind": "Pod", "metadata": metadata}


def test_what_no_row_wants_is_found_in_the_cluster(world: World, kubectl: str) -> None:
    world.running("runs")
    world.pending("waits")
    custom = {"kind": "RegenerationJob", "metadata": {"name": "mine"}, "status": {"jobId": "nobody"}}
    answers = {"pods": [pod("runs"), pod("waits"), pod("nobody")], "regenerationjobs.regeneration.dev": [custom]}
    done = world.regen("fsck", "-o", "json", PATH=kubectl, KUBECONFIG="some", ANSWERS=json.dumps(answers))
    assert done.returncode == 5
    report = json.loads(done.stdout)
    assert report["cluster"] == "4 objects"
    assert [(one["invariant"], one["message"]) for one in report["violations"]] == [
        ("cluster", "Pod regen-runs/regen-waits-x still exists, but its job is PENDING"),
        ("cluster", "Pod regen-runs/regen-nobody-x belongs to a job without a row"),
        ("cluster", "RegenerationJob regen/mine belongs to a job without a row"),
    ]


def test_a_cluster_that_does_not_answer(world: World, kubectl: str) -> None:
    done = world.regen("fsck", PATH=kubectl, KUBECONFIG="some", ANSWERS="no JSON")
    assert done.returncode == 7
    assert "kubectl get jobs.batch in namespace regen-runs failed" in done.stderr
    assert world.regen("fsck", "--no-cluster", PATH=kubectl, KUBECONFIG="some", ANSWERS="").returncode == 0


def test_without_kubectl(world: World, tmp_path: Path) -> None:
    done = world.regen("fsck", PATH=str(tmp_path), KUBECONFIG="some")
    assert done.returncode == 2
    assert "kubectl is not installed" in done.stderr
