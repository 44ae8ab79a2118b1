"""Are an application's "User" and "Plan" tables read where they are, left to it, and refused with a reason if unsuitable?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from regen_schema.migrate import check, migrate
from regen_schema.refusal import SchemaRefused
from tests.integration.database.jobs import insert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

USER = """CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "passwordHash" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "tier" "Tier" NOT NULL DEFAULT 'free',
    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
)"""
SUBJECT = 'CREATE UNIQUE INDEX "User_subject_key" ON "User" ("subject")'
PLAN = """CREATE TABLE "Plan" (
    "id" VARCHAR NOT NULL,
    "userId" TEXT NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE,
    "topic" TEXT NOT NULL,
    "skillLevel" TEXT NOT NULL,
    "weeklyHours" INTEGER NOT NULL,
    "learningStyle" TEXT NOT NULL,
    "startDate" TIMESTAMPTZ,
    "deadlineDate" TIMESTAMP(3),
    "notes" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "secret" TEXT,
    CONSTRAINT "Plan_pkey" PRIMARY KEY ("id")
)"""


@pytest.fixture
def application(empty_database: Database) -> Iterator[Connection]:
    """The application's own login, which owns its two tables."""
    with empty_database.connect() as superuser:
        superuser.execute("CREATE ROLE platform LOGIN PASSWORD 'x'")
        superuser.execute("GRANT CREATE ON SCHEMA public TO platform")
        try:
            url = empty_database.server.url(empty_database.name, user="platform", password="x")
            with empty_database.connect(url) as connection:
                connection.execute("CREATE TYPE \"Tier\" AS ENUM ('free', 'starter', 'pro')")
                for statement in (USER, SUBJECT, PLAN):
                    connection.execute(statement)
                connection.execute("""INSERT INTO "User" VALUES ('u', 'a@b.example', 'hash', 'alice', 'pro')""")
                connection.execute("""INSERT INTO "Plan" VALUES ('p', 'u', 'SQL', 'beginner', 5, 'video')""")
                yield connection
        finally:
            superuser.execute("DROP OWNED BY platform CASCADE")
            superuser.execute("DROP ROLE platform")


def test_they_stay_the_applications(empty_database: Database, application: Connection) -> None:
    migrate(empty_database.url)
    assert check(empty_database.url) == []
    owners = application.execute("""SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ('User', 'Plan')""").fetchall()
    assert owners == [("platform",)]
    application.execute("""UPDATE "Plan" SET topic = 'Rust'""")
    application.execute("""INSERT INTO "Plan" SELECT 'q', "userId", topic, 'beginner', 1, 'mixed' FROM "Plan" """)
    application.execute("""DELETE FROM "User" """)


def test_we_read_named_columns_alone(empty_database: Database, application: Connection) -> None:
    migrate(empty_database.url)
    with empty_database.connect() as superuser:
        superuser.execute("SET ROLE regen_api")
        assert superuser.execute('SELECT id, subject, tier::text FROM "User"').fetchall() == [("u", "alice", "pro")]
        assert superuser.execute('SELECT id, topic FROM "Plan"').fetchall() == [("p", "SQL")]
        for statement in ('SELECT "passwordHash" FROM "User"', 'SELECT secret FROM "Plan"', 'SELECT * FROM "User"'):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                superuser.execute(statement)


def test_a_right_too_many_is_found_and_taken_back(empty_database: Database, application: Connection) -> None:
    migrate(empty_database.url)
    application.execute('GRANT SELECT, DELETE ON "User" TO regen_api')
    assert "grant SELECT on User.email to regen_api: expected not to exist" in check(empty_database.url)
    migrate(empty_database.url)
    assert check(empty_database.url) == []


REFUSED = {
    "no subject": ('ALTER TABLE "User" DROP COLUMN subject', "column User.subject: expected to exist"),
    "subject twice": ('DROP INDEX "User_subject_key"', "column User.subject: expected a unique index on it alone"),
    "hours in words": (
        'ALTER TABLE "Plan" ALTER COLUMN "weeklyHours" TYPE text',
        "column Plan.weeklyHours: expected integer or smallint, got text",
    ),
    "a view": ('ALTER TABLE "Plan" RENAME TO plans; CREATE VIEW "Plan" AS SELECT * FROM plans', "Plan: expected a table"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_and_nothing_changed(
    empty_database: Database, application: Connection, what: str
) -> None:
    statement, reason = REFUSED[what]
    application.execute(statement)
    with pytest.raises(SchemaRefused) as caught:
        migrate(empty_database.url)
    assert reason in caught.value.message
    assert application.execute("""SELECT to_regclass('public."RegenerationJob"') IS NULL""").fetchone() == (True,)


def test_a_generation_is_kept_as_it_is(superuser: Connection) -> None:
    insert(superuser, "j")
    superuser.execute("""INSERT INTO "PlanGeneration" ("jobId", "planId") VALUES ('j', 'p')""")
    for statement in (
        """UPDATE "PlanGeneration" SET "planId" = 'q'""",
        'DELETE FROM "PlanGeneration"',
        'TRUNCATE "PlanGeneration"',
    ):
        with pytest.raises(psycopg.Error) as caught:
            superuser.execute(statement)
        assert caught.value.sqlstate == "RG004"
