"""Does what a page asks the database come from indexes, however many rows have ended?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from regen_api.console.overview import counted_statement, ended_statement, oldest_statement
from regen_api.console.retries import later_statement
from regen_core.states import JobStatus
from tests.integration.api.test_query_plans import crowded, indexes  # noqa: F401 - the fixture

if TYPE_CHECKING:
    import psycopg

PENDING = {"RegenerationJob_queue_idx", "RegenerationJob_group_idx"}


def test_the_retries_of_a_job(crowded: psycopg.Connection[Any]) -> None:  # noqa: F811
    assert indexes(crowded, later_statement("old7")) == {"RegenerationJob_retryOf_idx"}


def test_the_figures(crowded: psycopg.Connection[Any]) -> None:  # noqa: F811
    assert indexes(crowded, counted_statement(JobStatus.PENDING)) <= PENDING
    assert indexes(crowded, oldest_statement()) <= PENDING
    assert indexes(crowded, counted_statement(JobStatus.RUNNING)) == {"RegenerationJob_running_idx"}
    a_later_time = datetime(2099, 1, 1)  # noqa: DTZ001 - as the database has it
    assert indexes(crowded, ended_statement(a_later_time)) == {"RegenerationJob_ended_idx"}
