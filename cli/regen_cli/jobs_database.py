"""Jobs through the database and the store."""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from regen_cli.exits import NotFound, followed_by
from regen_cli.jobs import EVIDENCE, MAX_LOG_BYTES, JobLine, Page, Waiting, no_such_job, repeat_with, reused_key
from regen_cli.objects import BLOCK, Objects, located, output_location, sibling
from regen_cli.printing import moment
from regen_cli.stored import with_objects
from regen_core.errors import DatabaseUnavailable, SettingsInvalid, ValidationFailed
from regen_core.manifest import OutputRow
from regen_core.names import LOG_NAME, MANIFEST_NAME, artifact_key
from regen_core.states import JobStatus
from regen_store.errors import ObjectMissing
from regen_store.location import is_key, parse_location
from regen_verify.gather import snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from regen_cli.database import Database
    from regen_cli.jobs import Request, Wanted
    from regen_store.location import Location
    from regen_verify import JobRecord, Snapshot


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page. The next page starts after it."""

    created_at: datetime
    job_id: str

    def __str__(self) -> str:
        return f"{self.created_at.isoformat(timespec='milliseconds')}/{self.job_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parse a cursor that ``str`` wrote.

        Raises:
            ValidationFailed: the text is not a cursor.
        """
        at, slash, job_id = text.partition("/")
        try:
            created_at = datetime.fromisoformat(at)
        except ValueError:
            created_at = None
        if created_at is None or created_at.tzinfo is not None or not slash or not job_id:
            msg = f"--cursor must come from an earlier page, such as 2026-01-31T12:00:00.000/<id>, not {text!r}."
            raise ValidationFailed(msg)
        return cls(created_at, job_id)


class DatabaseJobs:
    """See ``jobs.Jobs``.

    Args:
        database: entered.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._objects = Objects(os.environ)

    def find(self, job_id: str) -> JobRecord:
        return self._snapshot(job_id).jobs[0]

    def waiting(self, job_id: str) -> Waiting | None:
        rows = self._database.named("waiting", {"ids": [job_id]})
        return Waiting(*rows[0][1:]) if rows else None

    def page(self, wanted: Wanted, limit: int) -> Page:
        cursor = Cursor.parse(wanted.cursor) if wanted.cursor is not None else None
        parameters = {
            "statuses": [str(status) for status in wanted.statuses] or None,
            "type": wanted.type,
            "requester": wanted.requester,
            "before_at": cursor.created_at if cursor else None,
            "before_id": cursor.job_id if cursor else None,
            "limit": limit + 1,
        }
        found = [_line(row) for row in self._database.named("page", parameters)]
        lines = found[:limit]
        return Page(lines, str(Cursor(lines[-1].created_at, lines[-1].id)) if len(found) > limit else None)

    def lines(self, ids: Collection[str]) -> list[JobLine]:
        return [_line(row) for row in self._database.named("states", {"ids": list(ids)})]

    def current(self, limit: int) -> list[JobLine]:
        return [_line(row) for row in self._database.named("current", {"limit": limit})]

    def insert(self, request: Request) -> tuple[str, bool]:
        """See ``Jobs``. The job gets the request's id."""
        parameters = {
            "id": request.job_id,
            "instruction": Jsonb(request.instruction),
            "priority": request.priority,
            "requested_by": request.requested_by or _me(),
            "key": request.key,
            "retry_of": request.retry_of,
        }
        try:
            rows = self._database.write("insert", parameters)
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(followed_by(error.message, _may_exist(request))) from error
        if rows:
            return str(rows[0][0]), True
        # The conflicting row is committed, and rows are never deleted so soon.
        [(job_id, same)] = self._database.named("by_key", parameters)
        if not same:
            raise reused_key(request.key, f"job {job_id}, which has another instruction, priority or retryOf")
        return str(job_id), False

    def listen(self) -> None:
        self._database.listen()

    def pause(self, count: int) -> float:
        """See ``Jobs``. One statement reads any number of jobs."""
        del count
        return 1.0

    def wait(self, seconds: float) -> None:
        self._database.wait(seconds)

    @contextmanager
    def stream(self, job: JobRecord, output: OutputRow) -> Iterator[Iterator[bytes]]:
        del job
        with self._objects.open(located(output.ref)) as file:
            yield iter(lambda: file.read(BLOCK), b"")

    def log(self, job: JobRecord) -> bytes | None:
        try:
            with self._objects.open(_log_location(job)) as stream:
                return stream.read(MAX_LOG_BYTES)
        except ObjectMissing:
            return None

    def evidence(self, job: JobRecord) -> list[OutputRow]:
        at_manifest = located(job.output_ref or "")
        rows = []
        for name, media_type in EVIDENCE.items():
            at = sibling(at_manifest, name)
            found = self._objects.measure(at)
            rows.append(OutputRow(name, at.url, found.sha256 or "", found.size_bytes, media_type))
        return rows

    def proof(self, job_id: str, judge: Callable[[JobRecord], None]) -> Snapshot:
        snapshot = self._snapshot(job_id)
        judge(snapshot.jobs[0])
        return with_objects(snapshot, self._objects, deep=True)

    def _snapshot(self, job_id: str) -> Snapshot:
        for snapshot in snapshots(self._database.read, ids=[job_id], instructions=True):
            return snapshot
        raise absent(self._database, job_id)


def absent(database: Database, job_id: str) -> NotFound:
    """Return the error for an id without a row. It says when the job was purged, if it was."""
    for at, who, sha256 in database.named("purged", {"job_id": job_id}):
        message = f"job {job_id} was purged by {who} at {moment(at)}. Its line in the export has SHA-256 {sha256}."
        return NotFound(message)
    return no_such_job(job_id)


def _may_exist(request: Request) -> str:
    """Say how to find out whether an insert without a response created the job."""
    if request.key is not None:
        return repeat_with(request.key)
    return f"Job {request.job_id} may have been created: run `regen show {request.job_id}` before you create another."


def _log_location(job: JobRecord) -> Location:
    """Return the log's location: beside the manifest of a COMPLETED job, else beneath REGEN_OUTPUT_URL."""
    manifest = parse_location(job.output_ref or "")
    if manifest is not None:
        return replace(manifest, path=manifest.path.removesuffix(MANIFEST_NAME) + LOG_NAME)
    root = output_location(os.environ)
    if root is None:
        msg = (
            "REGEN_OUTPUT_URL is not set, and this job names no store. Set it to s3://bucket/prefix or file:///absolute/folder."
        )
        raise SettingsInvalid(msg)
    key = artifact_key(job.type or "", job.id, LOG_NAME)
    if not is_key(key):
        msg = f"job {job.id} has no stored log: its type or id cannot be part of a key"
        raise NotFound(msg)
    return root.beneath(key)


def _line(row: tuple[Any, ...]) -> JobLine:
    return JobLine(row[0], row[1], JobStatus(row[2]), *row[3:10])


def _me() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # no user name, as in a container
        return "cli"
