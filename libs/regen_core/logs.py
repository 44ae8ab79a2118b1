"""Configure logs of the long-running programs: JSON on standard error, or plain lines on a terminal.

Only programs that install structlog import this. Log calls pass values by name, never whole objects, so that no line
contains a secret.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

from regen_core.detached_log import DetachedHandler

if TYPE_CHECKING:
    from collections.abc import Iterable

_STANDARD_ERROR: Final = 2


def configure_logs(level: str, *, quiet: Iterable[str]) -> None:
    """Format structlog's and the standard library's loggers alike.

    Args:
        level: debug, info, warning or error.
        quiet: library loggers to limit to WARNING, or to INFO if ``level`` is debug.
    """
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
    # Without local variables, which structlog shows by default: they include tokens and passwords.
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
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING if level != "debug" else logging.INFO)
