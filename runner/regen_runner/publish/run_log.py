"""Puts the executor's log beside its outputs, so that it survives the pod; of failed runs too.

It is no output: no row names it and no digest covers it. That it cannot be stored changes nothing for the job, and it
holds a report up for a few seconds at the most.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from regen_core.canonical import sha256_hex
from regen_core.names import LOG_NAME, artifact_key
from regen_runner.execute.kept_log import MAX_KEPT_BYTES
from regen_runner.logs import log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regen_runner.retry import Patience, Stop
    from regen_runner.settings import PublishSettings

LOG_MEDIA_TYPE: Final = "text/plain; charset=utf-8"
SECONDS: Final = 5.0


def keep_log(settings: PublishSettings, job_type: str, stop: Stop, patience: Patience, environ: Mapping[str, str]) -> None:
    """Stores the log that execute's supervisor left, if it left one; never raises."""
    try:
        _keep(settings, job_type, stop, patience, environ)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job's own end matters more
        _log_failure(error)


def _keep(settings: PublishSettings, job_type: str, stop: Stop, patience: Patience, environ: Mapping[str, str]) -> None:
    content = _left(settings.result_dir)
    if not content or stop.requested_at is not None:
        return
    key = artifact_key(job_type, settings.job_id, LOG_NAME)

    def put() -> None:
        try:
            _put(settings.output_url, environ, key, content)
        except Exception as error:  # noqa: BLE001 - as above
            _log_failure(error)
        finally:
            os.close(ending)

    ended, ending = os.pipe2(os.O_CLOEXEC)
    try:
        threading.Thread(target=put, name="log", daemon=True).start()
        # A put that is abandoned may still land: it is whole then, or not there.
        stop.wait(min(SECONDS, patience.remaining()), ended)
    finally:
        os.close(ended)


def _log_failure(error: Exception) -> None:
    log("executor's log not stored", error=f"{type(error).__name__}: {error}")


def _left(folder: Path) -> bytes:
    try:
        descriptor = os.open(folder / LOG_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_KEPT_BYTES)


def _put(url: str, environ: Mapping[str, str], key: str, content: bytes) -> None:
    from regen_store.write import open_store  # noqa: PLC0415 - most runs say nothing, and S3 costs 0.2 s of CPU

    store = open_store(url, environ)
    store.probe()
    store.put(key, content, sha256_hex(content), LOG_MEDIA_TYPE)
    log("executor's log stored", key=key, sizeBytes=len(content))
