"""Does every kind of failure end the job FAILED, with the classification that docs/state-machine.md names?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from regen_demo.objects import Objects

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("unknown type", "hologram", {}, "validation"),
    ("bad input", "export", {"rows": [{"a": 1}], "columns": [{"name": "b"}]}, "validation"),
    ("executor raises", "probe_crash", {}, "executor"),
    ("executor ends its process", "probe_exit", {"code": 3}, "executor"),
    ("executor segfaults", "probe_exit", {"signal": 11}, "executor"),
    ("a socket is opened", "probe_escape", {"attempt": "socket", "address": "127.0.0.1:1"}, "executor"),
    ("/etc/passwd is read", "probe_escape", {"attempt": "passwd"}, "executor"),
    ("time limit", "probe_sleep", {"seconds": 600}, "timeout"),
]


@pytest.mark.parametrize(("kind", "inputs", "classification"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_failure_is_classified(world: World, kind: str, inputs: dict[str, Any], classification: str) -> None:
    job_id = await world.insert(kind, inputs)
    row = await world.ended(job_id)
    assert row["status"] == "FAILED"
    assert row["errorJson"]["classification"] == classification, row["errorJson"]
    assert row["errorJson"]["retryable"] is False
    assert row["outputRef"] is None
    assert await world.outputs(job_id) == []
    assert (await world.events(job_id))[-1] == "REGEN_JOB_FAILED"


async def test_an_unknown_version_gets_no_pod(world: World) -> None:
    job_id = await world.insert("document", {}, instruction={"type": "document", "version": 2, "inputs": {}})
    row = await world.ended(job_id)
    assert row["errorJson"]["classification"] == "validation"
    assert await world.events(job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]
    assert await world.job(job_id) is None


async def test_a_source_with_another_digest_is_refused(world: World) -> None:
    objects = Objects(world.stack.store.output_url, world.stack.store.admin_environment)
    uri = objects.upload_source("e2e.csv", b"a\n1\n")
    source = {"name": "e2e.csv", "uri": uri, "sha256": hashlib.sha256(b"other").hexdigest()}
    instruction = {"type": "export", "version": 1, "inputs": {"source": "e2e.csv"}, "sources": [source]}
    row = await world.ended(await world.insert("export", {}, instruction=instruction))
    assert row["errorJson"]["classification"] == "validation"
    assert "e2e.csv" in row["errorJson"]["message"]


async def test_the_failure_shows_on_the_custom_resource(world: World) -> None:
    job_id = await world.insert("probe_crash", {"message": "on purpose"})
    await world.ended(job_id)
    status = (await world.mirrored(job_id, "FAILED"))["status"]
    assert status["error"]["classification"] == "executor"
    assert "on purpose" in status["error"]["message"]
