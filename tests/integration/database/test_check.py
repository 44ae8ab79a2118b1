"""Does the check see everything that is missing or wrong, and nothing else?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from regen_core.errors import DatabaseUnavailable
from regen_schema.expected import VERSIONS
from regen_schema.migrate import check
from regen_schema.read_only import looking

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from tests.database_fixtures import Database

BROKEN = {
    "column": ('ALTER TABLE "RegenerationJob" DROP COLUMN "retryOf"', "column RegenerationJob.retryOf: expected to exist"),
    "column type": (
        'ALTER TABLE "RegenerationOutput" ALTER COLUMN "sizeBytes" TYPE numeric',
        "column RegenerationOutput.sizeBytes: expected bigint, got numeric",
    ),
    "table": ('DROP TABLE "RegenerationOutput"', "table RegenerationOutput: expected to exist"),
    "constraint": (
        'ALTER TABLE "RegenerationJob" DROP CONSTRAINT "RegenerationJob_state_check"',
        "constraint RegenerationJob_state_check: expected to exist",
    ),
    "index": ('DROP INDEX "RegenerationJob_queue_idx"', "index RegenerationJob_queue_idx: expected to exist and be valid"),
    "trigger": (
        'DROP TRIGGER regen_guard_update ON "RegenerationJob"',
        "trigger regen_guard_update on RegenerationJob: expected to exist",
    ),
    "guard not always": (
        'ALTER TABLE "RegenerationJob" ENABLE TRIGGER regen_guard_update',
        "trigger regen_guard_update on RegenerationJob: expected ENABLE ALWAYS, got enabled",
    ),
    "guard disabled": (
        'ALTER TABLE "AuditEvent" DISABLE TRIGGER regen_guard_forbidden',
        "trigger regen_guard_forbidden on AuditEvent: expected ENABLE ALWAYS, got disabled",
    ),
    "audit always": (
        'ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_audit_transitions',
        "trigger regen_audit_transitions on RegenerationJob: expected enabled, got ENABLE ALWAYS",
    ),
    "trigger of another function": (
        """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
           CREATE OR REPLACE TRIGGER regen_guard_update BEFORE UPDATE ON "RegenerationJob"
           FOR EACH ROW EXECUTE FUNCTION stamp()""",
        "trigger regen_guard_update on RegenerationJob: expected the function public.regen_guard_job_update, got public.stamp",
    ),
    "trigger of another schema's function": (
        """CREATE SCHEMA b;
           CREATE FUNCTION b.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
           CREATE OR REPLACE TRIGGER regen_guard_insert BEFORE INSERT ON "RegenerationJob"
           FOR EACH ROW EXECUTE FUNCTION b.stamp()""",
        "trigger regen_guard_insert on RegenerationJob: expected the function public.regen_guard_job_insert, got b.stamp",
    ),
    "trigger of somebody": (
        """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
           CREATE TRIGGER stamps BEFORE UPDATE ON "AuditEvent" FOR EACH ROW EXECUTE FUNCTION stamp()""",
        "trigger stamps on AuditEvent: expected not to exist; public.stamp would run with the owner's rights",
    ),
    "constraint of somebody's function": (
        """CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
           ALTER FUNCTION spy OWNER TO regen_api;
           ALTER TABLE "AuditEvent" ADD CONSTRAINT spies CHECK (spy(event)) NOT VALID""",
        "constraint spies of AuditEvent: expected no call of public.spy(text), which would run with the owner's rights",
    ),
    "rule": (
        'CREATE RULE keep AS ON DELETE TO "RegenerationJob" DO INSTEAD NOTHING',
        "rule keep on RegenerationJob: expected not to exist",
    ),
    "function": ("DROP FUNCTION regen_ingest_v1", "function regen_ingest_v1: expected to exist"),
    "function body": (
        """CREATE OR REPLACE FUNCTION regen_guard_forbidden() RETURNS trigger LANGUAGE plpgsql
           SET search_path = pg_catalog, public, pg_temp AS 'BEGIN RETURN NULL; END'""",
        "function regen_guard_forbidden: expected the body of this version, got another",
    ),
    "function path": ("ALTER FUNCTION regen_fail_v1 RESET search_path", "function regen_fail_v1: expected a fixed search_path"),
    "function rights": (
        "ALTER FUNCTION regen_fail_v1 SECURITY INVOKER",
        "function regen_fail_v1: expected SECURITY DEFINER",
    ),
    "owner": (
        'ALTER TABLE "RegenerationJob" OWNER TO postgres',
        "table RegenerationJob: expected to be owned by regen_owner, got postgres, who could drop its triggers",
    ),
    "function owner": (
        "ALTER FUNCTION regen_fail_v1 OWNER TO postgres",
        "function regen_fail_v1: expected to be owned by regen_owner, got postgres, who could drop its triggers",
    ),
    "missing grant": (
        'REVOKE SELECT ON "AuditEvent" FROM regen_readonly',
        "grant SELECT on AuditEvent.hash to regen_readonly: expected to exist",
    ),
    "column grant": (
        'GRANT INSERT (status) ON "RegenerationJob" TO regen_api',
        "grant INSERT on RegenerationJob.status to regen_api: expected not to exist",
    ),
    "nonce": (
        'GRANT SELECT ON "RegenerationRun" TO regen_operator',
        "grant SELECT on RegenerationRun.nonce to regen_operator: expected not to exist",
    ),
    "public grant": (
        'GRANT DELETE ON "RegenerationJob" TO PUBLIC',
        "grant DELETE on RegenerationJob to PUBLIC: expected not to exist",
    ),
    "column grant to somebody": (
        'GRANT UPDATE ("requestedBy") ON "RegenerationJob" TO PUBLIC',
        "grant UPDATE on RegenerationJob.requestedBy to PUBLIC: expected not to exist",
    ),
    "execute": (
        "GRANT EXECUTE ON FUNCTION regen_complete_v1 TO PUBLIC",
        "grant EXECUTE on regen_complete_v1 to regen_api: expected not to exist",
    ),
    "version": (
        "UPDATE regen_alembic_version SET version_num = '0000'",
        f"schema version: expected {VERSIONS[-1]}, got 0000; run `regen migrate`",
    ),
}


def test_a_migrated_database_is_all_right(database: Database) -> None:
    assert check(database.url) == []


def test_any_login_of_ours_may_check(database: Database) -> None:
    assert check(database.readonly_url) == []


def test_the_options_of_the_connection_string_are_kept(database: Database) -> None:
    with looking(make_conninfo(database.url, options="-c role=regen_readonly"), "a test") as connection:
        row = connection.execute("SELECT current_user::text, current_setting('statement_timeout')").fetchone()
    assert row == ("regen_readonly", "10s")


def test_a_table_that_stays_locked_is_not_waited_for(database: Database, mocker: MockerFixture) -> None:
    mocker.patch("regen_schema.read_only.STATEMENT_SECONDS", 0.1)
    with psycopg.connect(database.url) as busy:
        busy.execute("LOCK TABLE regen_alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            check(database.url)


def test_an_empty_database_lacks_everything(empty_database: Database) -> None:
    faults = check(empty_database.url)
    assert "table RegenerationJob: expected to exist" in faults
    assert "function regen_claim_v1: expected to exist" in faults


@pytest.mark.parametrize("what", BROKEN)
def test_a_fault_is_named(database: Database, what: str) -> None:
    statement, fault = BROKEN[what]
    with database.connect() as connection:
        connection.execute(statement)
    assert fault in check(database.url)


def test_times_that_came_with_an_adopted_table_are_counted(database: Database) -> None:
    with database.connect() as connection:
        connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
        connection.execute(
            """INSERT INTO "RegenerationJob" (id, "instructionJson", "createdAt") VALUES
               ('a', '{}', 'infinity'), ('b', '{}', '57012-05-01'), ('c', '{}', '2026-01-01')"""
        )
        connection.execute('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert')
    limits = "expected times from 1970-01-01 to 9998-12-31, which every program can read"
    assert check(database.readonly_url) == [f"column RegenerationJob.createdAt: {limits}, got others in 2 rows"]
    assert check(database.runner_url) == []


def test_a_login_that_could_drop_triggers_is_named(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("GRANT regen_owner TO regen_api_login")
        try:
            assert "login regen_api_login: expected not to be a member of regen_owner, who could drop triggers" in check(
                database.url
            )
        finally:
            connection.execute("REVOKE regen_owner FROM regen_api_login")
