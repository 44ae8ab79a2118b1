"""Logs as one JSON object per line on standard output, and the termination message. Neither ever holds a secret."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from regen_core.detached_log import DetachedHandler

if TYPE_CHECKING:
    from pathlib import Path

MAX_TERMINATION_MESSAGE: Final = 1024
"""Characters; the kubelet cuts at 4096 bytes (Kubernetes, "Determine the reason for pod failure")."""

_STANDARD_OUTPUT: Final = 1

_logger: Final = logging.getLogger("regen.runner")


class _JsonLines(logging.Formatter):
    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "step": record.getMessage(),
            "jobId": self._job_id,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stdout(job_id: str) -> None:
    """Sends every record of the process to standard output, whoever reads it; libraries from WARNING on."""
    handler = DetachedHandler(_STANDARD_OUTPUT)
    handler.setFormatter(_JsonLines(job_id))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _logger.setLevel(logging.INFO)


def log(step: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line: ``step`` is a fixed phrase to search for, ``fields`` its data."""
    _logger.log(level, step, extra={"fields": fields})


def log_trace(step: str, error: Exception) -> None:
    """One line with the trace of ``error``."""
    _logger.log(logging.ERROR, step, exc_info=error)


def flush_log() -> None:
    """Gives the reader of the log a moment before the process ends."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def write_termination_message(path: Path, message: str) -> None:
    """Leaves one line for whoever looks at the pod. Where it cannot be written, the log has it too."""
    line = " ".join(message.split())[:MAX_TERMINATION_MESSAGE]
    try:
        # Without O_CREAT: the kubelet made the file, and outside of a container nobody reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line + "\n")
    except OSError as error:
        log("termination message not written", error=str(error))
