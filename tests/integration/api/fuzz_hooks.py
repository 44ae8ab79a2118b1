"""What schemathesis cannot know from the OpenAPI document: what a cursor is, and what two dates must be to each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st

from regen_api.cursor import Cursor
from regen_api.plans.overrides import as_utc

schemathesis.openapi.format(
    "regen-cursor",
    st.builds(Cursor, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.uuids().map(lambda one: one.hex)).map(  # noqa: DTZ001
        Cursor.encode
    ),
)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Mends what no document can forbid; whatever else is wrong with a case stays wrong."""
    if isinstance(case.body, dict):
        _order_dates(case.body.get("overrides"))
        _tell_apart(case.body.get("sources"))


def _order_dates(overrides: Any) -> None:
    """The deadline comes after the start."""
    try:
        start, deadline = (as_utc(overrides[name]) for name in ("startDate", "deadlineDate"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    if deadline <= start:
        del overrides["deadlineDate"]


def _tell_apart(sources: Any) -> None:
    """Each source has a name of its own; the first of a name keeps it."""
    seen: set[str] = set()
    for number, source in enumerate(sources if isinstance(sources, list) else []):
        name = source.get("name") if isinstance(source, dict) else None
        if isinstance(name, str) and name in seen:
            source["name"] = name = f"{number}-again"
        seen.add(str(name))
