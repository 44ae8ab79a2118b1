"""Does a migration that is killed anywhere leave all or nothing, and does the next one finish it?"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from regen_schema.migrate import check
from regen_schema.migrate import migrate as finish
from tests.faults.control import Control
from tests.faults.seams import SEAMS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.database_fixtures import Database

EFFECTS = [seam.effect((), {}) for seam in SEAMS if seam.program == "migrate"]
POINTS = [f"migrate.{when}_{effect}" for effect in EFFECTS for when in ("before", "after")]
ADOPTING = ("_table", "_rows", "_check", "_grants")
"""What else a migration does where an application has made the table."""
APPLICATION = """
CREATE TYPE "RegenerationJobStatus" AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED');
CREATE TABLE "RegenerationJob" (
    id text PRIMARY KEY, status "RegenerationJobStatus" NOT NULL DEFAULT 'PENDING', "instructionJson" jsonb NOT NULL,
    "outputRef" text, "errorJson" jsonb, "lockedAt" timestamp(3), "completedAt" timestamp(3),
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('waiting', '{"type": "document", "version": 1, "inputs": {}}');
"""


def migrate(control: Control, url: str) -> int:
    command = [str(control.programs / "regen"), "migrate"]
    environment = {"REGEN_DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60).returncode


def relations(database: Database) -> list[Any]:
    """Every table, function and trigger of the schema, and every column."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT 'c', table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " UNION ALL SELECT 'f', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT 't', tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
        ).fetchall()


def test_that_a_clean_run_passes_every_point(empty_database: Database, tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    assert migrate(control, empty_database.url) == 0
    assert control.passed == set(POINTS)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("point", "application"),
    [*((point, False) for point in POINTS), *((point, True) for point in POINTS if point.endswith(ADOPTING))],
)
def test_that_a_killed_migration_is_all_or_nothing(
    empty_database: Database, tmp_path: Path, point: str, *, application: bool
) -> None:
    if application:
        with empty_database.connect() as connection:
            connection.execute(APPLICATION.encode())
    before = relations(empty_database)
    control = Control(tmp_path / "control")
    control.plan([point])
    assert migrate(control, empty_database.url) == -signal.SIGKILL
    assert control.killed == [point]
    after = relations(empty_database)
    if point == "migrate.after_commit":
        assert not check(empty_database.url)
    else:
        assert after == before
    finish(empty_database.url)
    assert not check(empty_database.url)
