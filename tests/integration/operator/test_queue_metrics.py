"""Do the queue metrics show why jobs wait, count each ended job once, and find broken audit events?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from psycopg.types.json import Jsonb

from regen_core.states import Caps, Claim
from regen_operator.mirror.status import waiting_reason
from regen_operator.telemetry import queue_metrics as queue_metrics_module
from regen_operator.telemetry.metrics import Metrics
from regen_operator.telemetry.queue_metrics import QueueMetrics
from regen_operator.telemetry.transitions import Transitions

if TYPE_CHECKING:
    from regen_operator.rows.database import Database
    from regen_operator.settings import Settings
    from tests.integration.operator.world import World

TYPES = frozenset({"document", "export"})
NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(TYPES)


@pytest.fixture
def collector(db: Database, metrics: Metrics, settings: Settings) -> QueueMetrics:
    return QueueMetrics(db, metrics, settings, transitions=Transitions(0), blocked_types=lambda: NOTHING, leads=lambda: True)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def run_jobs(db: Database, world: World, count: int, **columns: Any) -> list[str]:
    """``count`` jobs that are RUNNING."""
    made = [await world.insert(**columns) for _ in range(count)]
    claimed = await db.claim(Claim(count, Caps(total=1000), TYPES))
    assert {row.id for row in claimed} == set(made)
    return made


@pytest.mark.parametrize(
    ("caps", "blocked_types"),
    [
        (Caps(20, {"document": 5}, 1), {"document"}),
        (Caps(20, {"document": 2}, 1), {"export"}),
        (Caps(20, {"document": 3}, 2), set()),
        (Caps(2, {"document": 3}, 3), set()),
        (Caps(3, {}, None), set()),
        (Caps(0, {"document": 0}, 0), set()),
    ],
)
async def test_reasons_are_those_of_the_custom_resource(
    db: Database, world: World, caps: Caps, blocked_types: set[str]
) -> None:
    await run_jobs(db, world, 2, requestedBy="ann")
    waiting = [await world.insert(kind, requestedBy=who) for kind in ("document", "export") for who in ("ann", "bob", None)]
    told = {(one.type, one.reason): one.jobs for one in await db.queue_groups(caps, blocked_types, depth=100)}
    expected: dict[tuple[str | None, str], int] = {}
    facts, queue = await db.facts(waiting), await db.waiting(waiting)
    for job_id in waiting:
        key = (
            facts[job_id].row.type,
            waiting_reason(facts[job_id], queue[job_id], caps, dict.fromkeys(blocked_types, "")).reason,
        )
        expected[key] = expected.get(key, 0) + 1
    assert told == expected


async def test_the_oldest_is_found_behind_more_rows_than_are_counted(db: Database, world: World) -> None:
    old = await world.insert("document", priority=-5, requestedBy="zoe")
    await world.query('ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL')
    await world.query(
        """UPDATE "RegenerationJob" SET "createdAt" = (now() AT TIME ZONE 'UTC') - interval '2 hours' WHERE id = %s""", old
    )
    await world.query('ALTER TABLE "RegenerationJob" ENABLE TRIGGER ALL')
    for _ in range(12):
        await world.insert("document", requestedBy="ann")
    await world.insert("strange")
    groups = {one.type: one for one in await db.queue_groups(Caps(20), NOTHING, depth=5)}
    assert groups["document"].jobs == 5
    assert groups["document"].oldest_seconds >= 7199
    assert groups["strange"].jobs == 1


async def test_an_ended_job_is_counted_once_across_pages_and_collections(
    db: Database, world: World, collector: QueueMetrics, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_metrics_module, "PAGE", 2)
    before = await run_jobs(db, world, 1)
    await world.start(before[0], "uid", "pod")
    await world.complete(before[0])
    await collector.collect()
    for round_ in range(1, 4):
        for job_id in await run_jobs(db, world, 3):
            await world.start(job_id, "uid", "pod")
            await world.complete(job_id)
        await collector.collect()
        await collector.collect()
        done = value(metrics, "regen_jobs_finished_total", type="document", status="COMPLETED", classification="")
        assert done == 3 * round_, "what ended before this replica started is another's"
    whole = value(metrics, "regen_job_phase_seconds_count", phase="whole", type="document")
    assert whole == 9
    await world.insert("poem")
    await db.claim(Claim(5, Caps(), TYPES))
    await collector.collect()
    assert value(metrics, "regen_jobs_finished_total", type="other", status="FAILED", classification="validation") == 1


async def test_a_report_that_commits_late_is_counted(
    db: Database, world: World, collector: QueueMetrics, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row's stamp is its transaction's start: one that commits after a later one has been read is still found."""
    await collector.collect()
    late, early = await run_jobs(db, world, 2)
    for job_id in (late, early):
        await world.start(job_id, "uid", "pod")
    with world.database.connect() as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT now()")
        await world.complete(early)
        await collector.collect()
        folder = f"s3://regen/outputs/document/{late}"
        output = {"name": "a", "ref": f"{folder}/a", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "a/b"}
        parameters = (late, f"{folder}/manifest.json", Jsonb([output]))
        slow.execute("SELECT public.regen_complete_v1(%s, 'nonce', %s, %s)", parameters)
        slow.execute("COMMIT")
    await collector.collect()
    done = value(metrics, "regen_jobs_finished_total", type="document", status="COMPLETED", classification="")
    assert done == 2


