"""Fails rows in one call, and one by one if the database refuses a value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from regen_core.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_core.states import Fail
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import FailOutcome

log = structlog.get_logger("regen.rows")


async def fail_rows(database: Database, fails: Sequence[Fail]) -> set[str]:
    """Fails rows under their conditions. Returns the ids of those that are FAILED with this error.

    Raises:
        RegenError: the database failed. The call can be repeated.
    """
    if not fails:
        return set()
    outcomes = await _write(database, fails)
    for outcome in outcomes:
        if not outcome.is_failed:
            log.info("job not failed, its row has changed", job_id=outcome.id, outcome=outcome.outcome)
    return {outcome.id for outcome in outcomes if outcome.is_failed}


async def _write(database: Database, fails: Sequence[Fail]) -> list[FailOutcome]:
    """Repeats a refused batch row by row, so that one invalid error does not keep the others RUNNING."""
    try:
        return await database.fail(fails)
    except ValidationFailed as error:
        if len(fails) > 1:
            return [outcome for one in fails for outcome in await _write(database, [one])]
        [fail] = fails
        log.warning("error of a job refused by the database", job_id=fail.job_id, error=error.message)
        plain = replace(fail.error, message="the database cannot store the error's message", detail={})
        return await database.fail([replace(fail, error=plain)])
