"""The tables as SQLAlchemy Core sees them (docs/contract.md#database), for reading and for comparing with the database.

Triggers, functions, roles and grants are SQL, in ``regen_schema/sql``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ENUM, JSONB, TIMESTAMP

from regen_core.states import JobStatus

VERSION_TABLE: Final = "regen_alembic_version"
"""Alembic's own table; the application may have an ``alembic_version`` of its own."""

metadata: Final = MetaData()

job_status: Final = ENUM(*(str(status) for status in JobStatus), name="RegenerationJobStatus", metadata=metadata)

_UTC_NOW: Final = text("(now() AT TIME ZONE 'UTC'::text)")
_PENDING: Final = text("status = 'PENDING'")


def _stamp() -> TIMESTAMP:
    """A time in UTC, without its zone, in milliseconds."""
    return TIMESTAMP(timezone=False, precision=3)


job: Final = Table(
    "RegenerationJob",
    metadata,
    Column("id", Text, primary_key=True),
    Column("status", job_status, nullable=False, server_default=text("'PENDING'")),
    Column("instructionJson", JSONB, nullable=False),
    Column("outputRef", Text),
    Column("errorJson", JSONB),
    Column("lockedAt", _stamp()),
    Column("completedAt", _stamp()),
    Column("createdAt", _stamp(), nullable=False, server_default=_UTC_NOW),
    Column("type", Text, Computed("(\"instructionJson\" ->> 'type'::text)", persisted=True)),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("requestedBy", Text),
    Column("idempotencyKey", Text),
    Column("retryOf", Text),
)
Index("RegenerationJob_idempotencyKey_key", job.c.idempotencyKey, unique=True)
Index("RegenerationJob_queue_idx", job.c.priority.desc(), job.c.createdAt, job.c.id, postgresql_where=_PENDING)
Index(
    "RegenerationJob_group_idx",
    job.c.type,
    job.c.requestedBy,
    job.c.priority.desc(),
    job.c.createdAt,
    job.c.id,
    postgresql_where=_PENDING,
)
Index("RegenerationJob_running_idx", job.c.lockedAt, postgresql_where=text("status = 'RUNNING'"))
Index("RegenerationJob_ended_idx", job.c.completedAt, job.c.id, postgresql_where=job.c.completedAt.is_not(None))
Index("RegenerationJob_list_idx", job.c.createdAt, job.c.id)
Index("RegenerationJob_failed_idx", job.c.createdAt, job.c.id, postgresql_where=text("status = 'FAILED'"))
Index(
    "RegenerationJob_retryOf_idx",
    job.c.retryOf,
    job.c.createdAt,
    job.c.id,
    postgresql_where=job.c.retryOf.is_not(None),
)

Index(
    "RegenerationJob_version_idx",
    job.c.id,
    postgresql_where=text("status = 'PENDING' AND coalesce(\"instructionJson\" -> 'version' = '1', false) IS FALSE"),
)

run: Final = Table(
    "RegenerationRun",
    metadata,
    Column("jobId", Text, ForeignKey("RegenerationJob.id", name="RegenerationRun_jobId_fkey"), primary_key=True),
    Column("podUid", Text, nullable=False),
    Column("podName", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("startedAt", _stamp(), nullable=False),
)
"""The fence. No role may read ``nonce``: name the columns."""

output: Final = Table(
    "RegenerationOutput",
    metadata,
    Column("jobId", Text, ForeignKey("RegenerationJob.id", name="RegenerationOutput_jobId_fkey"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("sha256", Text, CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'"), nullable=False),
    Column("sizeBytes", BigInteger, CheckConstraint('"sizeBytes" >= 0'), nullable=False),
    Column("mediaType", Text, nullable=False),
    Column("createdAt", _stamp(), nullable=False),
)

audit_event: Final = Table(
    "AuditEvent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False),
    Column("jobId", Text, nullable=False),
    Column("status", job_status, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _stamp(), nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("prevHash", Text),
    Column("hash", Text, nullable=False),
)
Index("AuditEvent_jobId_idx", audit_event.c.jobId, audit_event.c.id)

user: Final = Table(
    "User",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False, unique=True),
    Column("tier", Text, nullable=False, server_default=text("'free'")),
)
"""The application's (``adopt_plans``): these are the columns that we read. ``subject`` is the access token's ``sub``."""

plan: Final = Table(
    "Plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("userId", Text, ForeignKey("User.id"), nullable=False),
    Column("topic", Text, nullable=False),
    Column("skillLevel", Text, nullable=False),
    Column("weeklyHours", Integer, nullable=False),
    Column("learningStyle", Text, nullable=False),
    Column("startDate", _stamp()),
    Column("deadlineDate", _stamp()),
    Column("notes", Text),
    Column("createdAt", _stamp(), nullable=False, server_default=_UTC_NOW),
)
"""The application's, as ``user``."""

plan_generation: Final = Table(
    "PlanGeneration",
    metadata,
    Column("jobId", Text, ForeignKey("RegenerationJob.id", name="PlanGeneration_jobId_fkey"), primary_key=True),
    Column("planId", Text, nullable=False),
    Column("overrides", JSONB),
    Column("createdAt", _stamp(), nullable=False, server_default=_UTC_NOW),
)
"""Which job regenerates which plan; ``overrides`` is NULL where an admin repeats a job of the plan."""
Index("PlanGeneration_planId_idx", plan_generation.c.planId, plan_generation.c.createdAt, plan_generation.c.jobId)

purged_job: Final = Table(
    "PurgedJob",
    metadata,
    Column("jobId", Text, primary_key=True),
    Column("type", Text),
    Column("status", job_status, nullable=False),
    Column("idempotencyKey", Text, unique=True),
    Column("completedAt", _stamp(), nullable=False),
    Column("outputRef", Text),
    Column("exportSha256", Text, CheckConstraint("\"exportSha256\" ~ '^[0-9a-f]{64}$'"), nullable=False),
    Column("lastHash", Text),
    Column("purgedBy", Text, nullable=False),
    Column("purgedAt", _stamp(), nullable=False),
)
"""What is kept of a job whose rows were purged."""

lock: Final = Table("RegenerationLock", metadata, Column("name", Text, primary_key=True))
"""Rows that only the owner's functions lock, in place of advisory locks. No role can read them."""

OURS: Final = tuple(table.name for table in metadata.tables.values() if table not in {user, plan})
"""The tables that we own wherever they came from."""
