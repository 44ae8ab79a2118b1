"""The Prometheus metrics of one replica (docs/metrics.md is generated from this module).

``regen_operator_*`` metrics belong to one process: add them up over replicas. All others are read from rows and pods, which
every replica reads alike: take the maximum over replicas. Label values are bounded: a type without an executor class is
``other``, and so is a cause that is not in ``CAUSES``.

Everything is counted and rendered in the operator's event loop, so no lock is needed. A page is rendered at most once a second,
and other work runs between metric families.
"""

from __future__ import annotations

import asyncio
import math
import platform
import time
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from regen_core.errors import Classification
from regen_core.states import JobStatus
from regen_operator.reasons import FailureCause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prometheus_client import Metric

    from regen_operator.rows.values import Outcome, QueueGroup

OTHER: Final = "other"
PHASES: Final[Mapping[str, str]] = {
    "queued": "insert to claim",
    "mirrored": "insert to custom resource, by the leader",
    "launched": "claim to Job, by the leader",
    "scheduled": "pod created to pod scheduled, in whole seconds",
    "fenced": "claim to fence",
    "executed": "the execute container, in whole seconds",
    "committed": "fence to end",
    "whole": "insert to end",
}
CAUSES: Final = frozenset(str(cause) for cause in FailureCause)
DEPTH: Final = 10_000
"""At most this number of rows of each type is counted."""
LAUNCH_OUTCOMES: Final = ("launched", "refused", "retried")
# Powers of two, the bounds of a native histogram of schema 0, in case a scraper converts them.
PHASE_BOUNDS: Final = tuple(2.0**power for power in range(-7, 13))
CALL_BOUNDS: Final = tuple(2.0**power for power in range(-11, 5))
RENDER_SECONDS: Final = 1.0
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the database's times are UTC without a zone


