"""``regen logs``: print the executor log stored beside a job's outputs."""

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
    tail: Annotated[int | None, typer.Option("--tail", min=1, help="Only the last N lines.", show_default=False)] = None,
    api_url: ApiUrlOption = None,
) -> None:
    """Print a job's executor log, also of a failed job.

    The log is stored when the job ends: only start and end of a long one, with secrets removed. While the job runs, or if
    its pod was killed, only the cluster has the log.
    """
    with open_jobs(api_url) as jobs:
        job = jobs.find(job_id)
        kept = jobs.log(job)
    if kept is None:
        raise NotFound(f"job {job.id} has no stored log: {_why_none(job)}")
    lines = kept.decode("utf-8", "replace").splitlines()
    for line in lines if tail is None else lines[-tail:]:
        typer.echo(printable(line.replace("\t", "    ")))


def _why_none(job: JobRecord) -> str:
    if not job.status.is_terminal:
        namespace = os.environ.get("REGEN_RUNNER_NAMESPACE") or "regen-runs"
        return f"it is {job.status}. Run kubectl -n {namespace} logs job/{job_name(job.id)} --all-containers"
    return "its executor wrote nothing, or its pod ended before the log could be stored"
