"""Errors that both reading and writing raise. ``StoreUnavailable``, the retryable one, is in ``regen_core.errors``."""

from __future__ import annotations

from typing import ClassVar

from regen_core.errors import Classification, RegenError


class StoreDenied(RegenError):
    """The store answered, and a retry gets the same answer: a wrong bucket, credential or policy."""

    classification: ClassVar[Classification] = Classification.INTERNAL
    reason = "StoreDenied"


class ObjectMissing(RegenError):
    """There is no object at the URL, or none that our credentials may see."""
