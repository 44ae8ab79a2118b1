"""Fetch the sources of an instruction and check their digests, before the executor starts (docs/contract.md#instruction).

``source_policy`` says which sources are allowed. The requester gets one message for a source that cannot be fetched, whatever
the cause; the cause is in the pod's log. Otherwise jobs could find out which hosts, ports and objects exist. The digest of a
fetched file is never reported: with it, a second job could read any object that this pod's credential can read.
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
from regen_runner.prepare.unreachable import unreachable
from regen_runner.report import log_unavailable
from regen_runner.retry import Patience, until_answered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from regen_core.instruction import Source
    from regen_runner.source_policy import SourcePolicy

_BLOCK: Final = 1 << 20
_TRANSIENT_S3_CODES: Final = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling"}


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Limits of fetching.

    Attributes:
        max_bytes: size of all sources together.
        retry_seconds: how long an unreachable source is retried.
        deadline: by ``time.monotonic()``, for all sources.
        policy: the allowed sources.
    """

    max_bytes: int
    retry_seconds: float
    deadline: float
    policy: SourcePolicy


def fetch_sources(sources: Sequence[Source], folder: Path, limits: SourceLimits, environ: Mapping[str, str]) -> None:
    """Create ``folder`` with one read-only file per source.

    Args:
        sources: the instruction's sources.
        folder: must not exist.
        limits: size, time, and the allowed sources.
        environ: for the ``AWS_*`` variables.

    Raises:
        ValidationFailed: a digest differs, or a source is too large, missing or not allowed.
        SourceUnavailable: a source is unreachable; retrying can help.
        StoreDenied: the ``AWS_*`` variables cannot be used.
        OSError: ``folder`` cannot be written.
    """
    folder.mkdir(mode=0o755)
    left = limits.max_bytes
    for source in sources:
        left -= _fetched(source, folder, left, limits, environ)
    sync_folder(folder)


def _fetched(source: Source, folder: Path, left: int, limits: SourceLimits, environ: Mapping[str, str]) -> int:
    """Fetch one source, with retries. Return its size in bytes."""
    draft = folder / f".{source.name}.draft"

    def attempt() -> int:
        with draft.open("wb") as file, _unavailable(source), _opened(source, limits.policy, environ) as stream:
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
            msg = f"source {source.name}: all sources together may have at most {limits.max_bytes} bytes"
            raise ValidationFailed(msg, source=source.name)
        if time.monotonic() > limits.deadline:
            raise unreachable(source, "the deadline passed before its end")
        digest.update(block)
        file.write(block)
    if digest.hexdigest() != source.sha256:
        msg = f"source {source.name}: its SHA-256 is not the one in the instruction, {source.sha256}"
        raise ValidationFailed(msg, source=source.name)
    return size


@contextmanager
def _opened(source: Source, policy: SourcePolicy, environ: Mapping[str, str]) -> Iterator[BinaryIO]:
    scheme = urlsplit(source.uri).scheme
    if scheme in {"http", "https"}:
        from regen_runner.prepare.sources_http import open_http  # noqa: PLC0415 - import only what this job uses

        with open_http(source, policy) as stream:
            yield stream
    elif scheme == "s3":
        policy.check_object(source)
        with _opened_s3(source, environ) as stream:
            yield stream
    elif scheme == "file" and policy.allow_files:
        with _opened_file(source) as stream:
            yield stream
    else:
        msg = f"source {source.name}: the scheme must be https, http or s3, not {scheme}"
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
        if code in _TRANSIENT_S3_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise unreachable(source, code) from error
        log("source not readable", name=source.name, cause=code)
        # One message for a missing object and a missing permission: which of them it is would tell what the bucket holds.
        msg = f"source {source.name}: there is no such object, or the credential for sources cannot read it"
        raise ValidationFailed(msg, source=source.name) from error
    except ParamValidationError as error:
        msg = f"source {source.name}: an s3:// URI needs a bucket and a key"
        raise ValidationFailed(msg, source=source.name) from error
    except BotoCoreError as error:
        raise unreachable(source, type(error).__name__) from error  # botocore's texts repeat the endpoint and headers


@contextmanager
def _opened_file(source: Source) -> Iterator[BinaryIO]:
    parts = urlsplit(source.uri)
    try:
        file = open(unquote(parts.path), "rb", opener=_without_waiting)  # noqa: SIM115 - a Path takes no opener
    except (OSError, ValueError) as error:
        msg = f"source {source.name}: the file cannot be read: {error}"
        raise ValidationFailed(msg, source=source.name) from error
    with file:
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _unavailable(source: Source) -> Iterator[None]:
    """Translate a failed connection into the error that is retried."""
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        raise unreachable(source, f"{type(error).__name__}: {error}") from error