class Metrics:
    """The metrics of one replica, in their own registry. ``types`` are the types that have an executor class."""

    def __init__(self, types: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.types = tuple(sorted(types))
        self._page = (float("-inf"), b"")
        self._rendering = asyncio.Lock()
        self._last_completed = 0.0
        ProcessCollector(registry=self.registry)
        self._create_process_metrics()
        self._create_row_metrics()
        self._create_labels()

    def _create_process_metrics(self) -> None:
        registry = self.registry
        build = Gauge("regen_build_info", "Always 1; the labels have the versions.", ("version", "python"), registry=registry)
        build.labels(version("regen"), platform.python_version()).set(1)
        self.build = build
        self.leader = Gauge("regen_operator_leader", "1 in the replica that holds the Lease, else 0.", registry=registry)
        self.age = Gauge(
            "regen_operator_last_success_age_seconds",
            "Seconds since an activity last succeeded; NaN before the first, and for the leader's activities in followers.",
            ("activity",),
            registry=registry,
        )
        self.listening = Gauge(
            "regen_operator_listening",
            "1 if notifications of the database arrive, 0 if jobs are found only by polling.",
            registry=registry,
        )
        self.claim_blocked = Gauge(
            "regen_operator_claim_blocked_seconds",
            "How long another transaction has held the claim's lock; 0 while the claim gets it.",
            registry=registry,
        )
        self.launching = Gauge(
            "regen_operator_launching", "0 while claims are paused because a launch failed, else 1.", registry=registry
        )
        self.api_seconds = Histogram(
            "regen_operator_api_request_seconds", "Duration of Kubernetes API requests, including the wait for a free slot.",
            ("verb", "resource"), buckets=CALL_BOUNDS, registry=registry,
        )  # fmt: skip
        self.api_errors = Counter(
            "regen_operator_api_errors_total",
            "Failed requests to the Kubernetes API; NotFound, AlreadyExists and Conflict are normal.",
            ("verb", "resource", "error"), registry=registry,
        )  # fmt: skip
        self.database_seconds = Histogram(
            "regen_operator_database_call_seconds", "Duration of database calls, including the wait for a connection.",
            ("call",), buckets=CALL_BOUNDS, registry=registry,
        )  # fmt: skip
        self.database_errors = Counter(
            "regen_operator_database_errors_total", "Failed database calls; error is unavailable, refused or failed.",
            ("call", "error"), registry=registry,
        )  # fmt: skip
        self.claims = Counter("regen_operator_claims_total", "Claimed jobs.", ("type",), registry=registry)
        self.launches = Counter(
            "regen_operator_launches_total", "Launches by outcome: launched, refused (the job fails), or retried.",
            ("type", "outcome"), registry=registry,
        )  # fmt: skip
        self.relaunches = Counter(
            "regen_operator_relaunches_total", "Launches of jobs that were claimed and had neither a Job nor a fence.",
            ("type",), registry=registry,
        )  # fmt: skip
        self.audit_repairs = Counter(
            "regen_operator_audit_repairs_total",
            "Audit events that the sweep added later.",
            registry=registry,
        )

    def _create_row_metrics(self) -> None:
        registry = self.registry
        self.queue_jobs = Gauge(
            "regen_queue_jobs", f"PENDING jobs by the reason for waiting; at most {DEPTH} of each type are counted.",
            ("type", "reason"), registry=registry,
        )  # fmt: skip
        self.queue_oldest = Gauge(
            "regen_queue_oldest_seconds",
            f"Age of the oldest PENDING job: exact over all types, a lower bound for a type with more than {DEPTH}.",
            ("type", "reason"), registry=registry,
        )  # fmt: skip
        self.running = Gauge("regen_running_jobs", "RUNNING jobs.", ("type",), registry=registry)
        self.slots_used = Gauge("regen_slots_used", "RUNNING jobs of all types; the total cap limits them.", registry=registry)
        self.slots_free = Gauge("regen_slots_free", "Further jobs that the total cap allows.", registry=registry)
        self.type_slots_free = Gauge(
            "regen_type_slots_free",
            "Further jobs that a type's cap allows; only types that have one.",
            ("type",),
            registry=registry,
        )
        self.finished = Counter(
            "regen_jobs_finished_total", "Jobs that ended since this replica started; classification is empty for COMPLETED.",
            ("type", "status", "classification"), registry=registry,
        )  # fmt: skip
        self.causes = Counter(
            "regen_job_failure_causes_total",
            "FAILED jobs whose error has a cause (detail.reason).",
            ("cause",),
            registry=registry,
        )
        self.phase_seconds = Histogram(
            "regen_job_phase_seconds",
            f"Duration of a job's phases: {'; '.join(f'{name} ({what})' for name, what in PHASES.items())}.",
            ("phase", "type"), buckets=PHASE_BOUNDS, registry=registry,
        )  # fmt: skip
        self.store_success = Gauge(
            "regen_store_last_success_timestamp_seconds",
            "When a job last completed, and so wrote to the store, by the database's clock; 0 before the first.",
            registry=registry,
        )
        self.sandbox_required = Gauge(
            "regen_sandbox_required",
            "1 if a type's executor class requires the sandbox, 0 if it is best-effort.",
            ("type",),
            registry=registry,
        )
        self.durable = Gauge(
            "regen_database_durable",
            "1 if acknowledged commits survive a crash of the database server, 0 if fsync, full_page_writes or"
            " synchronous_commit is off; NaN until it is known.",
            registry=registry,
        )
        self.durable.set(float("nan"))
        self.audit_checked = Counter(
            "regen_audit_events_checked_total",
            "Audit events that the leader verified.",
            registry=registry,
        )
        self.audit_broken = Gauge(
            "regen_audit_broken_events",
            "Audit events with a wrong hash or chain in the leader's last or current verification; 0 in followers.",
            registry=registry,
        )

    def _create_labels(self) -> None:
        """Creates every label combination at 0: ``rate()`` misses the first increment of a new series."""
        for kind in (*self.types, OTHER):
            self.finished.labels(kind, str(JobStatus.COMPLETED), "")
            for classification in Classification:
                self.finished.labels(kind, str(JobStatus.FAILED), str(classification))
            self.claims.labels(kind)
            self.relaunches.labels(kind)
            self.running.labels(kind)
            for outcome in LAUNCH_OUTCOMES:
                self.launches.labels(kind, outcome)
        for cause in (*sorted(CAUSES), OTHER):
            self.causes.labels(cause)

    def label(self, job_type: str | None) -> str:
        """``job_type`` as a label value."""
        return job_type if job_type in self.types and job_type is not None else OTHER

    # -- this process ----------------------------------------------------------------------------------------------------

    def export_age(self, activity: str, age: Callable[[], float | None]) -> None:
        """Exports ``age`` (seconds, or None) at each scrape."""
        self.age.labels(activity).set_function(lambda: _or_nan(age()))

    def api_call(self, verb: str, resource: str, seconds: float, error: str | None) -> None:
        """A request ended; ``error`` is None if it succeeded."""
        self.api_seconds.labels(verb, resource).observe(seconds)
        if error is not None:
            self.api_errors.labels(verb, resource, error).inc()

    def database_call(self, call: str, seconds: float, error: str | None) -> None:
        """A database call ended; ``error`` is None if it succeeded."""
        self.database_seconds.labels(call).observe(seconds)
        if error is not None:
            self.database_errors.labels(call, error).inc()

    def launch(self, job_type: str | None, outcome: str) -> None:
        """A launch ended with one of ``LAUNCH_OUTCOMES``."""
        self.launches.labels(self.label(job_type), outcome).inc()

    # -- rows and pods ---------------------------------------------------------------------------------------------------

    def phase(self, phase: str, job_type: str | None, seconds: float) -> None:
        """A job passed one of ``PHASES``. Negative values, from differing clocks, count as 0."""
        self.phase_seconds.labels(phase, self.label(job_type)).observe(max(0.0, seconds))

    def queue(self, groups: Sequence[QueueGroup]) -> None:
        """Sets the queue's metrics."""
        jobs: dict[tuple[str, str], int] = {}
        oldest: dict[tuple[str, str], float] = {}
        for group in groups:
            key = self.label(group.type), group.reason
            jobs[key] = jobs.get(key, 0) + group.jobs
            oldest[key] = max(oldest.get(key, 0.0), group.oldest_seconds)
        self.queue_jobs.clear()
        self.queue_oldest.clear()
        for key, count in jobs.items():
            self.queue_jobs.labels(*key).set(count)
            self.queue_oldest.labels(*key).set(oldest[key])

    def slots(self, running: Mapping[str | None, int], cap_total: int, cap_types: Mapping[str, int]) -> None:
        """Sets the metrics of RUNNING jobs and free slots."""
        by_label = dict.fromkeys((*self.types, OTHER), 0)
        for kind, count in running.items():
            by_label[self.label(kind)] += count
        for kind, count in by_label.items():
            self.running.labels(kind).set(count)
        used = sum(running.values())
        self.slots_used.set(used)
        self.slots_free.set(max(0, cap_total - used))
        for kind, cap in cap_types.items():
            self.type_slots_free.labels(self.label(kind)).set(max(0, cap - by_label[self.label(kind)]))

    def ended(self, job: Outcome) -> None:
        """A job's row became terminal."""
        self.finished.labels(self.label(job.type), str(job.status), job.classification or "").inc()
        if job.reason is not None:
            self.causes.labels(job.reason if job.reason in CAUSES else OTHER).inc()
        if job.status is JobStatus.COMPLETED:
            self._last_completed = max(self._last_completed, (job.completed_at - EPOCH).total_seconds())
            self.store_success.set(self._last_completed)
        if job.locked_at is None:
            return
        self.phase("queued", job.type, (job.locked_at - job.created_at).total_seconds())
        self.phase("whole", job.type, (job.completed_at - job.created_at).total_seconds())
        if job.started_at is not None:
            self.phase("fenced", job.type, (job.started_at - job.locked_at).total_seconds())
            self.phase("committed", job.type, (job.completed_at - job.started_at).total_seconds())

    # -- the page --------------------------------------------------------------------------------------------------------

    async def page(self) -> bytes:
        """The metrics in Prometheus' text format, at most ``RENDER_SECONDS`` old."""
        async with self._rendering:
            if time.monotonic() - self._page[0] >= RENDER_SECONDS:
                parts = []
                for family in self.registry.collect():
                    parts.append(generate_latest(_One(family)))
                    await asyncio.sleep(0)
                self._page = (time.monotonic(), b"".join(parts))
            return self._page[1]


class _One(Collector):
    """A collector of one metric family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        """The family."""
        return [self._family]


def _or_nan(age: float | None) -> float:
    return math.nan if age is None else age
