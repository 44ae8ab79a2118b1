"""Does a case find what it says that it looks at: a late end, a changed provenance, a secret in a log that is gone, a change?

Everything is right first, and then spoilt behind the guards: a look that finds nothing in the other cases would find this.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from kubelite.errors import APIError
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME
from tests.faults.case import Case

if TYPE_CHECKING:
    from regen_stack.stack import Stack
    from tests.faults.control import Control

pytestmark = pytest.mark.asyncio(loop_scope="session")
exhaustive = pytest.mark.exhaustive


@pytest.fixture
def fresh(faulty: tuple[Stack, Control]) -> Case:
    """A case of which nothing has begun."""
    stack, control = faulty
    control.plan()
    return Case(stack, control)


def behind_the_guards(case: Case, assignment: str) -> None:
    with case.connect() as connection, connection.transaction():
        connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL')
        connection.execute(f'UPDATE "RegenerationJob" SET {assignment}'.encode())
        connection.execute('ALTER TABLE "RegenerationJob" ENABLE TRIGGER ALL')


def named(found: list[str]) -> set[str]:
    """The invariants that the sentences name."""
    return {line.split(": ")[1] for line in found}


async def test_a_job_that_ended_late(fresh: Case) -> None:
    async with fresh as case:
        case.insert("probe_count", {}, job_id=case.new_id("late"))
        await case.start_operator()
        await case.quiet()
        await case.stop_operator()
        behind_the_guards(case, """ "lockedAt" = "lockedAt" - interval '1 minute' """)
        before = case.look()
        assert "deadline" in named(case.violations(before))
        case.away_seconds = 60
        assert "deadline" not in named(case.violations(case.look()))


@exhaustive
async def test_a_provenance_that_was_changed(fresh: Case) -> None:
    async with fresh as case:
        case.insert("probe_count", {}, job_id=case.new_id("changed"))
        await case.start_operator()
        await case.quiet()
        await case.stop_operator()
        [job] = case.look().jobs
        assert job.output_ref is not None
        key = case.objects.key_of(job.output_ref).removesuffix(MANIFEST_NAME) + PROVENANCE_NAME
        case.objects.client.put_object(Bucket=case.objects.bucket, Key=key, Body=b"{}")
        assert named(case.violations(case.look())) == {"provenance"}


@exhaustive
async def test_a_secret_in_the_log_of_a_pod_that_is_gone(fresh: Case) -> None:
    """The node agent has removed the pod's folder."""
    async with fresh as case:
        case.insert("probe_count", {"seconds": 2}, job_id=(job_id := case.new_id("leak")))
        await case.start_operator()
        await case.started(job_id)
        [log] = case.stack.folder.glob("pods/*/logs/prepare")
        with log.open("a") as told:
            told.write(json.dumps({"nonce": case.secrets()[-1]}))
        await case.quiet()
        before = case.look()
        await case.stop_operator()
        for job in case.cluster.list("jobs.batch", case.runs):
            with suppress(APIError):
                case.cluster.delete("jobs.batch", case.runs, job["metadata"]["name"], propagation="Background")

        async def gone() -> bool:
            return not log.exists()

        await case.until("the pod's folder is gone", gone)
        name = f"pods/{log.parent.parent.name}/logs/prepare"
        assert case.violations(before) == [f"no job: secrets: {name}: expected no secret, got one"]


@exhaustive
async def test_a_change_while_a_job_runs(fresh: Case) -> None:
    """Both looks at the end see the same; the look before them does not."""
    async with fresh as case:
        case.insert("probe_count", {"seconds": 5}, job_id=(job_id := case.new_id("changed")))
        await case.start_operator()
        await case.started(job_id)
        with pytest.raises(AssertionError, match="all is quiet"):
            await case.quiet(1.0)
        behind_the_guards(case, "priority = priority + 1")
        ending = await case.conclude()
        assert f"{job_id}: immutable: priority: expected it never to change" in ending.violations
