"""``regen trigger``: create a job."""

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
from regen_cli.exits import JOB_FAILED, Unavailable, followed_by
from regen_cli.jobs import Request
from regen_cli.objects import Objects
from regen_cli.printing import Format, FormatOption, emit, say
from regen_cli.shapes import job_shape
from regen_cli.showing import render_job
from regen_core.canonical import canonical_json
from regen_core.errors import DatabaseUnavailable, ValidationFailed
from regen_core.ids import new_job_id
from regen_core.instruction import parse_instruction
from regen_core.states import JobStatus
from regen_store.errors import ObjectMissing
from regen_store.location import parse_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import Jobs

_INT_MAX: Final = 2**31 - 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def trigger(
    job_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="Job type, such as document.", show_default=False)
    ] = None,
    *,
    inputs: Annotated[
        str | None,
        typer.Option("--inputs", "-i", help="Inputs as a JSON object: the JSON itself, @FILE, or - for standard input."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            "-s",
            metavar="NAME=URI[#SHA256]",
            help="A file for the executor; can be repeated. Without a digest, s3:// and file:// are read here to compute it.",
        ),
    ] = None,
    priority: Annotated[int, typer.Option("--priority", "-p", min=-_INT_MAX, max=_INT_MAX, help="Higher runs first.")] = 0,
    retry_of: Annotated[
        str | None,
        typer.Option("--retry-of", help="The ended job to retry. Without TYPE, its instruction is used."),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Repeating a request with the same key creates no second job.")
    ] = None,
    requested_by: Annotated[
        str | None,
        typer.Option(
            "--requested-by", help="Requester that caps count; default cli:<user name>, through the API the token's subject."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until the job ends; exit 4 if it FAILED.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Seconds to wait before giving up with exit 6.")
    ] = None,
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Create a PENDING job and print its id.

    Needs a database login with the role regen_api, or an admin's token for the API. The command checks the instruction's
    format; the executor validates the inputs.
    """
    with open_jobs(api_url) as jobs:
        instruction = _instruction(jobs, job_type, inputs, source or [], retry_of)
        request = Request(new_job_id(), instruction, priority, requested_by, idempotency_key, retry_of)
        job_id, made = jobs.insert(request)
        if not made:
            say(f"job {job_id} already exists: an earlier request with this key created it")
        if not wait and output is Format.TABLE:
            typer.echo(job_id)
            return
        with _names_created_job(job_id):
            if wait:
                say(f"waiting for job {job_id} to end")
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
def _names_created_job(job_id: str) -> Iterator[None]:
    """Add the created job to an error, so that the user does not create it again."""
    try:
        yield
    except (DatabaseUnavailable, Unavailable) as error:
        raise type(error)(
            followed_by(error.message, f"Job {job_id} was created: `regen watch {job_id}` follows it.")
        ) from error


def _instruction(jobs: Jobs, job_type: str | None, inputs: str | None, sources: Sequence[str], retry_of: str | None) -> Any:
    """Return the validated instruction.

    Raises:
        ValidationFailed: an argument is invalid; the message names it.
        NotFound: the job to retry does not exist.
    """
    old = jobs.find(retry_of) if retry_of is not None else None
    if old is not None and not old.status.is_terminal:
        msg = f"--retry-of: job {old.id} is {old.status}. Only a job that has ended can be retried."
        raise ValidationFailed(msg)
    if job_type is None:
        if old is None or inputs is not None or sources:
            msg = "TYPE is missing. Pass a job type such as document, or only --retry-of to use the old job's instruction."
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
            raise ValidationFailed(f"{where}: cannot read the file: {error.strerror}") from error
    try:
        value = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ValidationFailed(f"{where}: not a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise ValidationFailed(f"{where}: not a JSON object but {type(value).__name__}")
    return value


def _decoded(where: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationFailed(f"{where}: not UTF-8: {error.reason} at byte {error.start}") from error


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"key {twice!r} occurs twice"
        raise ValueError(msg)
    return value


def _source(text: str) -> dict[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name or not rest:
        raise ValidationFailed(f"--source must be NAME=URI or NAME=URI#SHA256, not {text!r}.")
    uri, _, digest = rest.rpartition("#")
    if uri and _SHA256.fullmatch(digest):
        return {"name": name, "uri": uri, "sha256": digest}
    location = parse_location(rest)
    if location is None:
        msg = (
            f"--source {name}: the SHA-256 digest is missing. Append # and 64 lower-case hex digits; only the "
            "digest of s3:// and file:// URLs can be computed here."
        )
        raise ValidationFailed(msg)
    try:
        sha256 = str(Objects(os.environ).measure(location).sha256)
    except ObjectMissing as error:
        raise ValidationFailed(f"--source {name}: {error.message}") from error
    say(f"--source {name}: using the digest of the current file, {sha256}")
    return {"name": name, "uri": rest, "sha256": sha256}
