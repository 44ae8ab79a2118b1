"""Fetches the sources of an instruction and checks their digests, before the executor starts (docs/contract.md#instruction).

An instruction may come from anyone who may trigger a job, so an address in it must not reach what only this pod can reach:
link-local addresses, where clouds serve credentials, are refused after name resolution and at every redirect; what else
the pod may reach is for the NetworkPolicy to say.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import unquote, urlsplit

from regen_core.errors import SourceUnavailable, ValidationFailed
from regen_runner.files import sync_folder
from regen_runner.logs import log
from regen_runner.report import log_unavailable
from regen_runner.retry import Patience, until_answered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from regen_core.instruction import Source

_BLOCK: Final = 1 << 20
_TRANSIENT_S3_CODES: Final = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling"}


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What fetching may cost.

    Attributes:
        max_bytes: of all sources together.
        retry_seconds: how long an unreachable source is asked again.
        deadline: of ``time.monotonic()``, for everything.
        allow_files: whether ``file://`` is read at all.
    """

    max_bytes: int
    retry_seconds: float
    deadline: float
    allow_files: bool


def fetch_sources(sources: Sequence[Source], folder: Path, limits: SourceLimits, environ: Mapping[str, str]) -> None:
    """Makes ``folder`` and in it one read-only file per source.

    Args:
        sources: of the instruction.
        folder: must not exist.
        limits: see there.
        environ: for the ``AWS_*`` variables.

    Raises:
        ValidationFailed: a digest differs, a source is too large, does not exist or is not allowed.
        SourceUnavailable: a source cannot be reached for now.
        StoreDenied: the ``AWS_*`` variables cannot be used.
        OSError: ``folder`` cannot be written.
    """
    folder.mkdir(mode=0o755)
    left = limits.max_bytes
    for source in sources:
        left -= _fetched(source, folder, left, limits, environ)
    sync_folder(folder)


def _fetched(source: Source, folder: Path, left: int, limits: SourceLimits, environ: Mapping[str, str]) -> int:
    """Fetches one source, more than once if need be; its size in bytes."""
    draft = folder / f".{source.name}.draft"

    def attempt() -> int:
        with draft.open("wb") as file, _unavailable(source), _opened(source, limits, environ) as stream:
            size = _copy(source, stream, file, left, limits)
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            return size

    patience = Patience(min(limits.deadline, time.monotonic() + limits.retry_seconds))
    size = until_answered(attempt, again=SourceUnavailable, patience=patience, on_failure=log_unavailable)
    draft.rename(folder / source.name)
    log("source fetched", name=source.name, sizeBytes=size)
    return size


def _copy(source: Source, stream: BinaryIO, file: BinaryIO, left: int, limits: SourceLimits) -> int:
    digest = hashlib.sha256()
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > left:
            msg = f"sources: expected at most {limits.max_bytes} bytes in all, got more with source {source.name}"
            raise ValidationFailed(msg, source=source.name)
        if time.monotonic() > limits.deadline:
            msg = f"source {source.name}: expected its end before the deadline, got {size} bytes"
            raise SourceUnavailable(msg, source=source.name)
        digest.update(block)
        file.write(block)
    if digest.hexdigest() != source.sha256:
        msg = f"source {source.name}: expected SHA-256 {source.sha256}, got {digest.hexdigest()}"
        raise ValidationFailed(msg, source=source.name)
    return size


@contextmanager
def _opened(source: Source, limits: SourceLimits, environ: Mapping[str, str]) -> Iterator[BinaryIO]:
    scheme = urlsplit(source.uri).scheme
    if scheme in {"http", "https"}:
        from regen_runner.prepare.sources_http import open_http  # noqa: PLC0415 - start only what this job uses

        with open_http(source) as stream:
            yield stream
    elif scheme == "s3":
        with _opened_s3(source, environ) as stream:
            yield stream
    elif scheme == "file" and limits.allow_files:
        with _opened_file(source) as stream:
            yield stream
    else:
        msg = f"source {source.name}: expected scheme https, http or s3, got {scheme}"
        raise ValidationFailed(msg, source=source.name)


@contextmanager
def _opened_s3(source: Source, environ: Mapping[str, str]) -> Iterator[BinaryIO]:
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # noqa: PLC0415

    from regen_store.write_s3 import s3_client  # noqa: PLC0415

    parts = urlsplit(source.uri)
    try:
        answer = s3_client(environ).get_object(Bucket=parts.netloc, Key=unquote(parts.path.removeprefix("/")))
        with answer["Body"] as stream:
            yield cast("BinaryIO", stream)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        msg = f"source {source.name}: expected an object, got {code}"
        if code in _TRANSIENT_S3_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise SourceUnavailable(msg, source=source.name) from error
        raise ValidationFailed(msg, source=source.name) from error
    except ParamValidationError as error:
        msg = f"source {source.name}: expected s3://bucket/key, got a URI without one of them"
        raise ValidationFailed(msg, source=source.name) from error
    except BotoCoreError as error:
        # Only its name: botocore's texts repeat the endpoint, and headers.
        msg = f"source {source.name}: expected an object, got {type(error).__name__}"
        raise SourceUnavailable(msg, source=source.name) from error


@contextmanager
def _opened_file(source: Source) -> Iterator[BinaryIO]:
    parts = urlsplit(source.uri)
    try:
        file = open(unquote(parts.path), "rb", opener=_without_waiting)  # noqa: SIM115 - a Path takes no opener
    except (OSError, ValueError) as error:
        msg = f"source {source.name}: expected a file that can be read, got {error}"
        raise ValidationFailed(msg, source=source.name) from error
    with file:
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _unavailable(source: Source) -> Iterator[None]:
    """A failure of the connection, as the error to try again after."""
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        msg = f"source {source.name}: expected an answer, got {error}"
        raise SourceUnavailable(msg, source=source.name) from error
