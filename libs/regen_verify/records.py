"""The values that the checks read and return. All times are UTC without a zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from regen_core.audit_events import ADOPTED
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_core.audit_chain import AuditRecord
    from regen_core.manifest import OutputRow


class Invariant(StrEnum):
    """An invariant, with the rules (docs/rules.md) that it checks."""

    COLUMNS = "columns"
    """Each status has its columns, and no others (R1, R5)."""
    FENCE = "fence"
    """A COMPLETED job was started once, a PENDING job never (R3)."""
    OUTPUTS = "outputs"
    """A COMPLETED job has one set of outputs in its own folder, any other job none (R4, R12)."""
    DEADLINE = "deadline"
    """A claimed job ends in time (R13)."""
    STARTS = "starts"
    """An executor starts at most once per job (R3)."""
    AUDIT_CHAIN = "audit-chain"
    """No audit event was changed, removed or inserted (R10)."""
    AUDIT_COMPLETE = "audit-complete"
    """Each transition has exactly one event, and it matches the row (R10)."""
    OBJECTS = "objects"
    """Every output's object is in the store, with its size and digest (R4)."""
    MANIFEST = "manifest"
    """The manifest matches the database (R12)."""
    PROVENANCE = "provenance"
    """The provenance that the manifest lists is unchanged, and matches manifest and instruction."""
    REPRODUCIBLE = "reproducible"
    """A second run of the same instruction writes the same bytes (R11)."""
    CLUSTER = "cluster"
    """Every Job, pod and custom resource has a row that requires it."""
    IMMUTABLE = "immutable"
    """Between two snapshots a job only made legal transitions, and no immutable value changed (R1, R4, R6)."""
    SECRETS = "secrets"
    """No secret is in a log, an event, a spec, a row or an error."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A violated invariant, its job, and what to do about it.

    ``job_id`` is None if no job is concerned.
    """

    invariant: Invariant
    job_id: str | None
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FenceRecord:
    """One row of ``"RegenerationRun"``, without its nonce."""

    pod_uid: str
    pod_name: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """A stored object: its size in bytes, and its SHA-256 if it was read."""

    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class JobObjects:
    """The stored objects of one job, by URL.

    ``manifest`` and ``provenance`` are their content; None if not read. A missing provenance is empty.
    """

    found: Mapping[str, ObjectRecord]
    manifest: bytes | None = None
    provenance: bytes | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job's rows and stored objects.

    Attributes:
        instruction: the JSON value; None if not read.
        outputs: by name.
        events: oldest first.
        objects: None if the store was not read.
    """

    id: str
    type: str | None
    status: JobStatus
    priority: int
    requested_by: str | None
    retry_of: str | None
    created_at: datetime
    locked_at: datetime | None = None
    completed_at: datetime | None = None
    output_ref: str | None = None
    error: Mapping[str, Any] | None = None
    fence: FenceRecord | None = None
    outputs: tuple[OutputRow, ...] = ()
    events: tuple[AuditRecord, ...] = ()
    instruction: Any = None
    objects: JobObjects | None = None

    @property
    def adopted_as(self) -> str | None:
        """The status of the row when regen was installed; None for a job created later."""
        return next((event.status for event in self.events if event.event == ADOPTED), None)

    @property
    def ended_before_regen(self) -> bool:
        """Whether the row was terminal when regen was installed, so that no invariant covers it."""
        return self.adopted_as in {JobStatus.COMPLETED, JobStatus.FAILED}


@dataclass(frozen=True, slots=True)
class ClusterObject:
    """A Job, pod or custom resource that carries a job's id."""

    kind: str
    namespace: str
    name: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long something can take before it is a violation."""

    overdue_after: timedelta = timedelta(hours=2)
    """From the claim to the end: every deadline of the slowest executor class plus the grace period."""
    repair_within: timedelta = timedelta(minutes=1)
    """From a transition to its audit event, if the sweep has to add it."""
    cleanup_within: timedelta = timedelta(minutes=15)
    """From a job's end to the deletion of its Job and pods. A finished Job stays for its TTL."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values to check.

    Attributes:
        now: the database's clock.
        jobs: the jobs to check.
        missing: job ids of audit events or cluster objects that have no row.
        cluster: None if Kubernetes was not read.
        starts: executor starts by job id, counted outside the pods; None if not counted.
        limits: limits for the checks.
    """

    now: datetime
    jobs: tuple[JobRecord, ...]
    missing: frozenset[str] = frozenset()
    cluster: tuple[ClusterObject, ...] | None = None
    starts: Mapping[str, int] | None = None
    limits: Limits = field(default_factory=Limits)
