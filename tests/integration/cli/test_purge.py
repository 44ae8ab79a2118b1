"""Does ``regen purge`` delete only what is safe in its file, by default nothing, and go on wherever it was interrupted?"""

from __future__ import annotations

import fcntl
import json
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from regen_core.canonical import sha256_hex
from tests.database_fixtures import LOGIN_PASSWORD
from tests.integration.cli.command import Command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.cli.conftest import World

LONG_AGO = """UPDATE "RegenerationJob" SET "lockedAt" = "lockedAt" - interval '100 days',
              "completedAt" = "completedAt" - interval '100 days' WHERE starts_with(id, 'old')"""
DIES_AT_DELETION = """
import os, signal
from regen_cli import database
from regen_cli.main import main
write = database.Database.write
def dying(self, name, parameters):
    if name == "purge" and WHEN == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    rows = write(self, name, parameters)
    if name == "purge":
        os.kill(os.getpid(), signal.SIGKILL)
    return rows
database.Database.write = dying
main()
"""


@pytest.fixture
def retention(world: World) -> Iterator[Command]:
    """The command as a login with the role of retention, and no other."""
    name = f"retention_{world.database.name}"
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE regen_retention")
    world.superuser.execute(statement.format(sql.Identifier(name), sql.Literal(LOGIN_PASSWORD)))
    url = world.database.server.url(world.database.name, user=name, password=LOGIN_PASSWORD)
    yield Command({"REGEN_DATABASE_URL": url})
    world.superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def old(world: World) -> World:
    """Two jobs that ended 100 days ago, and others that stay."""
    world.completed("old-completed")
    world.failed("old-failed")
    world.completed("young", {"a.txt": b"young"})
    world.running("runs")
    world.pending("waits")
    world.behind_the_guards(LONG_AGO)
    return world


def jobs(world: World) -> set[str]:
    return {row[0] for row in world.superuser.execute('SELECT id FROM "RegenerationJob"').fetchall()}


def purged(world: World) -> dict[str, str]:
    """Purged job → digest of its line."""
    return dict(world.superuser.execute('SELECT "jobId", "exportSha256" FROM "PurgedJob"').fetchall())


def exported(path: Path) -> dict[str, list[bytes]]:
    """Job → its lines in the file, whole."""
    lines: dict[str, list[bytes]] = {}
    for line in path.read_bytes().splitlines():
        lines.setdefault(json.loads(line)["job"]["id"], []).append(line)
    return lines


STAY = {"young", "runs", "waits"}


