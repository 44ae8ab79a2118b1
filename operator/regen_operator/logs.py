"""Logs: one line per transition; JSON where nobody sits at a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog

from regen_core.detached_log import DetachedHandler

_STANDARD_ERROR: Final = 2


def configure_logs(level: str) -> None:
    """Sends structlog and the standard library's loggers (kopf's, aiohttp's) through one formatter to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Never with local variables, which structlog shows by default: the database's password is one of them.
    as_dictionaries = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    tail: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [as_dictionaries, structlog.processors.JSONRenderer()]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail]
    )
    handler = DetachedHandler(_STANDARD_ERROR)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # kopf says every event at INFO; its warnings are what a person needs.
    logging.getLogger("kopf").setLevel(logging.WARNING if level != "debug" else logging.INFO)
