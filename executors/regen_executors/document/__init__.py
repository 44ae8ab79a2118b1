"""``document``: Markdown, or a Jinja2 template and its data, as printable HTML and PDF."""

from __future__ import annotations

from regen_executors.document.executor import DocumentExecutor

__all__ = ["DocumentExecutor"]
