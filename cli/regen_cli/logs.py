"""``regen logs``: what a job's executor wrote, kept in the store beside its outputs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from regen_cli import jobs
from regen_cli.database import Database
from regen_cli.exits import NotFound
from regen_cli.objects import ObjectMissing, Objects, output_location
from regen_cli.printing import printable
from regen_cli.showing import JobArgument  # noqa: TC001 - typer reads the annotation
from regen_core.errors import SettingsInvalid
from regen_core.location import is_key, parse_location
from regen_core.names import LOG_NAME, MANIFEST_NAME, artifact_key, job_name

if TYPE_CHECKING:
    from regen_core.invariants import JobRecord
    from regen_core.location import Location

MAX_BYTES: Final = 4 << 20
"""publish keeps less; an object that is larger is none of its."""


def logs(
    job_id: JobArgument,
    *,
    tail: Annotated[int | None, typer.Option("--tail", min=1, help="The last so many lines alone.", show_default=False)] = None,
) -> None:
    """Print what a job's executor wrote, of a failed job too.

    It is kept when the job ends: both ends of it where it is long, without what looks like a secret. While the job
    runs, and where its whole pod was killed, only the cluster has it.
    """
    with Database.from_environment() as database:
        job = jobs.find(database, job_id)
    try:
        with Objects(os.environ).open(_place(job)) as stream:
            text = stream.read(MAX_BYTES).decode("utf-8", "replace")
    except ObjectMissing as error:
        raise NotFound(f"job {job.id}: expected a kept log, got none; {_why_none(job)}") from error
    lines = text.splitlines()
    for line in lines if tail is None else lines[-tail:]:
        typer.echo(printable(line.replace("\t", "    ")))


def _place(job: JobRecord) -> Location:
    """Beside the manifest, which a COMPLETED job names; else beneath REGEN_OUTPUT_URL."""
    manifest = parse_location(job.output_ref or "")
    if manifest is not None:
        return replace(manifest, path=manifest.path.removesuffix(MANIFEST_NAME) + LOG_NAME)
    root = output_location(os.environ)
    if root is None:
        msg = (
            "REGEN_OUTPUT_URL: expected s3://bucket/prefix or file:///absolute/folder, since this job names no store; got none"
        )
        raise SettingsInvalid(msg)
    key = artifact_key(job.type or "", job.id, LOG_NAME)
    if not is_key(key):
        msg = f"job {job.id}: expected a kept log, got a job whose type or id can have none"
        raise NotFound(msg)
    return root.beneath(key)


def _why_none(job: JobRecord) -> str:
    if not job.status.is_terminal:
        namespace = os.environ.get("REGEN_RUNNER_NAMESPACE") or "regen-runs"
        return f"it is {job.status}: kubectl -n {namespace} logs job/{job_name(job.id)} --all-containers"
    return "its executor wrote nothing, or its pod ended before it could be kept"
