"""Do the hot statements use their indexes, whatever the statistics say? (generic plans; 0 and 50,000 finished rows)"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from regen_operator.rows.database import QUERIES
from tests.integration.database.jobs import claim, complete, fail, insert, running, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regen_stack.postgres import Postgres
    from tests.database_fixtures import Database

pytestmark = pytest.mark.xdist_group("crowd")
Connection = psycopg.Connection[Any]
CROWD = "regen_crowd"
OURS = {"RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent"}


@pytest.fixture(scope="session")
def crowd(postgres_server: Postgres, database_template: str) -> str:
    """The name of a database with 50,000 finished rows, their fences and events, to be copied."""
    with psycopg.connect(postgres_server.create_database(CROWD, template=database_template), autocommit=True) as connection:
        _finish(connection, 50_000)
    return CROWD


@pytest.fixture(params=["database_template", "crowd"])
def crowded(copy_of: Callable[[str], Database], request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A superuser of a database with and without the finished rows, whose nested statements' plans are reported."""
    with copy_of(request.getfixturevalue(request.param)).connect() as connection:
        for setting in (
            "LOAD 'auto_explain'",
            "SET plan_cache_mode = force_generic_plan",
            "SET auto_explain.log_min_duration = 0",
            "SET auto_explain.log_nested_statements = on",
            "SET auto_explain.log_analyze = on",
            "SET auto_explain.log_format = json",
            "SET auto_explain.log_level = notice",
        ):
            connection.execute(setting)
        yield connection


def _finish(connection: Connection, count: int) -> None:
    """Rows in a state that only time could bring about; guards and checks are off for them."""
    connection.execute("SET session_replication_role = replica")
    connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
    connection.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", status, "lockedAt", "completedAt", "errorJson")
           SELECT 'old' || n, '{"type": "document", "version": 1}', 'FAILED', now(), now(), '{"classification": "lost"}'
           FROM generate_series(1, %s) n""",
        (count,),
    )
    connection.execute(
        """INSERT INTO "AuditEvent" (event, "jobId", status, actor, at, detail, hash)
           SELECT 'x', id, status, 'x', now(), '{}', 'x' FROM "RegenerationJob" """
    )
    connection.execute("""INSERT INTO "RegenerationRun" SELECT id, id, id, id, now() FROM "RegenerationJob" """)
    connection.execute('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert')
    connection.execute("RESET session_replication_role")
    connection.execute('ANALYZE "RegenerationJob", "RegenerationRun", "AuditEvent"')


def plans(connection: Connection, work: Callable[[], Any]) -> list[dict[str, Any]]:
    """Every plan node that ran, of every statement that ``work`` made."""
    texts: list[str] = []

    def collect(notice: psycopg.errors.Diagnostic) -> None:
        if notice.message_primary and "plan:" in notice.message_primary:
            texts.append(notice.message_primary.split("plan:", 1)[1])

    connection.add_notice_handler(collect)
    work()
    connection.remove_notice_handler(collect)
    return [node for text in texts for node in _nodes(json.loads(text)["Plan"]) if node["Actual Loops"]]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def assert_indexed(nodes: list[dict[str, Any]]) -> None:
    read = [node for node in nodes if node.get("Relation Name") in OURS and "Scan" in node["Node Type"]]
    assert read, "expected plans that read our tables"
    assert [(node["Relation Name"], node.get("Filter")) for node in read if node["Node Type"] == "Seq Scan"] == []
    joins = [node for node in nodes if node["Node Type"] in {"Hash Join", "Merge Join"} and _reads_ours(node)]
    assert joins == []


def _reads_ours(node: dict[str, Any]) -> bool:
    return any(below.get("Relation Name") in OURS for below in _nodes(node))


CLAIMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "total": {"total": 50},
    "types": {"types": {"document": 50}},
    "requester": {"requester": 50},
    "everything": {"total": 50, "types": {"document": 50}, "requester": 50},
}


@pytest.mark.parametrize("caps", CLAIMS)
def test_the_claim(crowded: Connection, caps: str) -> None:
    for number in range(300):
        insert(crowded, f"j{number}", requester=f"r{number % 3}")
    insert(crowded, "strange", "painting")
    nodes = plans(crowded, lambda: claim(crowded, 50, **CLAIMS[caps]))
    assert_indexed(nodes)


def test_a_claim_that_finds_nothing(crowded: Connection) -> None:
    assert_indexed(plans(crowded, lambda: claim(crowded, types={"document": 1})))


def test_the_pods_calls(crowded: Connection) -> None:
    running(crowded, "j")
    assert_indexed(plans(crowded, lambda: [start(crowded, "j"), complete(crowded, "j"), complete(crowded, "j")]))


def test_the_operators_failing(crowded: Connection) -> None:
    for number in range(20):
        running(crowded, f"j{number}")
    entries = [{"id": f"j{number}", "condition": "no_fence"} for number in range(20)]
    assert_indexed(plans(crowded, lambda: fail(crowded, *entries)))


@pytest.mark.parametrize("crowded", ["crowd"], indirect=True)
def test_the_recent_repair(crowded: Connection) -> None:
    running(crowded, "j")
    recent = "SELECT * FROM regen_audit_repair_v1(100, (now() AT TIME ZONE 'UTC') + interval '10 hours')"
    assert_indexed(plans(crowded, lambda: crowded.execute(recent)))


METRICS: dict[str, dict[str, Any]] = {
    "queue_groups": {
        "depth": 100,
        "blocked_types": ["export"],
        "cap_types": Jsonb({"document": 1}),
        "cap_requester": 2,
        "cap_total": 20,
    },
    "running_by_type": {},
    "outcomes": {"since": "2026-01-01", "after": "", "limit": 100},
    "audited": {"after": 7, "limit": 100},
}


@pytest.mark.parametrize("crowded", ["crowd"], indirect=True)
@pytest.mark.parametrize("name", METRICS)
def test_what_the_metrics_read(crowded: Connection, name: str) -> None:
    for number in range(300):
        insert(crowded, f"j{number}", requester=f"r{number % 7}", priority=number % 3)
    claim(crowded, 10)
    nodes = plans(crowded, lambda: crowded.execute(QUERIES[name], METRICS[name]))
    assert_indexed(nodes)
    most = {"queue_groups": 1500, "running_by_type": 200, "outcomes": 200, "audited": 400}[name]
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if node.get("Relation Name") in OURS)
    assert read <= most, "however many rows there are"


def test_a_page_of_the_list(crowded: Connection) -> None:
    page = """SELECT id FROM "RegenerationJob" WHERE ("createdAt", id) < (now(), 'x')
              ORDER BY "createdAt" DESC, id DESC LIMIT 50"""
    crowded.execute("SET enable_seqscan = off")  # an empty table is cheaper to read whole
    assert_indexed(plans(crowded, lambda: crowded.execute(page)))
