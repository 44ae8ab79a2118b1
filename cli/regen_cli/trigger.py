"""``regen trigger``: a new job."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from regen_cli import follow
from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import JOB_FAILED, Unavailable
from regen_cli.jobs import Request
from regen_cli.objects import ObjectMissing, Objects
from regen_cli.printing import Format, FormatOption, emit, say
from regen_cli.shapes import job_shape
from regen_cli.showing import render_job
from regen_core.canonical import canonical_json
from regen_core.errors import DatabaseUnavailable, ValidationFailed
from regen_core.ids import new_job_id
from regen_core.instruction import parse_instruction
from regen_core.states import JobStatus
from regen_store.location import parse_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import Jobs

_INT_MAX: Final = 2**31 - 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def trigger(
    job_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="The executor's type, such as document.", show_default=False)
    ] = None,
    *,
    inputs: Annotated[
        str | None,
        typer.Option("--inputs", "-i", help="The inputs, a JSON object: @FILE, - for standard input, or the JSON itself."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            "-s",
            metavar="NAME=URI[#SHA256]",
            help="A file for the executor; may be repeated. Without a digest, s3:// and file:// are read here to find it.",
        ),
    ] = None,
    priority: Annotated[int, typer.Option("--priority", "-p", min=-_INT_MAX, max=_INT_MAX, help="Higher goes first.")] = 0,
    retry_of: Annotated[
        str | None,
        typer.Option("--retry-of", help="The ended job that this one tries again; without TYPE its instruction is taken."),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key with the same request makes one job, once.")
    ] = None,
    requested_by: Annotated[
        str | None,
        typer.Option(
            "--requested-by", help="Whom caps count; cli:<your user name> by default, over the API the token's subject."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the end; exit 4 if it is FAILED.")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", min=0, help="Seconds to wait at most; exit 6 then.")] = None,
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Ask for a job: make one PENDING row, and print its id.

    Needs a login with the role regen_api, or over the API an admin's token. The instruction is checked here first; the
    inputs are the executor's to judge.
    """
    with open_jobs(api_url) as jobs:
        instruction = _instruction(jobs, job_type, inputs, source or [], retry_of)
        request = Request(new_job_id(), instruction, priority, requested_by, idempotency_key, retry_of)
        job_id, made = jobs.insert(request)
        if not made:
            say(f"job {job_id} was made by the same request before")
        if not wait and output is Format.TABLE:
            typer.echo(job_id)
            return
        with _which_was_made(job_id):
            if wait:
                say(f"job {job_id}: waiting for its end")
                for _ in follow.until_ended(jobs, [job_id], timeout):
                    pass
            job = jobs.find(job_id)
    if output is Format.TABLE:
        render_job(job, None)
    else:
        emit(job_shape(job, None), output)
    if wait and job.status is JobStatus.FAILED:
        raise typer.Exit(JOB_FAILED)


@contextmanager
def _which_was_made(job_id: str) -> Iterator[None]:
    """Has an error name the job, so that nobody asks for it a second time."""
    try:
        yield
    except (DatabaseUnavailable, Unavailable) as error:
        raise type(error)(f"{error.message}; job {job_id} was made: `regen watch {job_id}` follows it") from error


def _instruction(jobs: Jobs, job_type: str | None, inputs: str | None, sources: Sequence[str], retry_of: str | None) -> Any:
    """The instruction to insert, checked.

    Raises:
        ValidationFailed: names the argument that is wrong.
        NotFound: there is no job to try again.
    """
    old = jobs.find(retry_of) if retry_of is not None else None
    if old is not None and not old.status.is_terminal:
        msg = f"--retry-of: expected a job that has ended, got {old.id}, which is {old.status}"
        raise ValidationFailed(msg)
    if job_type is None:
        if old is None or inputs is not None or sources:
            msg = "TYPE: expected an executor's type such as document; only --retry-of alone takes the old job's instruction"
            raise ValidationFailed(msg)
        parse_instruction(old.instruction)
        return old.instruction
    value: dict[str, Any] = {"type": job_type, "version": 1, "inputs": _inputs(inputs)}
    if sources:
        value["sources"] = [_source(text) for text in sources]
    parse_instruction(value)
    canonical_json(value)
    return value


def _inputs(text: str | None) -> Any:
    if text is None:
        return {}
    where, content = "--inputs", text
    if text == "-":
        where, content = "--inputs: standard input", _decoded("--inputs: standard input", sys.stdin.buffer.read())
    elif text.startswith("@"):
        where = f"--inputs: {text[1:]}"
        try:
            content = _decoded(where, Path(text[1:]).read_bytes())
        except OSError as error:
            raise ValidationFailed(f"{where}: expected a readable file, got: {error.strerror}") from error
    try:
        value = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ValidationFailed(f"{where}: expected a JSON object, got: {error}") from error
    if not isinstance(value, dict):
        raise ValidationFailed(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def _decoded(where: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationFailed(f"{where}: expected UTF-8, got: {error.reason} at byte {error.start}") from error


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"key {twice!r} is there twice"
        raise ValueError(msg)
    return value


def _source(text: str) -> dict[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name or not rest:
        raise ValidationFailed(f"--source: expected NAME=URI#SHA256, got {text!r}")
    uri, _, digest = rest.rpartition("#")
    if uri and _SHA256.fullmatch(digest):
        return {"name": name, "uri": uri, "sha256": digest}
    location = parse_location(rest)
    if location is None:
        msg = (
            f"--source {name}: expected the file's SHA-256 after #, 64 lower-case hex digits, since only s3:// and file:// "
            "are read here"
        )
        raise ValidationFailed(msg)
    try:
        sha256 = str(Objects(os.environ).measure(location).sha256)
    except ObjectMissing as error:
        raise ValidationFailed(f"--source {name}: {error.message}") from error
    say(f"--source {name}: took the digest of what lies there now, {sha256}")
    return {"name": name, "uri": rest, "sha256": sha256}
