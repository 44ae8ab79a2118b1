"""``export``: rows, selected, typed, filtered and sorted, as CSV, JSON lines, Parquet and XLSX."""

from __future__ import annotations

from regen_executors.export.executor import ExportExecutor

__all__ = ["ExportExecutor"]
