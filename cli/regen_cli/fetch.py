"""``regen output``: what came out of a job, checked against its digest before it gets its name."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import DoesNotHold, NotFound
from regen_cli.objects import BLOCK, ObjectMissing
from regen_cli.printing import Format, FormatOption, emit, size
from regen_cli.showing import JobArgument  # noqa: TC001 - typer reads the annotation
from regen_core.errors import RegenError, ValidationFailed
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME, is_artifact_name
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import Jobs
    from regen_core.manifest import OutputRow
    from regen_verify import JobRecord


def output(
    job_id: JobArgument,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of one output; all of them without it.", show_default=False)
    ] = None,
    *,
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Where the files go, under their own names; it must exist.")
    ] = Path(),
    to: Annotated[str | None, typer.Option("--to", help="Another name for the one file; - writes to standard output.")] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also the manifest and the provenance, for `regen verify --offline`.")
    ] = False,
    form: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Download a job's outputs.

    Each file is read into a draft, its SHA-256 compared with the database's, and only then given its name.
    Nothing is ever overwritten.
    """
    if to is not None and name is None:
        msg = "--to: expected the NAME of one output beside it, got none"
        raise ValidationFailed(msg)
    if evidence and (to is not None or name is not None):
        msg = "--evidence: expected all outputs, which manifest and provenance are about, got one NAME"
        raise ValidationFailed(msg)
    with open_jobs(api_url) as jobs:
        job = jobs.find(job_id)
        wanted = _wanted(job, name)
        if evidence:
            wanted = [*wanted, *_evidence(jobs, job)]
        if to == "-":
            _to_stdout(jobs, job, wanted[0])
            return
        targets = [Path(to) if to is not None else directory / _file_name(one.name) for one in wanted]
        for target in targets:
            if target.exists() or target.is_symlink():
                raise _taken(target)
        for one, target in zip(wanted, targets, strict=True):
            _download(jobs, job, one, target)
            if form is Format.TABLE:
                typer.echo(f"{target}  {size(one.size_bytes)}  sha256 {one.sha256}")
    if form is not Format.TABLE:
        files = zip(wanted, targets, strict=True)
        emit({"items": [one.as_json() | {"path": str(target)} for one, target in files]}, form)


def _wanted(job: JobRecord, name: str | None) -> Sequence[OutputRow]:
    if job.status is not JobStatus.COMPLETED:
        msg = f"job {job.id}: expected a COMPLETED job, which alone has outputs, got {job.status}"
        raise NotFound(msg)
    found = [one for one in job.outputs if name is None or one.name == name]
    if not found:
        names = ", ".join(one.name for one in job.outputs) or "none"
        msg = f"job {job.id}: expected an output {name or 'of any name'}, got {names}"
        raise NotFound(msg)
    return found


def _evidence(jobs: Jobs, job: JobRecord) -> Sequence[OutputRow]:
    """Manifest and provenance, which have no row: what lies there now, for ``verify`` to judge.

    Raises:
        DoesNotHold: one of them is not there.
    """
    try:
        return jobs.evidence(job)
    except ObjectMissing as error:
        raise DoesNotHold(f"job {job.id}: {error.message}") from error


def _file_name(name: str) -> str:
    if not is_artifact_name(name) and name not in {MANIFEST_NAME, PROVENANCE_NAME}:
        msg = f"output {name!a}: expected a plain file name; --to names the file"
        raise DoesNotHold(msg)
    return name


def _to_stdout(jobs: Jobs, job: JobRecord, one: OutputRow) -> None:
    with tempfile.TemporaryFile() as draft:
        _fill(jobs, job, one, draft)
        draft.seek(0)
        shutil.copyfileobj(draft, sys.stdout.buffer, BLOCK)
        sys.stdout.buffer.flush()


def _download(jobs: Jobs, job: JobRecord, one: OutputRow, target: Path) -> None:
    with _draft(target) as (file, draft):
        _fill(jobs, job, one, file)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(draft, target, follow_symlinks=False)  # fails where the name is taken meanwhile
        except FileExistsError as error:
            raise _taken(target) from error


@contextmanager
def _draft(target: Path) -> Iterator[tuple[BinaryIO, str]]:
    """A file beside the target, gone at the end."""
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as file:
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(file.fileno(), 0o666 & ~umask)
            yield file, file.name  # type: ignore[misc] # the wrapper behaves as a binary file
    except OSError as error:
        msg = f"{target}: expected a folder that can be written to, got: {error.strerror or error}"
        raise RegenError(msg) from error


def _fill(jobs: Jobs, job: JobRecord, one: OutputRow, file: BinaryIO) -> None:
    digest, count = hashlib.sha256(), 0
    try:
        with jobs.stream(job, one) as blocks:
            for block in blocks:
                digest.update(block)
                count += len(block)
                if count > one.size_bytes:
                    break
                file.write(block)
    except ObjectMissing as error:
        raise DoesNotHold(f"output {one.name}: {error.message}") from error
    if (count, digest.hexdigest()) != (one.size_bytes, one.sha256):
        more = "more" if count > one.size_bytes else f"{count} bytes with SHA-256 {digest.hexdigest()}"
        msg = f"output {one.name}: expected {one.size_bytes} bytes with SHA-256 {one.sha256} at {one.ref}, got {more}"
        raise DoesNotHold(msg)


def _taken(target: Path) -> RegenError:
    return RegenError(f"{target}: expected no file of that name, got one; nothing was overwritten")
