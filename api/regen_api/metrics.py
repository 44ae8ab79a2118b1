"""What Prometheus reads. Labels are routes, methods and statuses: never an id, a subject or a type that somebody chose."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

# Powers of two: the bounds that a native histogram of schema 0 has, should a scraper make one of them.
_SECONDS = tuple(2.0**power for power in range(-9, 5))


class Metrics:
    """One application's, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "regen_api_requests_total", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "regen_api_request_seconds", "From a request's headers to its answer's end.", ("method", "route"),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.jobs = Counter("regen_api_jobs_total", "PENDING rows made.", ("by",), registry=self.registry)
        for by in ("job", "plan"):
            self.jobs.labels(by)
