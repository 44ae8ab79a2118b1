"""The facts that the invariants are checked over, and what a check answers. All times are UTC without a zone."""

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
    """What was violated. The rules (R…) are those that the documentation numbers."""

    COLUMNS = "columns"
    """Each status has its columns, and no others (R1, R5)."""
    FENCE = "fence"
    """A completed job was started once; a waiting one never (R3)."""
    OUTPUTS = "outputs"
    """A COMPLETED job has one set of outputs in its own folder, any other job none (R4, R12)."""
    DEADLINE = "deadline"
    """A claimed job ends in time (R13)."""
    STARTS = "starts"
    """An executor starts at most once per job (R3)."""
    AUDIT_CHAIN = "audit-chain"
    """Nobody changed, removed or slipped in an audit event (R10)."""
    AUDIT_COMPLETE = "audit-complete"
    """There is exactly one event per transition, and it says what the row says (R10)."""
    OBJECTS = "objects"
    """What an output names lies in the store with its size and digest (R4)."""
    MANIFEST = "manifest"
    """The manifest says what the database says (R12)."""
    PROVENANCE = "provenance"
    """The provenance that the manifest names is there as it was written, and says what manifest and instruction say."""
    REPRODUCIBLE = "reproducible"
    """Another run of the same instruction gives the same bytes (R11)."""
    CLUSTER = "cluster"
    """No Job, pod or custom resource is without a row that wants it."""
    IMMUTABLE = "immutable"
    """Between two looks a job moved only along the table of transitions, and nothing that never changes did (R1, R4, R6)."""
    SECRETS = "secrets"
    """No secret is in a log, an event, a spec, a row or an error."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not hold: of which job, in words, and what a person does about it.

    ``job_id`` is None where no job is meant.
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
    """An object in the store: its size in bytes, and its SHA-256 where it was read (None: it was not)."""

    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class JobObjects:
    """What lies in the store of one job: URL → object.

    ``manifest`` and ``provenance`` are their content; None where nobody looked. A provenance that is not there is empty.
    """

    found: Mapping[str, ObjectRecord]
    manifest: bytes | None = None
    provenance: bytes | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """All that the database holds of a job, and what the store does.

    Attributes:
        instruction: the JSON value; None where it was not read.
        outputs: by name.
        events: oldest first.
        objects: None where the store was not looked at.
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
        """The status in which the row was found when regen was installed; None for a job that began under regen."""
        return next((event.status for event in self.events if event.event == ADOPTED), None)

    @property
    def ended_before_regen(self) -> bool:
        """Whether the row was terminal when regen was installed, so that no promise covers it."""
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
    """How long a thing may take before it is a violation."""

    overdue_after: timedelta = timedelta(hours=2)
    """From the claim to the end, of jobs that ended too: every deadline of the slowest executor class, and the grace."""
    repair_within: timedelta = timedelta(minutes=1)
    """From a transition to its audit event, where the sweep had to add it."""
    cleanup_within: timedelta = timedelta(minutes=15)
    """From a job's end to the end of its Job and pods; a finished Job stays for its TTL."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was looked at.

    Attributes:
        now: the database's clock.
        jobs: every job that is judged, or a batch of them.
        missing: of the job ids that audit events or cluster objects name, those that have no row.
        cluster: None where Kubernetes was not looked at.
        starts: job id → executor starts that a counter outside the pods saw; None where there was none.
        limits: how long a thing may take.
    """

    now: datetime
    jobs: tuple[JobRecord, ...]
    missing: frozenset[str] = frozenset()
    cluster: tuple[ClusterObject, ...] | None = None
    starts: Mapping[str, int] | None = None
    limits: Limits = field(default_factory=Limits)
