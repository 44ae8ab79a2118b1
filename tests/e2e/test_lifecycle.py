"""Does a PENDING row become an immutable output, once, and is every step of it on record?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from regen_core.canonical import sha256_hex
from regen_core.names import job_name
from regen_core.provenance import at
from regen_demo.objects import Objects
from tests.e2e.provenance import signed_statement

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

LIFE = ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
DOCUMENT = {"title": "A letter", "markdown": "# Dear reader\n\nAll is *well*."}
EXPORT = {"rows": [{"n": 2, "s": "b"}, {"n": 1, "s": "a"}], "formats": ["csv", "jsonl"], "sort": [{"column": "n"}]}


@pytest.mark.parametrize(
    ("kind", "inputs", "names"),
    [("document", DOCUMENT, ["document.html", "document.pdf"]), ("export", EXPORT, ["export.csv", "export.jsonl"])],
)
async def test_a_pending_job_is_claimed_and_completed(
    world: World, kind: str, inputs: dict[str, object], names: list[str]
) -> None:
    job_id = await world.insert(kind, inputs)
    row = await world.ended(job_id)
    assert (row["status"], row["errorJson"]) == ("COMPLETED", None)
    outputs = await world.outputs(job_id)
    assert [output["name"] for output in outputs] == names
    objects = Objects(world.stack.store.output_url, world.stack.store.admin_environment)
    for output in outputs:
        body = objects.body(output["ref"]) or b""
        assert (sha256_hex(body), len(body)) == (output["sha256"], output["sizeBytes"])
    manifest = json.loads(objects.client.get_object(Bucket=objects.bucket, Key=objects.key_of(row["outputRef"]))["Body"].read())
    assert row["outputRef"].endswith(f"{kind}/{job_id}/manifest.json")
    assert [artifact["name"] for artifact in manifest["artifacts"]] == names
    assert manifest["reproducible"] is True


@pytest.mark.parametrize("what", ["$(AWS_SECRET_ACCESS_KEY)", "5$$ a $piece"])
async def test_an_id_with_a_dollar_is_what_it_is(world: World, what: str) -> None:
    """The kubelet would replace the one by the store's secret, and the other's $$ by $."""
    job_id = await world.insert("probe_noop", {}, job_id=f"e2e-{os.getpid()} {what}")
    row = await world.ended(job_id)
    assert (row["status"], row["errorJson"]) == ("COMPLETED", None)


async def test_a_completed_job_has_its_signed_provenance_and_a_failed_one_has_none(world: World) -> None:
    completed, failed = await world.insert("document", DOCUMENT), await world.insert("probe_crash", {})
    row, _ = await world.ended(completed), await world.ended(failed)
    statement = signed_statement(world.stack, row)
    sandbox = at(statement, "predicate.buildDefinition.internalParameters.sandbox")
    assert (sandbox["seccomp"], sandbox["landlockFs"], sandbox["egress"]) == (True, True, "none")
    [image] = at(statement, "predicate.buildDefinition.resolvedDependencies")
    assert image["uri"] == world.stack.config.runner_image
    nowhere = row["outputRef"].replace(f"document/{completed}/manifest.json", f"probe_crash/{failed}/provenance.intoto.jsonl")
    assert failed in nowhere
    assert Objects(world.stack.store.output_url, world.stack.store.admin_environment).body(nowhere) is None


async def test_audit_events_are_emitted_in_order_and_form_a_chain(world: World) -> None:
    job_id = await world.insert("probe_noop", {})
    await world.ended(job_id)
    assert await world.events(job_id) == LIFE
    rows = await world.query(SELECT_EVENTS, job_id)
    assert verify_chain([AuditRecord(*row.values()) for row in rows]) == []


async def test_ended_jobs_are_skipped(world: World) -> None:
    completed = await world.insert("probe_noop", {})
    failed = await world.insert("probe_crash", {})
    before = [await world.ended(job_id) for job_id in (completed, failed)]
    assert [row["status"] for row in before] == ["COMPLETED", "FAILED"]
    later = await world.insert("probe_noop", {})
    await world.ended(later)
    assert [await world.row(job_id) for job_id in (completed, failed)] == before
    assert len(await world.query('SELECT 1 FROM "RegenerationRun" WHERE "jobId" = ANY (%s)', [completed, failed])) == 2


async def test_the_custom_resource_shows_the_row(world: World) -> None:
    job_id = await world.insert("probe_noop", {})
    row = await world.ended(job_id)
    mirror = await world.mirrored(job_id, "COMPLETED")
    status = mirror["status"]
    assert status["jobId"] == job_id
    assert status["outputRef"] == row["outputRef"]
    assert status["jobName"] == job_name(job_id)
    assert status["podName"].startswith(job_name(job_id))
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "Claimed": "True",
        "Launched": "True",
        "Succeeded": "True",
    }


async def test_the_same_instruction_gives_the_same_bytes(world: World) -> None:
    first, second = [await world.insert("document", DOCUMENT) for _ in range(2)]
    for job_id in (first, second):
        await world.ended(job_id)
    digests = [[output["sha256"] for output in await world.outputs(job_id)] for job_id in (first, second)]
    assert len(digests[0]) == 2
    assert digests[0] == digests[1]


async def test_higher_priority_is_claimed_first(quiet_world: World) -> None:
    low = await quiet_world.insert("probe_noop", {}, priority=1)
    high = await quiet_world.insert("probe_noop", {}, priority=9)
    await quiet_world.stack.start_operator("operator-1", REGEN_CAP_TOTAL="1", REGEN_CLAIM_BATCH="1")
    rows = {job_id: await quiet_world.ended(job_id) for job_id in (low, high)}
    assert rows[high]["lockedAt"] < rows[low]["lockedAt"]
    assert rows[high]["completedAt"] <= rows[low]["lockedAt"]
    await quiet_world.stop_operators()
