"""Is an application's table adopted with its rows, and what cannot be adopted refused with a reason and left alone?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import args_row

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from regen_schema.migrate import check, migrate
from regen_schema.refusal import SchemaRefused
from regen_verify.gather import snapshots
from regen_verify.trail import complete as complete_trail
from tests.integration.database.jobs import claim, complete, events, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

ENUM = """CREATE TYPE "RegenerationJobStatus" AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')"""
TABLE = """CREATE TABLE "RegenerationJob" (
    "id" TEXT NOT NULL,
    "status" "RegenerationJobStatus" NOT NULL,
    "instructionJson" JSONB NOT NULL,
    "outputRef" TEXT,
    "errorJson" JSONB,
    "lockedAt" TIMESTAMP(3),
    "completedAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "RegenerationJob_pkey" PRIMARY KEY ("id")
)"""
ROWS = """INSERT INTO "RegenerationJob"
    (id, status, "instructionJson", "outputRef", "errorJson", "lockedAt", "completedAt", "createdAt") VALUES
    ('waits', 'PENDING', '{"type": "document", "version": 1, "inputs": {}}', NULL, NULL, NULL, NULL, '2026-01-01'),
    ('again', 'PENDING', '{"type": "document", "version": 1, "inputs": {}}', 'ref', '"old"', '2026-01-01', NULL, '2026-01-02'),
    ('runs', 'RUNNING', '{"type": "export"}', NULL, NULL, '2026-01-01 12:00', NULL, '2026-01-03'),
    ('runs-unlocked', 'RUNNING', '{"type": "export"}', 'half', NULL, NULL, NULL, '2026-01-03'),
    ('done', 'COMPLETED', '{}', 'file:///old', NULL, NULL, NULL, '2026-01-04'),
    ('failed', 'FAILED', '{}', NULL, '{"reason": "old"}', '2026-01-05', '2026-01-06', '2026-01-04')"""


@pytest.fixture
def application(empty_database: Database) -> Iterator[Connection]:
    """A superuser of a database with the enum and nothing else."""
    with empty_database.connect() as connection:
        connection.execute(ENUM)
        yield connection


