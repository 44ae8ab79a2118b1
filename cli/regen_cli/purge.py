"""``regen purge``: export the rows of jobs that ended long ago to a file, then delete them.

A page of jobs is read, written and synced before regen_purge_v1 deletes it and records the deletion. After an
interruption the next run continues: every deleted job is in the file, and a job that is in the file twice has equal lines,
since rows of ended jobs never change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from psycopg.types.json import Jsonb

from regen_cli.database import Database
from regen_cli.findings import progress
from regen_cli.printing import Format, FormatOption, emit, moment, say, stamp
from regen_cli.purge_export import Export
from regen_core.canonical import sha256_hex
from regen_core.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS_PER_PAGE: Final = 100
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([dw])")
_UNITS: Final = {"d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(slots=True)
class Purged:
    """The result of a purge. ``refused`` jobs changed between the read and the deletion; the next run takes them."""

    jobs: int = 0
    refused: list[str] = field(default_factory=list)


def purge(
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Minimum time since the job's end, in days or weeks, such as 90d or 13w.")
    ],
    export: Annotated[
        Path | None,
        typer.Option("--export", help="File to write the rows to before deleting them, as JSON Lines; appends if it exists."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete. Without this option, only print what would be deleted.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Export the rows of COMPLETED and FAILED jobs that ended long ago to a file, then delete them.

    Deletes all rows of a job together: the job, its fence, outputs, audit events and its plan's generation. The database
    keeps a record of each purged job, and its id and idempotency key cannot be used again. Objects in the store are not
    touched. Needs a login with the role regen_retention. If interrupted, run it again to continue.
    """
    age = _age(older_than)
    if yes and export is None:
        msg = "--yes requires --export FILE: rows are written there before they are deleted."
        raise ValidationFailed(msg)
    with Database.from_environment() as database:
        [(before,)] = database.named("purge_before", {"seconds": age.total_seconds()})
        retention = _Retention(database, before)
        counts, done = retention.counts(), None
        if yes and export is not None:
            with Export(export) as file, progress("jobs purged") as count:
                done = Purged()
                for page in retention.pages():
                    one = retention.purge(file, page)
                    done.jobs += one.jobs
                    done.refused += one.refused
                    count(one.jobs)
    if output is Format.TABLE:
        _tell(counts, before, done, export)
    else:
        emit(_shape(counts, before, done, export), output)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        msg = f"--older-than must be days or weeks such as 90d or 13w, not {text!r}."
        raise ValidationFailed(msg)
    return int(found.group(1)) * _UNITS[found.group(2)]


@dataclass(frozen=True, slots=True)
class _Retention:
    """The statements for jobs that ended before a given time."""

    database: Database
    before: datetime

    def counts(self) -> list[tuple[Any, ...]]:
        """Return per status the number of jobs and when the first ended."""
        return self._read("purge_count", {"before": self.before})

    def pages(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield pages of (id, end, number of events, line), by end."""
        parameters: dict[str, Any] = {"before": self.before, "after_at": None, "after_id": "", "limit": JOBS_PER_PAGE}
        while page := self._read("purge_page", parameters):
            yield page
            parameters |= {"after_id": page[-1][0], "after_at": page[-1][1]}

    def purge(self, file: Export, page: list[tuple[Any, ...]]) -> Purged:
        """Write a page to the file and delete its rows."""
        lines = {job_id: line.encode() for job_id, _, _, line in page}
        file.append(lines.values())
        jobs = [{"id": job_id, "sha256": sha256_hex(lines[job_id]), "events": events} for job_id, _, events, _ in page]
        parameters = {"jobs": Jsonb(jobs), "before": self.before}
        outcomes = self.database.write("purge", parameters)
        refused = [job_id for job_id, outcome in outcomes if outcome == "refused"]
        return Purged(sum(outcome == "purged" for _, outcome in outcomes), refused)

    def _read(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.database.named(name, parameters)


def _tell(counts: list[tuple[Any, ...]], before: datetime, done: Purged | None, export: Path | None) -> None:
    found = ", ".join(f"{count} {status}" for status, count, _, _ in counts) or "none"
    typer.echo(f"jobs that ended before {moment(before)}: {found}")
    if counts:
        typer.echo(f"the first ended at {moment(min(first for _, _, first, _ in counts))}")
    if done is None:
        typer.echo("nothing was deleted. Pass --yes --export FILE to delete.")
        return
    typer.echo(f"purged: {done.jobs}, written to {export}")
    if done.refused:
        ids = ", ".join(done.refused)
        say(f"{len(done.refused)} jobs got another audit event in the meantime and were kept for the next run: {ids}")


def _shape(counts: list[tuple[Any, ...]], before: datetime, done: Purged | None, export: Path | None) -> dict[str, Any]:
    return {
        "before": stamp(before),
        "found": {status: count for status, count, _, _ in counts},
        "dryRun": done is None,
        "purged": 0 if done is None else done.jobs,
        "refused": [] if done is None else done.refused,
        "export": None if done is None else str(export),
    }
