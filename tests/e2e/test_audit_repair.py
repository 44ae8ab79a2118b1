"""Does a job live its whole life while no audit event can be written, and are all of them added visibly later (rule R10)?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from tests.integration.cli.command import Command

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

LIFE = ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
BREAK = 'ALTER TABLE "AuditEvent" ADD CONSTRAINT broken CHECK (false) NOT VALID'
MEND = 'ALTER TABLE "AuditEvent" DROP CONSTRAINT broken'


async def test_the_sweep_adds_what_could_not_be_written(world: World) -> None:
    async def events(job_id: str) -> list[AuditRecord]:
        return [AuditRecord(*row.values()) for row in await world.query(SELECT_EVENTS, job_id)]

    async def repaired(job_id: str) -> list[AuditRecord] | None:
        found = await events(job_id)
        return found if len(found) == len(LIFE) else None

    await world.execute(BREAK)
    try:
        job_id = await world.insert("probe_noop", {})
        row = await world.ended(job_id)
        assert (row["status"], await events(job_id)) == ("COMPLETED", [])
    finally:
        await world.execute(MEND)
    found: list[AuditRecord] = await world.until("the sweep repairs the trail", lambda: repaired(job_id))
    assert [one.event for one in found] == LIFE
    assert [json.loads(one.detail)["repaired"] for one in found] == [True, True, True]
    assert [one.at for one in found][0::2] == [row["lockedAt"], row["completedAt"]]
    assert verify_chain(found) == []

    report: dict[str, Any] = Command({"REGEN_DATABASE_URL": world.stack.database_url("readonly")}).json(
        "audit", "verify", job_id
    )
    assert [(one["event"], one["jobId"]) for one in report["repaired"]] == [(name, job_id) for name in LIFE]
    assert report["violations"] == []
    leader = world.stack.log_file(await world.leader()).read_text(encoding="utf-8")
    assert sum("audit event repaired" in line and job_id in line for line in leader.splitlines()) == len(LIFE)
