"""``regen fsck``: check every invariant of a running system. Read-only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regen_cli.cluster import cluster_objects
from regen_cli.database import Database
from regen_cli.exits import VIOLATION
from regen_cli.findings import print_violations, progress
from regen_cli.objects import Objects, output_location
from regen_cli.printing import Format, FormatOption, emit, printable
from regen_cli.shapes import violation_shape
from regen_cli.stored import orphans, with_objects
from regen_verify import ClusterObject, Limits, Snapshot, Violation, check
from regen_verify.gather import clock, jobs_without_row, snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_store.location import Location

DEFAULT_OVERDUE = int(Limits().overdue_after.total_seconds())
_IDS_PER_BATCH = 500


@dataclass(slots=True)
class Report:
    """What was checked, and the violations found. ``store`` and ``cluster`` are None if not checked.

    ``orphans`` are not violations: a pod can be killed between its upload and its report.
    """

    form: Format
    jobs: int = 0
    outputs: int = 0
    store: str | None = None
    cluster: str | None = None
    violations: list[Violation] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    def add(self, found: list[Violation]) -> None:
        """Add violations. Print them at once in table format."""
        self.violations += found
        if self.form is Format.TABLE:
            print_violations(found)

    def shape(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "jobs": self.jobs,
            "outputs": self.outputs,
            "store": self.store,
            "cluster": self.cluster,
            "violations": [violation_shape(one) for one in self.violations],
            "orphans": self.orphans,
        }


def fsck(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object and compare its digest, not only its size.")] = False,
    store: Annotated[bool, typer.Option("--store/--no-store", help="Check the store that REGEN_OUTPUT_URL names.")] = True,
    cluster: Annotated[
        bool, typer.Option("--cluster/--no-cluster", help="Check the cluster that KUBECONFIG names, through kubectl.")
    ] = True,
    overdue_after: Annotated[
        int, typer.Option("--overdue-after", min=1, help="Seconds after its claim by which a job must have ended.")
    ] = DEFAULT_OVERDUE,
    output: FormatOption = Format.TABLE,
) -> None:
    """Check every invariant of a live system.

    Checks rows, fences, outputs, the audit trail, the objects in the store, and regen's objects in the cluster. Changes
    nothing. Exits 5 if there are violations, and says what to do about each. Objects that belong to no output are
    listed as orphans: they are not violations, and regen never deletes them.
    """
    root = output_location(os.environ) if store else None
    limits = Limits(overdue_after=timedelta(seconds=overdue_after))
    report = Report(output)
    with Database.from_environment() as database:
        objects = Objects(os.environ) if root is not None else None
        _look_at_jobs(report, database, objects, limits, deep=deep)
        _look_at_trail(report, database)
        if root is not None and objects is not None:
            report.store = f"{root.url} ({'every byte' if deep else 'presence and size'})"
            _look_at_store(report, database, objects, root)
        if cluster and os.environ.get("KUBECONFIG"):
            _look_at_cluster(report, database, limits)
    if output is Format.TABLE:
        _summarise(report)
    else:
        emit(report.shape(), output)
    if report.violations:
        raise typer.Exit(VIOLATION)


def _look_at_jobs(report: Report, database: Database, objects: Objects | None, limits: Limits, *, deep: bool) -> None:
    with progress("jobs checked") as count:
        for snapshot in snapshots(database.read, instructions=deep and objects is not None, limits=limits):
            report.add(check(snapshot if objects is None else with_objects(snapshot, objects, deep=deep)))
            report.jobs += len(snapshot.jobs)
            report.outputs += sum(len(job.outputs) for job in snapshot.jobs)
            count(len(snapshot.jobs))


def _look_at_trail(report: Report, database: Database) -> None:
    with progress("pages of the audit trail checked") as count:
        for snapshot in jobs_without_row(database.read):
            report.add(check(snapshot))
            count(1)


def _look_at_store(report: Report, database: Database, objects: Objects, root: Location) -> None:
    with progress("orphaned objects found") as count:
        for found in orphans(database, objects, root):
            report.orphans += found
            count(len(found))


def _look_at_cluster(report: Report, database: Database, limits: Limits) -> None:
    found = cluster_objects(os.environ)
    report.cluster = f"{len(found)} objects"
    for snapshot in _cluster_snapshots(database, found, limits):
        report.add(check(snapshot, checks=()))


def _cluster_snapshots(database: Database, found: Sequence[ClusterObject], limits: Limits) -> Iterator[Snapshot]:
    """Yield the objects with their jobs' rows. The rows are read last, since a row outlives its objects by a day at least."""
    ids = sorted({one.job_id for one in found})
    for start in range(0, len(ids), _IDS_PER_BATCH):
        some = frozenset(ids[start : start + _IDS_PER_BATCH])
        here = tuple(one for one in found if one.job_id in some)
        rows = [job for part in snapshots(database.read, ids=some) for job in part.jobs]
        missing = some - {job.id for job in rows}
        yield Snapshot(clock(database.read), tuple(rows), missing=missing, cluster=here, limits=limits)


def _summarise(report: Report) -> None:
    for ref in report.orphans:
        typer.echo(printable(f"orphan {ref}"))
    typer.echo(f"jobs: {report.jobs}, outputs: {report.outputs}")
    typer.echo(f"store: {report.store or 'not checked (set REGEN_OUTPUT_URL)'}")
    typer.echo(f"cluster: {report.cluster or 'not checked (set KUBECONFIG)'}")
    if report.orphans:
        typer.echo(f"orphans: {len(report.orphans)} objects that belong to no output; not a violation, safe to delete")
    typer.echo(f"violations: {len(report.violations) or 'none'}")
