"""Can each role do exactly what the contract lets it do? (rule R8; one test per role and verb)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.integration.database.jobs import insert, start

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

READS = {
    "job": 'SELECT * FROM "RegenerationJob"',
    "fence": 'SELECT "jobId", "podUid", "podName", "startedAt" FROM "RegenerationRun"',
    "output": 'SELECT * FROM "RegenerationOutput"',
    "audit": 'SELECT * FROM "AuditEvent"',
    "purged": 'SELECT * FROM "PurgedJob"',
    "version": "SELECT * FROM regen_alembic_version",
}
PLAN_READS = {
    "user": 'SELECT id, subject, tier FROM "User"',
    "plan": """SELECT id, "userId", topic, "skillLevel", "weeklyHours", "learningStyle", "startDate", "deadlineDate", notes,
               "createdAt" FROM "Plan" """,
    "generation": 'SELECT * FROM "PlanGeneration"',
}
INSERTS = {
    "request": """INSERT INTO "RegenerationJob" (id, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf")
                  VALUES ('new', '{}', 1, 'me', 'key', 'old') RETURNING id""",
    "generation of": """INSERT INTO "PlanGeneration" ("jobId", "planId", overrides) VALUES ('j', 'p', '{}')""",
}
CALLS = {
    "ingest": "SELECT * FROM regen_ingest_v1('new', '{}', 0, NULL, NULL, NULL)",
    "claim": "SELECT * FROM regen_claim_v1(1, 1, NULL, NULL, '{}')",
    "fail": "SELECT * FROM regen_fail_v1('[]')",
    "repair": "SELECT * FROM regen_audit_repair_v1(1)",
    "start": "SELECT * FROM regen_start_v1('j', 'uid', 'pod', 'nonce')",
    "complete": "SELECT regen_complete_v1('j', 'nonce', 'ref', '[]')",
    "fail_run": """SELECT regen_fail_run_v1('j', 'nonce',
                   '{"classification": "lost", "retryable": false, "message": ""}')""",
}
FORBIDDEN_TO_ALL = {
    "nonce": 'SELECT nonce FROM "RegenerationRun"',
    "lifecycle": 'SELECT * FROM "RegenerationLifecycle"',
    "emit": "SELECT regen_audit_emit_v1('{x}', '{j}', '{RUNNING}', '{now}', ARRAY['{}']::jsonb[])",
    "pick": "SELECT regen_pick_v1(1, '{}', '{}', NULL, '{}', '{}')",
    "insert status": """INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('new', 'PENDING', '{}')""",
    "insert lockedAt": """INSERT INTO "RegenerationJob" (id, "lockedAt", "instructionJson") VALUES ('new', NULL, '{}')""",
    "insert createdAt": """INSERT INTO "RegenerationJob" (id, "createdAt", "instructionJson") VALUES ('new', now(), '{}')""",
    "insert fence": """INSERT INTO "RegenerationRun" VALUES ('j', 'a', 'b', 'c', now())""",
    "insert user": """INSERT INTO "User" (id, subject) VALUES ('u', 's')""",
    "insert plan": """INSERT INTO "Plan" (id) VALUES ('p')""",
    "update user": """UPDATE "User" SET tier = 'pro'""",
    "update plan": """UPDATE "Plan" SET topic = 'x'""",
    "delete plan": 'DELETE FROM "Plan"',
    "purge": "SELECT * FROM regen_purge_v1('[]', '2000-01-01')",
    "insert purged": """INSERT INTO "PurgedJob" VALUES ('j', 't', 'FAILED', 'k', now(), 'r', 'x', 'x', 'me', now())""",
    "insert output": """INSERT INTO "RegenerationOutput" VALUES ('j', 'a', 'b', 'c', 1, 'd', now())""",
    "insert audit": """INSERT INTO "AuditEvent" (event, "jobId", status, actor, at, detail, hash)
                       VALUES ('x', 'j', 'RUNNING', 'me', now(), '{}', 'x')""",
    "disable trigger": 'ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL',
    "add trigger": 'CREATE TRIGGER t BEFORE INSERT ON "RegenerationJob" EXECUTE FUNCTION regen_notify()',
    "replica": "SET session_replication_role = replica",
    "own": "SET ROLE regen_owner",
    **{
        f"{verb} {table}": statement.format(table)
        for table in ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent", "PlanGeneration", "PurgedJob")
        for verb, statement in {
            "update": 'UPDATE "{0}" SET "jobId" = NULL'
            if table != "RegenerationJob"
            else "UPDATE \"{0}\" SET status = 'FAILED'",
            "delete": 'DELETE FROM "{0}"',
            "truncate": 'TRUNCATE "{0}"',
            "lock": 'LOCK TABLE "{0}" IN ACCESS EXCLUSIVE MODE',
            "drop": 'DROP TABLE "{0}"',
        }.items()
    },
}
STATEMENTS = READS | PLAN_READS | INSERTS | CALLS | FORBIDDEN_TO_ALL
ALLOWED = {
    "api": {*READS, *PLAN_READS, *INSERTS},
    "operator": {*READS, "ingest", "claim", "fail", "repair"},
    "runner": {"start", "complete", "fail_run"},
    "readonly": {*READS, *PLAN_READS},
}


@pytest.fixture
def as_role(rolled_back: Connection, request: pytest.FixtureRequest) -> Connection:
    """A connection of the role's login, on a database with one job that has a fence."""
    insert(rolled_back, "j")
    rolled_back.execute("SELECT FROM regen_claim_v1(1, NULL, NULL, NULL, '{document}')")
    start(rolled_back, "j")
    rolled_back.execute(f"SET SESSION AUTHORIZATION regen_{request.param}_login")
    return rolled_back


@pytest.mark.parametrize("verb", STATEMENTS)
@pytest.mark.parametrize("as_role", ALLOWED, indirect=True)
def test_a_role_may_do_its_own_and_nothing_else(as_role: Connection, verb: str, request: pytest.FixtureRequest) -> None:
    role = request.node.callspec.params["as_role"]
    if verb in ALLOWED[role]:
        as_role.execute(STATEMENTS[verb])
    else:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role.execute(STATEMENTS[verb])


def test_a_login_without_a_role_can_do_nothing(rolled_back: Connection) -> None:
    rolled_back.execute("CREATE ROLE stranger LOGIN")
    rolled_back.execute("SET SESSION AUTHORIZATION stranger")
    for statement in STATEMENTS.values():
        with pytest.raises(psycopg.errors.InsufficientPrivilege), rolled_back.transaction():
            rolled_back.execute(statement)


@pytest.mark.parametrize("role", ALLOWED)
def test_the_logins_of_the_fixtures_are_real(database: Database, role: str) -> None:
    url = {
        "api": database.api_url,
        "operator": database.operator_url,
        "runner": database.runner_url,
        "readonly": database.readonly_url,
    }[role]
    with database.connect(url) as connection:
        row = connection.execute(
            "SELECT session_user::text, rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = session_user"
        ).fetchone()
    assert row == (f"regen_{role}_login", False, False, False)


def test_definer_functions_ignore_the_callers_search_path(database: Database, runner: Connection) -> None:
    """A table of the caller's that bears our name is never looked at."""
    runner.execute('CREATE TEMP TABLE "RegenerationJob" (id text, status text, "instructionJson" jsonb)')
    runner.execute("""INSERT INTO "RegenerationJob" VALUES ('mine', 'RUNNING', '{}')""")
    runner.execute("SET search_path = pg_temp, public")
    assert start(runner, "mine") == "unknown"