async def test_a_changed_audit_event_is_found_and_forgotten_once_it_is_right(
    db: Database, world: World, collector: QueueMetrics, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_metrics_module, "AUDIT_PAGE", 3)
    for job_id in await run_jobs(db, world, 3):
        await world.start(job_id, "uid", "pod")

    async def whole_walk() -> float | None:
        for _ in range(6):
            await collector.collect()
        return value(metrics, "regen_audit_broken_events")

    assert await whole_walk() == 0
    assert (value(metrics, "regen_audit_events_checked_total") or 0) >= 6
    await world.query('ALTER TABLE "AuditEvent" DISABLE TRIGGER ALL')
    await world.query("""UPDATE "AuditEvent" SET actor = 'mallory' WHERE id = (SELECT max(id) FROM "AuditEvent")""")
    assert await whole_walk() == 1
    await world.query("""UPDATE "AuditEvent" SET actor = (SELECT max(actor) FROM "AuditEvent" WHERE event = 'REGEN_JOB_STARTED')
                         WHERE actor = 'mallory'""")
    await whole_walk()
    assert await whole_walk() == 0
    await world.query("""DELETE FROM "AuditEvent" WHERE event = 'REGEN_JOB_LOCKED' AND "jobId" = %s""", "nobody")
    [first] = await world.query('SELECT min(id) AS id FROM "AuditEvent"')
    await world.query('DELETE FROM "AuditEvent" WHERE id = %s', first["id"])
    assert await whole_walk() == 1, "the event after a removed one names a hash that nobody has"


async def test_who_no_longer_leads_says_nothing_of_the_audit_trail_and_forgets_nothing(
    db: Database, world: World, metrics: Metrics, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease that was lost for a moment neither resolves the alert nor begins the walk anew."""
    monkeypatch.setattr(queue_metrics_module, "AUDIT_PAGE", 3)
    leading = True
    collector = QueueMetrics(
        db, metrics, settings, transitions=Transitions(0), blocked_types=lambda: NOTHING, leads=lambda: leading
    )
    for job_id in await run_jobs(db, world, 4):
        await world.start(job_id, "uid", "pod")
    await world.query('ALTER TABLE "AuditEvent" DISABLE TRIGGER ALL')
    await world.query("""UPDATE "AuditEvent" SET actor = 'mallory' WHERE id = (SELECT max(id) FROM "AuditEvent")""")

    async def told() -> float | None:
        await collector.collect()
        return value(metrics, "regen_audit_broken_events")

    assert [await told() for _ in range(3)] == [0, 0, 1]
    leading = False
    assert await told() == 0
    leading = True
    assert [await told() for _ in range(4)] == [1, 1, 1, 1]
    leading = False
    assert await told() == 0
    leading = True
    assert await told() == 1
    checked = value(metrics, "regen_audit_events_checked_total")
    assert checked == 8 + 8 + 3 + 3, "two walks of three pages read each event once, and the third went on where it was"


async def test_a_server_that_may_lose_commits_is_logged_once_and_measured(collector: QueueMetrics, metrics: Metrics) -> None:
    """The server of the tests has fsync off."""
    assert math.isnan(value(metrics, "regen_database_durable") or 0.0)
    with structlog.testing.capture_logs() as logs:
        await collector.collect()
        await collector.collect()
    said = [line for line in logs if line["event"].startswith("database may lose acknowledged commits")]
    assert len(said) == 1
    assert any(line.startswith("fsync: expected on, got off for the server") for line in said[0]["settings"])
    assert value(metrics, "regen_database_durable") == 0
