"""The demo's live table: one line per job, from the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {"PENDING": "dim", "RUNNING": "yellow", "COMPLETED": "green", "FAILED": "red"}

QUERY = """
SELECT j.id, coalesce(j.type, '?') AS type, j.status::text, j.priority, r."podName",
       extract(epoch FROM coalesce(j."completedAt", now() AT TIME ZONE 'UTC') - j."lockedAt")::float8 AS seconds,
       j."errorJson" ->> 'classification' AS classification, j."outputRef"
FROM "RegenerationJob" j LEFT JOIN "RegenerationRun" r ON r."jobId" = j.id
WHERE j.id = ANY (%s)
ORDER BY array_position(%s, j.id)
"""


@dataclass(frozen=True, slots=True)
class JobLine:
    """What the table shows of one job; ``seconds`` since the claim, None while PENDING."""

    id: str
    type: str
    status: str
    priority: int
    pod: str | None
    seconds: float | None
    classification: str | None
    output_ref: str | None

    @property
    def ended(self) -> bool:
        """Whether the job is COMPLETED or FAILED."""
        return self.status in {"COMPLETED", "FAILED"}


async def read_lines(connection: psycopg.AsyncConnection[tuple[object, ...]], ids: list[str]) -> list[JobLine]:
    """The lines of ``ids``, in their order."""
    cursor = connection.cursor(row_factory=psycopg.rows.args_row(JobLine))
    await cursor.execute(QUERY, (ids, ids))
    return await cursor.fetchall()


def render(lines: Sequence[JobLine], title: str) -> Table:
    """The table itself."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("JOB", "TYPE", "STATUS", "POD", "RUN TIME"):
        table.add_column(column, justify="right" if column == "RUN TIME" else "left", no_wrap=True)
    for line in lines:
        status = f"[{COLOURS[line.status]}]{line.status}[/]" + (f" {line.classification}" if line.classification else "")
        seconds = f"{line.seconds:.1f} s" if line.seconds is not None else ""
        table.add_row(line.id, line.type, status, line.pod or "", seconds)
    return table


def counts(lines: Sequence[JobLine]) -> str:
    """``3 RUNNING · 20 COMPLETED``."""
    found = {status: sum(1 for line in lines if line.status == status) for status in COLOURS}
    return " · ".join(f"{count} {status}" for status, count in found.items() if count)
