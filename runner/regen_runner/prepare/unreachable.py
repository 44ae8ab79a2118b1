"""The error of a source that cannot be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_core.errors import SourceUnavailable
from regen_runner.logs import log

if TYPE_CHECKING:
    from regen_core.instruction import Source


def unreachable(source: Source, cause: str) -> SourceUnavailable:
    """Return the error for a source that cannot be fetched now; log the cause."""
    log("source unreachable", name=source.name, cause=cause)
    return SourceUnavailable(f"source {source.name}: cannot be fetched. The pod's log has the cause.", source=source.name)
