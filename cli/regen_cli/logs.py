"""``regen logs``: what a job's executor wrote, kept in the store beside its outputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import NotFound
from regen_cli.printing import printable
from regen_cli.showing import JobArgument  # noqa: TC001 - typer reads the annotation
from regen_core.names import job_name

if TYPE_CHECKING:
    from regen_verify import JobRecord


def logs(
    job_id: JobArgument,
    *,
    tail: Annotated[int | None, typer.Option("--tail", min=1, help="The last so many lines alone.", show_default=False)] = None,
    api_url: ApiUrlOption = None,
) -> None:
    """Print what a job's executor wrote, of a failed job too.

    It is kept when the job ends: both ends of it where it is long, without what looks like a secret. While the job
    runs, and where its whole pod was killed, only the cluster has it.
    """
    with open_jobs(api_url) as jobs:
        job = jobs.find(job_id)
        kept = jobs.log(job)
    if kept is None:
        raise NotFound(f"job {job.id}: expected a kept log, got none; {_why_none(job)}")
    lines = kept.decode("utf-8", "replace").splitlines()
    for line in lines if tail is None else lines[-tail:]:
        typer.echo(printable(line.replace("\t", "    ")))


def _why_none(job: JobRecord) -> str:
    if not job.status.is_terminal:
        namespace = os.environ.get("REGEN_RUNNER_NAMESPACE") or "regen-runs"
        return f"it is {job.status}: kubectl -n {namespace} logs job/{job_name(job.id)} --all-containers"
    return "its executor wrote nothing, or its pod ended before it could be kept"
