"""Making a job: one INSERT of a PENDING row, the only write that the role ``regen_api`` has (rule R8).

An Idempotency-Key becomes the row's ``idempotencyKey``, in a namespace of the caller's own. The unique index decides between
requests that come together; whoever loses reads the winner's row and compares.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import bindparam

from regen_api.jobs.views import Accepted
from regen_api.problems import Problem, conflict, invalid
from regen_core.canonical import canonical_json
from regen_core.errors import ValidationFailed
from regen_core.instruction import parse_instruction
from regen_core.states import JobStatus
from regen_schema.sqlstates import UNCLEAN_INSERT
from regen_schema.tables import job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_GUARD_OF_PURGED = "regen_guard_purged"
_ACCEPTED = (
    job.c.id,
    job.c.type,
    job.c.priority,
    job.c.retryOf.label("retry_of"),
    job.c.createdAt.label("created_at"),
)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the row will hold, apart from its id and its time."""

    instruction: Mapping[str, Any]
    requested_by: str
    priority: int = 0
    retry_of: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The row of a request; ``is_new`` is false where the same request made it before."""

    accepted: Accepted
    is_new: bool


def namespaced(subject: str, key: str | None) -> str | None:
    """The row's ``idempotencyKey``: ``api:<subject>:<key>``, the subject percent-encoded so that no two pairs are one."""
    return None if key is None else f"api:{quote(subject, safe='')}:{key}"


def checked_instruction(instruction: dict[str, Any]) -> dict[str, Any]:
    """The instruction, if every later part can carry it.

    Raises:
        Problem: 400 that names the field.
    """
    try:
        parse_instruction(instruction)
        texts = {name: canonical_json(value) for name, value in instruction.items()}
    except ValidationFailed as error:
        raise invalid(str(error.detail.get("field", "inputs")), error.message) from error
    for name, text in texts.items():
        if _NUL.search(text):
            raise invalid(name, "expected text without NUL characters")
    return instruction


def same_row(new: NewJob) -> ColumnElement[bool]:
    """Whether a row was made by a request for exactly ``new``."""
    return (
        (job.c.instructionJson == bindparam("instruction", dict(new.instruction), JSONB))
        & (job.c.priority == new.priority)
        & job.c.retryOf.is_not_distinct_from(new.retry_of)
    )


async def make(connection: AsyncConnection, new: NewJob, same: ColumnElement[bool]) -> Made:
    """Inserts the row, or finds the one that the same request made.

    Args:
        connection: in a transaction.
        new: the row.
        same: what tells that a row with the same key was made by the same request.

    Raises:
        Problem: 409 where another request used the key, or the job of the same request was purged; 400 where the database
            refuses a value.
    """
    values = {
        "id": uuid.uuid4().hex,
        "instructionJson": dict(new.instruction),
        "priority": new.priority,
        "requestedBy": new.requested_by,
        "idempotencyKey": new.key,
        "retryOf": new.retry_of,
    }
    statement = insert(job).values(values).on_conflict_do_nothing(index_elements=[job.c.idempotencyKey])
    try:
        row = (await connection.execute(statement.returning(*_ACCEPTED))).mappings().one_or_none()
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error) or error.orig.sqlstate != UNCLEAN_INSERT:
            raise
        raise _refused(error.orig) from error
    if row is not None:
        return Made(_accepted(row), is_new=True)
    made = await repeated(connection, new.key, same)
    assert made is not None, "only a row with the same key is in the way"
    return made


def _refused(error: psycopg.Error) -> Problem:
    """What a guard of the database said. The transaction is over, so that no row can tell which guard it was."""
    if _GUARD_OF_PURGED in (error.diag.context or ""):
        message = "Idempotency-Key: expected a new key, because a job that was made with this one was purged since"
        return conflict("idempotency-key-reused", message)
    fault = (error.diag.message_primary or "").partition(" is refused: ")[2]
    field, _, message = fault.partition(": ")
    return invalid(field or "body", message or "expected values that the database takes")


async def repeated(connection: AsyncConnection, key: str | None, same: ColumnElement[bool]) -> Made | None:
    """The row that an earlier request with ``key`` made, if there is one and ``same`` says that it was this request.

    Raises:
        Problem: 409 where it was another.
    """
    if key is None:
        return None
    found = select(*_ACCEPTED, same.label("is_same")).where(job.c.idempotencyKey == key)
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        return None
    if not row["is_same"]:
        message = "Idempotency-Key: expected a new key, because this one came with another request"
        raise conflict("idempotency-key-reused", message)
    return Made(_accepted({name: value for name, value in row.items() if name != "is_same"}), is_new=False)


def _accepted(row: Mapping[Any, Any]) -> Accepted:
    return Accepted(**row, status=JobStatus.PENDING)
