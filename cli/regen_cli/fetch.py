"""``regen output``: download a job's outputs and check their digests."""

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
from regen_cli.exits import NotFound, VerificationFailed
from regen_cli.objects import BLOCK
from regen_cli.printing import Format, FormatOption, emit, size
from regen_cli.showing import JobArgument  # noqa: TC001 - typer reads the annotation
from regen_core.errors import RegenError, ValidationFailed
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME, is_artifact_name
from regen_core.states import JobStatus
from regen_store.errors import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import Jobs
    from regen_core.manifest import OutputRow
    from regen_verify import JobRecord


def output(
    job_id: JobArgument,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The output to download; all outputs if omitted.", show_default=False)
    ] = None,
    *,
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Existing folder to write the files to, under their own names.")
    ] = Path(),
    to: Annotated[str | None, typer.Option("--to", help="File to write the one output to; - for standard output.")] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also download the manifest and the provenance, for `regen verify --offline`.")
    ] = False,
    form: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Download a job's outputs.

    Each file is written to a temporary file, its SHA-256 compared with the database's, and only then given its name.
    Existing files are never overwritten.
    """
    if to is not None and name is None:
        msg = "--to requires the NAME of one output."
        raise ValidationFailed(msg)
    if evidence and (to is not None or name is not None):
        msg = "--evidence downloads all outputs. Omit NAME and --to."
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
        msg = f"job {job.id} is {job.status}. Only COMPLETED jobs have outputs."
        raise NotFound(msg)
    found = [one for one in job.outputs if name is None or one.name == name]
    if not found:
        names = ", ".join(one.name for one in job.outputs) or "none"
        msg = f"job {job.id} has no output {name}. Its outputs: {names}." if name else f"job {job.id} has no outputs."
        raise NotFound(msg)
    return found


def _evidence(jobs: Jobs, job: JobRecord) -> Sequence[OutputRow]:
    """Return manifest and provenance, which have no database row, as they are in the store now. ``verify`` checks them.

    Raises:
        VerificationFailed: one of them is missing.
    """
    try:
        return jobs.evidence(job)
    except ObjectMissing as error:
        raise VerificationFailed(f"job {job.id}: {error.message}") from error


def _file_name(name: str) -> str:
    if not is_artifact_name(name) and name not in {MANIFEST_NAME, PROVENANCE_NAME}:
        msg = f"output {name!a} is not a plain file name. Pass --to to choose one."
        raise VerificationFailed(msg)
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
            os.link(draft, target, follow_symlinks=False)  # fails if the file was created in the meantime
        except FileExistsError as error:
            raise _taken(target) from error


@contextmanager
def _draft(target: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a temporary file in the target's folder, removed at the end."""
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as file:
            umask = os.umask(0)
            os.umask(umask)
            os.fchmod(file.fileno(), 0o666 & ~umask)
            yield file, file.name  # type: ignore[misc] # the wrapper behaves as a binary file
    except OSError as error:
        msg = f"cannot write {target}: {error.strerror or error}"
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
        raise VerificationFailed(f"output {one.name}: {error.message}") from error
    if (count, digest.hexdigest()) != (one.size_bytes, one.sha256):
        found = "more bytes" if count > one.size_bytes else f"{count} bytes with SHA-256 {digest.hexdigest()}"
        recorded = f"{one.size_bytes} bytes with SHA-256 {one.sha256}"
        msg = f"output {one.name}: {one.ref} has {found}, but the database recorded {recorded}"
        raise VerificationFailed(msg)


def _taken(target: Path) -> RegenError:
    return RegenError(f"{target} already exists. Nothing was overwritten.")