def test_keeps_every_row(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute(ROWS)
    query = """SELECT id, "instructionJson", "createdAt" FROM "RegenerationJob" ORDER BY id"""
    before = application.execute(query).fetchall()
    migrate(empty_database.url)
    assert application.execute(query).fetchall() == before
    rows = application.execute(
        """SELECT id, status::text, "outputRef", "errorJson", "lockedAt"::text, type FROM "RegenerationJob"
           WHERE id IN ('done', 'failed', 'waits') ORDER BY id"""
    ).fetchall()
    assert rows == [
        ("done", "COMPLETED", "file:///old", None, None, None),
        ("failed", "FAILED", None, {"reason": "old"}, "2026-01-05 00:00:00", None),
        ("waits", "PENDING", None, None, None, "document"),
    ]
    assert check(empty_database.url) == []


def test_fails_what_ran_as_lost(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute(ROWS)
    migrate(empty_database.url)
    rows = application.execute(
        """SELECT id, status::text, "errorJson" ->> 'classification', "outputRef", "completedAt" IS NOT NULL,
                  "lockedAt" = '2026-01-01 12:00' FROM "RegenerationJob" WHERE id LIKE 'runs%' ORDER BY id"""
    ).fetchall()
    assert rows == [
        ("runs", "FAILED", "lost", None, True, True),
        ("runs-unlocked", "FAILED", "lost", None, True, False),
    ]
    assert events(application, "runs") == ["REGEN_JOB_ADOPTED", "REGEN_JOB_FAILED"]
    with application.cursor(row_factory=args_row(AuditRecord)) as cursor:
        assert verify_chain(cursor.execute(SELECT_EVENTS, ("runs",)).fetchall()) == []


def test_a_pending_row_with_leftovers_can_be_claimed(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute(ROWS)
    migrate(empty_database.url)
    row = application.execute("""SELECT detail FROM "AuditEvent" WHERE "jobId" = 'again'""").fetchone()
    assert row == ({"removed": {"outputRef": "ref", "errorJson": "old", "lockedAt": "2026-01-01T00:00:00"}},)
    assert claim(application) == [("waits", "RUNNING"), ("again", "RUNNING")]


def test_rows_that_ended_before_us_are_not_repaired(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute(ROWS)
    migrate(empty_database.url)
    assert application.execute("SELECT * FROM regen_audit_repair_v1(100)").fetchall() == []
    assert events(application, "done") == ["REGEN_JOB_ADOPTED"]


REPAIRS = {
    "all": "SELECT * FROM regen_audit_repair_v1(100)",
    "recent": "SELECT * FROM regen_audit_repair_v1(100, (now() AT TIME ZONE 'UTC') - interval '1 hour')",
}


@pytest.mark.parametrize("repair", REPAIRS)
def test_what_an_adopted_row_went_through_after_that_is_repaired(
    empty_database: Database, application: Connection, repair: str
) -> None:
    """Just what the checker of the invariants misses, no more and no less."""
    application.execute(TABLE)
    application.execute(ROWS)
    migrate(empty_database.url)
    application.execute('ALTER TABLE "AuditEvent" ADD CONSTRAINT broken CHECK (false) NOT VALID')
    claim(application)
    assert start(application, "again") == "started"
    assert complete(application, "again") == "completed"
    application.execute('ALTER TABLE "AuditEvent" DROP CONSTRAINT broken')
    application.execute('ALTER TABLE "AuditEvent" DISABLE TRIGGER regen_guard_forbidden')
    application.execute("""DELETE FROM "AuditEvent" WHERE "jobId" = 'runs' AND event = 'REGEN_JOB_FAILED'""")
    application.execute('ALTER TABLE "AuditEvent" ENABLE ALWAYS TRIGGER regen_guard_forbidden')
    assert sorted(application.execute(REPAIRS[repair]).fetchall()) == [
        ("again", "REGEN_JOB_COMPLETED"),
        ("again", "REGEN_JOB_LOCKED"),
        ("again", "REGEN_JOB_STARTED"),
        ("runs", "REGEN_JOB_FAILED"),
        ("waits", "REGEN_JOB_LOCKED"),
    ]
    assert application.execute(REPAIRS[repair]).fetchall() == []
    [snapshot] = snapshots(lambda statement, parameters: application.execute(statement, parameters).fetchall())
    assert [violation for job in snapshot.jobs for violation in complete_trail(job, snapshot)] == []


@pytest.mark.parametrize("column", ["outputRef", "errorJson", "lockedAt", "completedAt", "createdAt"])
def test_adds_a_column_that_is_missing(empty_database: Database, application: Connection, column: str) -> None:
    application.execute(TABLE)
    application.execute(f'ALTER TABLE "RegenerationJob" DROP COLUMN "{column}"')
    application.execute("""INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES
        ('a', 'PENDING', '{"type": "document", "version": 1}'), ('b', 'RUNNING', '{}')""")
    migrate(empty_database.url)
    assert check(empty_database.url) == []
    assert claim(application) == [("a", "RUNNING")]


@pytest.mark.parametrize("column", ["outputRef", "createdAt"])
def test_others_lose_their_grants_on_a_table_that_lacks_a_column(
    empty_database: Database, application: Connection, column: str
) -> None:
    application.execute("CREATE ROLE clerk")
    try:
        application.execute(TABLE)
        application.execute(f'ALTER TABLE "RegenerationJob" DROP COLUMN "{column}", ADD COLUMN note text')
        application.execute('GRANT ALL ON "RegenerationJob" TO clerk')
        application.execute('GRANT UPDATE (status, note), REFERENCES (id) ON "RegenerationJob" TO clerk')
        migrate(empty_database.url)
        left = application.execute(
            """SELECT x.privilege_type FROM (
                   SELECT (aclexplode(relacl)).* FROM pg_class WHERE oid = 'public."RegenerationJob"'::regclass
                   UNION ALL
                   SELECT (aclexplode(attacl)).* FROM pg_attribute WHERE attrelid = 'public."RegenerationJob"'::regclass) x
               WHERE x.grantee = 'clerk'::regrole ORDER BY 1"""
        ).fetchall()
        assert left == [("INSERT",), ("SELECT",)]
    finally:
        application.execute("DROP OWNED BY clerk")
        application.execute("DROP ROLE clerk")


def test_the_application_goes_on_inserting(empty_database: Database, application: Connection) -> None:
    """As Prisma does it: an id of the client's, the status named, and createdAt by its default."""
    application.execute(TABLE)
    migrate(empty_database.url)
    application.execute(
        """INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('clh3k2p0x0000qz8r1a2b3', 'PENDING', '{}')"""
    )
    row = application.execute(
        """SELECT abs(extract(epoch FROM "createdAt" - (now() AT TIME ZONE 'UTC'))) < 60 FROM "RegenerationJob" """
    ).fetchone()
    assert row == (True,)


def test_a_varchar_id_will_do(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE.replace('"id" TEXT', '"id" VARCHAR'))
    application.execute(ROWS)
    migrate(empty_database.url)
    assert check(empty_database.url) == []
    assert claim(application) == [("waits", "RUNNING"), ("again", "RUNNING")]


def test_foreign_columns_stay(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute("""ALTER TABLE "RegenerationJob" ADD COLUMN note text, ADD COLUMN kind text NOT NULL DEFAULT 'x'""")
    application.execute(ROWS)
    migrate(empty_database.url)
    assert application.execute("""SELECT note, kind FROM "RegenerationJob" WHERE id = 'done'""").fetchone() == (None, "x")
    assert check(empty_database.url) == []


def test_says_what_will_be_rewritten(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    application.execute(ROWS)
    lines: list[str] = []
    migrate(empty_database.url, announce=lines.append)
    assert len(lines) == 1
    assert "6 rows" in lines[0]
    assert "ACCESS EXCLUSIVE" in lines[0]
    assert "2 RUNNING rows" in lines[0]


def test_gives_up_when_the_table_stays_locked(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE)
    with psycopg.connect(empty_database.url) as busy:
        busy.execute('SELECT FROM "RegenerationJob"')
        with pytest.raises(SchemaRefused, match="REGEN_MIGRATE_LOCK_TIMEOUT"):
            migrate(empty_database.url, lock_timeout=0.05)
    assert application.execute("""SELECT to_regclass('public."RegenerationRun"') IS NULL""").fetchone() == (True,)


def test_the_owner_before_may_read_and_insert_and_nothing_else(empty_database: Database, application: Connection) -> None:
    application.execute("CREATE ROLE application_owner LOGIN PASSWORD 'x'")
    application.execute("CREATE ROLE bystander")
    try:
        application.execute(TABLE)
        application.execute('GRANT ALL ON "RegenerationJob" TO PUBLIC, bystander')
        application.execute('GRANT UPDATE (status) ON "RegenerationJob" TO bystander')
        application.execute('ALTER TABLE "RegenerationJob" OWNER TO application_owner')
        migrate(empty_database.url)
        assert check(empty_database.url) == []
        rows = application.execute(
            """SELECT r.rolname::text, v.verb FROM pg_roles r CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'),
                   ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER'), ('MAINTAIN')) v (verb)
               WHERE r.rolname IN ('application_owner', 'bystander')
                 AND (has_table_privilege(r.oid, 'public."RegenerationJob"', v.verb)
                      OR v.verb = 'UPDATE' AND has_any_column_privilege(r.oid, 'public."RegenerationJob"', 'UPDATE'))"""
        ).fetchall()
        assert sorted(rows) == [(role, verb) for role in ("application_owner", "bystander") for verb in ("INSERT", "SELECT")]
        with empty_database.connect(
            empty_database.server.url(empty_database.name, user="application_owner", password="x")
        ) as app:
            app.execute("""INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('j', 'PENDING', '{}')""")
            for statement in (
                """UPDATE "RegenerationJob" SET status = 'RUNNING'""",
                'ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL',
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(statement)
    finally:
        application.execute("DROP OWNED BY application_owner, bystander")
        application.execute("DROP ROLE application_owner, bystander")


REFUSED = {
    "json instead of jsonb": (
        TABLE.replace("JSONB NOT NULL", "JSON NOT NULL"),
        "column instructionJson: expected jsonb, got json",
    ),
    "status is text": (
        TABLE.replace('"status" "RegenerationJobStatus"', '"status" TEXT'),
        'column status: expected public."RegenerationJobStatus", got text',
    ),
    "timestamptz": (
        TABLE.replace('"lockedAt" TIMESTAMP(3)', '"lockedAt" TIMESTAMPTZ(3)'),
        r"column lockedAt: expected timestamp without time zone, got timestamp\(3\) with time zone",
    ),
    "a NOT NULL column without a default": (
        TABLE.replace('"outputRef"', '"tenant" TEXT NOT NULL, "outputRef"'),
        "column tenant: expected a default",
    ),
    "an id that is a uuid": (
        TABLE.replace('"id" TEXT', '"id" UUID'),
        "column id: expected text or character varying, got uuid",
    ),
    "an id too short": (TABLE.replace('"id" TEXT', '"id" VARCHAR(20)'), "column id: expected no limit on its length"),
    "no instruction": (TABLE.replace('"instructionJson"', '"payload"'), "column instructionJson: expected to exist"),
    "another primary key": (
        TABLE.replace('PRIMARY KEY ("id")', 'PRIMARY KEY ("createdAt")'),
        "primary key: expected id, got createdAt",
    ),
    "no primary key": (TABLE.replace('PRIMARY KEY ("id")', "CHECK (true)"), "primary key: expected id, got none"),
    "a type of its own": (TABLE.replace('"outputRef"', '"type" TEXT, "outputRef"'), "column type: expected a column generated"),
    "priority as text": (
        TABLE.replace('"outputRef"', '"priority" TEXT, "outputRef"'),
        "column priority: expected integer, got text",
    ),
    "partitioned": (
        TABLE.replace('PRIMARY KEY ("id")', 'PRIMARY KEY ("id")') + ' PARTITION BY HASH ("id")',
        "expected an ordinary table, got a partitioned table",
    ),
    "a view": ("""CREATE VIEW "RegenerationJob" AS SELECT 1 AS id""", "expected an ordinary table, got a view"),
    "unlogged": (TABLE.replace("CREATE TABLE", "CREATE UNLOGGED TABLE"), "expected a logged table"),
}


TRIGGER = """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER {} BEFORE UPDATE ON "RegenerationJob" FOR EACH ROW EXECUTE FUNCTION stamp()"""
RULE = """CREATE RULE keep AS ON DELETE TO "RegenerationJob" DO INSTEAD NOTHING"""
REFUSED |= {
    "a trigger": (f"{TABLE}; {TRIGGER.format('stamps')}", r"trigger stamps: expected none, since its function stamp would run"),
    "a trigger by a name of ours": (f"{TABLE}; {TRIGGER.format('regen_guard_update')}", "trigger regen_guard_update: expected"),
    "a rule": (f"{TABLE}; {RULE}", "rule keep: expected none"),
    "a trigger and a rule": (f"{TABLE}; {TRIGGER.format('stamps')}; {RULE}", "trigger stamps: .*; rule keep: "),
}


REFUSED |= {
    f"a time of {at}": (
        f"""{TABLE}; INSERT INTO "RegenerationJob" (id, status, "instructionJson", "{column}")
        VALUES ('j', 'PENDING', '{{}}', '{at}'), ('k', 'PENDING', '{{}}', '{at}'), ('m', 'PENDING', '{{}}', '2026-01-01')""",
        f"column {column}: expected times from 1970-01-01 to 9998-12-31, which every program can read, got others in 2 rows",
    )
    for column, at in (
        ("createdAt", "57012-05-01"),
        ("createdAt", "0044-03-15 BC"),
        ("lockedAt", "infinity"),
        ("completedAt", "9999-01-01"),
    )
}
REFUSED["no time"] = (
    f"""{TABLE.replace('"createdAt" TIMESTAMP(3) NOT NULL', '"createdAt" TIMESTAMP(3)')};
    INSERT INTO "RegenerationJob" (id, status, "instructionJson", "createdAt") VALUES ('j', 'PENDING', '{{}}', NULL)""",
    "column createdAt: expected times .* in 1 rows",
)


CODE = """CREATE FUNCTION spy(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; {}"""
CALLERS = {
    "constraint spies": """ALTER TABLE "RegenerationJob" ADD CONSTRAINT spies CHECK (spy(id))""",
    "default of column note": """ALTER TABLE "RegenerationJob" ADD COLUMN note boolean DEFAULT spy('x')""",
    "default of column made": """ALTER TABLE "RegenerationJob" ADD COLUMN made boolean GENERATED ALWAYS AS (spy(id)) STORED""",
    "index by_spy": """CREATE INDEX by_spy ON "RegenerationJob" (spy(id))""",
    "index by_half": """CREATE INDEX by_half ON "RegenerationJob" (id) WHERE spy(id)""",
    "policy seen": """CREATE POLICY seen ON "RegenerationJob" USING (spy(id))""",
    "statistics spied": """CREATE STATISTICS spied ON (spy(id)) FROM "RegenerationJob" """,
    "type of column word": """CREATE DOMAIN word AS text CHECK (spy(VALUE));
        ALTER TABLE "RegenerationJob" ADD COLUMN word word""",
    "constraint compares": """CREATE FUNCTION eq(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
        CREATE OPERATOR === (FUNCTION = eq, LEFTARG = text, RIGHTARG = text);
        ALTER TABLE "RegenerationJob" ADD CONSTRAINT compares CHECK (id === id)""",
}


def test_a_grant_that_was_passed_on_goes_with_the_grant(empty_database: Database, app: Connection) -> None:
    app.execute("RESET ROLE")
    app.execute("CREATE ROLE clerk; CREATE ROLE assistant")
    try:
        app.execute("SET ROLE app")
        app.execute('GRANT UPDATE ON "RegenerationJob" TO clerk WITH GRANT OPTION')
        app.execute("SET ROLE clerk")
        app.execute('GRANT UPDATE ON "RegenerationJob" TO assistant')
        app.execute("RESET ROLE")
        migrate(empty_database.url)
        assert check(empty_database.url) == []
    finally:
        app.execute("DROP OWNED BY clerk, assistant CASCADE")
        app.execute("DROP ROLE clerk, assistant")


@pytest.fixture
def app(application: Connection) -> Iterator[Connection]:
    """The same connection, as a role without rights that owns the table."""
    application.execute("CREATE ROLE app")
    application.execute("GRANT CREATE ON SCHEMA public TO app")
    application.execute("""ALTER TYPE "RegenerationJobStatus" OWNER TO app""")
    application.execute("SET ROLE app")
    application.execute(TABLE)
    yield application
    application.execute("RESET ROLE")
    application.execute("DROP OWNED BY app CASCADE")
    application.execute("DROP ROLE app")


@pytest.mark.parametrize("part", CALLERS)
def test_a_function_of_the_owner_before_would_run_as_the_new_one(empty_database: Database, app: Connection, part: str) -> None:
    app.execute(CODE.format(CALLERS[part]))
    function = r"public\.eq\(text,text\)" if "===" in CALLERS[part] else r"public\.spy\(text\)"
    with pytest.raises(SchemaRefused, match=rf"{part}: expected no call of {function}, which would run with the rights"):
        migrate(empty_database.url)


def test_a_function_by_the_name_of_a_built_in_one_is_not_called(empty_database: Database, app: Connection) -> None:
    app.execute(
        """CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE plpgsql
           AS 'BEGIN RAISE EXCEPTION ''called as %'', current_user; END'"""
    )
    migrate(empty_database.url)
    assert check(empty_database.url) == []


def test_a_function_of_a_superuser_may_stay(empty_database: Database, application: Connection) -> None:
    """As those of extensions are; ``uuid_generate_v4()`` is a default that applications have."""
    application.execute(TABLE)
    application.execute(CODE.format(CALLERS["constraint spies"]))
    migrate(empty_database.url)
    assert check(empty_database.url) == []


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_a_trigger_that_is_made_meanwhile_is_seen(empty_database: Database, app: Connection, isolation: str) -> None:
    app.execute("RESET ROLE")
    app.execute(f"ALTER DATABASE {empty_database.name} SET default_transaction_isolation = '{isolation}'")
    with ThreadPoolExecutor(1) as pool, psycopg.connect(empty_database.url) as busy:
        busy.execute("SET ROLE app")
        busy.execute(TRIGGER.format("stamps"))
        migration = pool.submit(migrate, empty_database.url)
        waiting = """SELECT count(*) > 0 FROM pg_locks WHERE relation = 'public."RegenerationJob"'::regclass AND NOT granted"""
        while app.execute(waiting).fetchone() != (True,):
            assert not migration.done()
        busy.commit()
        with pytest.raises(SchemaRefused, match="trigger stamps: expected none"):
            migration.result()


def test_a_foreign_key_to_the_table_may_stay(empty_database: Database, application: Connection) -> None:
    """Its triggers are the server's own."""
    application.execute(TABLE)
    application.execute('CREATE TABLE "Invoice" ("jobId" text REFERENCES "RegenerationJob" (id))')
    migrate(empty_database.url)
    assert check(empty_database.url) == []


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_what_it_cannot_adopt(empty_database: Database, application: Connection, case: str) -> None:
    statement, reason = REFUSED[case]
    application.execute(statement)
    with pytest.raises(SchemaRefused, match=reason) as raised:
        migrate(empty_database.url)
    assert "\n" not in raised.value.message
    left = application.execute(
        """SELECT to_regclass('public."AuditEvent"'), to_regclass('public.regen_alembic_version')"""
    ).fetchone()
    assert left == (None, None)


def test_refuses_other_labels(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute(ENUM.replace("'FAILED'", "'FAILED', 'CANCELLED'"))
        connection.execute(TABLE)
    with pytest.raises(SchemaRefused, match=r"expected PENDING, RUNNING, COMPLETED, FAILED, got .*CANCELLED"):
        migrate(empty_database.url)


def test_names_every_reason_at_once(empty_database: Database, application: Connection) -> None:
    application.execute(TABLE.replace('"id" TEXT', '"id" UUID').replace("JSONB,", "JSON,"))
    with pytest.raises(SchemaRefused, match=r"column id: .*; column errorJson: "):
        migrate(empty_database.url)