def test_by_default_it_only_says_what_it_would_do(old: World, retention: Command, tmp_path: Path) -> None:
    path = tmp_path / "purged.jsonl"
    done = retention("purge", "--older-than", "90d", "--export", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 COMPLETED, 1 FAILED" in done.stdout
    assert done.stdout.splitlines()[-1] == "nothing was deleted. Pass --yes --export FILE to delete."
    assert not path.exists()
    assert jobs(old) == {"old-completed", "old-failed", *STAY}


def test_rows_leave_together_after_they_were_written(old: World, retention: Command, tmp_path: Path) -> None:
    before = {job_id: old.regen.json("show", job_id) for job_id in ("old-completed", "old-failed")}
    events = old.regen.json("events", "old-completed")["items"]
    path = tmp_path / "purged.jsonl"
    answer = retention.json("purge", "--older-than", "13w", "--export", str(path), "--yes")
    assert (answer["purged"], answer["refused"], answer["dryRun"]) == (2, [], False)
    assert jobs(old) == STAY
    lines = exported(path)
    assert purged(old) == {job_id: sha256_hex(line) for job_id, [line] in lines.items()}
    kept = json.loads(lines["old-completed"][0])
    assert kept["job"]["instructionJson"] == before["old-completed"]["instruction"]
    assert [one["sha256"] for one in kept["outputs"]] == [one["sha256"] for one in before["old-completed"]["outputs"]]
    assert [(one["hash"], one["at"], one["detail"]) for one in kept["events"]] == [
        (one["hash"], one["at"], one["detail"]) for one in events
    ]
    assert all(json.loads(one["detailText"]) == one["detail"] for one in kept["events"])
    assert json.loads(lines["old-failed"][0])["job"]["errorJson"] == before["old-failed"]["error"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_nonce_is_not_written(old: World, retention: Command, tmp_path: Path) -> None:
    path = tmp_path / "purged.jsonl"
    nonces = [row[0] for row in old.superuser.execute('SELECT nonce FROM "RegenerationRun"').fetchall()]
    assert retention("purge", "--older-than", "90d", "--export", str(path), "--yes").returncode == 0
    assert nonces
    assert not [nonce for nonce in nonces if nonce in path.read_text()]


def test_what_is_left_holds_and_the_objects_of_the_purged_are_no_orphans(
    old: World, retention: Command, tmp_path: Path
) -> None:
    assert retention("purge", "--older-than", "90d", "--export", str(tmp_path / "f"), "--yes").returncode == 0
    report = old.regen.json("fsck", "--deep")
    assert (report["violations"], report["orphans"], report["jobs"]) == ([], [], 3)
    for command in (("show",), ("verify",), ("audit", "verify"), ("watch",)):
        done = old.regen(*command, "old-completed")
        assert (done.returncode, purged(old)["old-completed"] in done.stderr) == (3, True)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_the_deletion_it_goes_on(old: World, retention: Command, tmp_path: Path, when: str) -> None:
    path = tmp_path / "purged.jsonl"
    arguments = ("purge", "--older-than", "90d", "--export", str(path), "--yes")
    with retention.started(*arguments, program=f"WHEN = {when!r}\n{DIES_AT_DELETION}") as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert jobs(old) == (STAY if when == "after" else {"old-completed", "old-failed", *STAY})
    assert exported(path).keys() == {"old-completed", "old-failed"}
    answer = retention.json(*arguments)
    assert answer["purged"] == (0 if when == "after" else 2)
    assert jobs(old) == STAY
    for job_id, lines in exported(path).items():
        assert {sha256_hex(line) for line in lines} == {purged(old)[job_id]}


def test_a_torn_line_is_cut_off(old: World, retention: Command, tmp_path: Path) -> None:
    path = tmp_path / "purged.jsonl"
    path.write_bytes(b'{"job": {"id": "earlier"}}\n{"job": {"id": "to')
    done = retention("purge", "--older-than", "90d", "--export", str(path), "--yes")
    assert done.returncode == 0
    assert "removed 18 bytes of a line that an interrupted purge left incomplete" in done.stderr
    assert exported(path).keys() == {"earlier", "old-completed", "old-failed"}


def test_a_disk_that_is_full_keeps_the_jobs(old: World, retention: Command, tmp_path: Path) -> None:
    import resource

    path = tmp_path / "purged.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        done = retention("purge", "--older-than", "90d", "--export", str(path), "--yes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handled)
    assert done.returncode == 1
    assert "These jobs were not deleted" in done.stderr
    assert jobs(old) == {"old-completed", "old-failed", *STAY}
    assert retention.json("purge", "--older-than", "90d", "--export", str(path), "--yes")["purged"] == 2
    assert exported(path).keys() == {"old-completed", "old-failed"}


def test_more_than_a_page(world: World, retention: Command, tmp_path: Path) -> None:
    world.superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson") SELECT 'old' || n, '{"type": "document"}'
           FROM generate_series(1, 250) n"""
    )
    world.superuser.execute("SELECT count(*) FROM regen_claim_v1(250, NULL, NULL, NULL, '{document}')")
    world.superuser.execute(
        """SELECT regen_fail_v1(jsonb_agg(jsonb_build_object('id', id, 'condition', 'any', 'error',
               '{"classification": "lost", "retryable": true, "message": "gone", "detail": {}}'::jsonb)))
           FROM "RegenerationJob" """
    )
    world.behind_the_guards(LONG_AGO)
    path = tmp_path / "purged.jsonl"
    assert retention.json("purge", "--older-than", "90d", "--export", str(path), "--yes")["purged"] == 250
    assert len(exported(path)) == len(purged(world)) == 250
    assert jobs(world) == set()


@pytest.mark.parametrize("role", ["readonly_url", "api_url", "operator_url", "runner_url"])
def test_no_other_role_can_purge(old: World, tmp_path: Path, role: str) -> None:
    command = Command({"REGEN_DATABASE_URL": getattr(old.database, role)})
    done = command("purge", "--older-than", "90d", "--export", str(tmp_path / "f"), "--yes")
    assert done.returncode == 1
    assert "`regen purge` regen_retention" in done.stderr
    assert jobs(old) == {"old-completed", "old-failed", *STAY}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--older-than", "90"], "--older-than must be days or weeks such as 90d or 13w, not '90'"),
        (["--older-than", "0d"], "--older-than must be days or weeks"),
        (["--older-than", "90d", "--yes"], "--yes requires --export FILE"),
        (["--older-than", "90d", "--yes", "--export", "{folder}"], "--export: cannot write"),
        (["--older-than", "90d", "--yes", "--export", "{folder}/no/file"], "--export: cannot write"),
        (["--older-than", "90d", "--yes", "--export", "/dev/null"], "--export: /dev/null is not a regular file"),
    ],
)
def test_a_wrong_question(old: World, retention: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = retention("purge", *(one.format(folder=tmp_path) for one in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_two_purges_do_not_share_a_file(old: World, retention: Command, tmp_path: Path) -> None:
    path = tmp_path / "purged.jsonl"
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = retention("purge", "--older-than", "90d", "--export", str(path), "--yes")
    assert done.returncode == 1
    assert "another purge is writing to" in done.stderr


def test_a_row_of_another_table_that_refers_to_a_job_keeps_all_of_it(old: World, retention: Command, tmp_path: Path) -> None:
    old.superuser.execute('CREATE TABLE theirs (job text REFERENCES "RegenerationJob" (id))')
    old.superuser.execute("INSERT INTO theirs VALUES ('old-failed')")
    done = retention("purge", "--older-than", "90d", "--export", str(tmp_path / "f"), "--yes")
    assert done.returncode == 2
    assert "violates foreign key constraint" in done.stderr
    assert jobs(old) == {"old-completed", "old-failed", *STAY}
    with pytest.raises(psycopg.Error):
        old.superuser.execute('DELETE FROM "RegenerationJob"')
