"""docs/metrics.md, made of the metrics that the code declares. ``make reference`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from regen_api.metrics import Metrics as ApiMetrics
from regen_operator.telemetry.metrics import CAUSES, PHASES
from regen_operator.telemetry.metrics import Metrics as OperatorMetrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
INTRODUCTION = f"""# Metrics

<!-- Written by `make reference` from operator/regen_operator/telemetry/metrics.py and api/regen_api/metrics.py. -->

The operator answers `/metrics` on its health port (`REGEN_HEALTH_PORT`), the API on its own port; the console's pages and the
Ingress carry neither. Runner pods accept no connection and are scraped by nobody: what they did is read from rows and pods.

A scrape costs the operator no statement and no request: the rows are read every `REGEN_METRICS_SECONDS`, and a page is rendered
at most once a second, whoever asks.

**Adding up over replicas.** `regen_operator_*` and `regen_api_*` are one process's own: use `sum`. Every other metric of the
operator is read from what all replicas see alike: use `max`, as the alerts and the dashboard do. A counter begins at 0 with its
process; a change of leader leaves no gap.

**Label values are bounded.** A type without an executor class is `other`, and so is a cause not listed here.
Causes: {", ".join(f"`{cause}`" for cause in sorted(CAUSES))}.

**Histograms** serve both ways of scraping. They are exposed as classic ones: prometheus-client writes no native histograms yet
(its samples can carry one that was read; its `Histogram` fills none). Their bounds are powers of two, which are those of a
native histogram of schema 0. A Prometheus from 3.0 that scrapes with `convert_classic_histograms_to_nhcb: true` stores each as
one native series with these very bounds (custom buckets), and should the client learn to write native ones, no bound moves.
Neighbours are a factor of 2 apart, so that a quantile that is interpolated between two is off by less than that factor. In
queries, `rate(…_bucket[5m])` with `by (le)` becomes `rate(…[5m])`; alerts and dashboard of the chart use the classic form, so
keep that too (`always_scrape_classic_histograms: true`).
"""


def families(metrics: object) -> list[MetricWrapperBase]:
    """The metrics that an object holds, by name."""
    found = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    return sorted(found, key=exposed_name)


def exposed_name(metric: MetricWrapperBase) -> str:
    """The name as Prometheus shows it."""
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def labels(metric: MetricWrapperBase) -> tuple[str, ...]:
    return tuple(metric._labelnames)


def table(metrics: object) -> str:
    rows = ["| Metric | Sort | Labels | What it is |", "|---|---|---|---|"]
    for one in families(metrics):
        names = ", ".join(f"`{name}`" for name in labels(one)) or "—"
        rows.append(f"| `{exposed_name(one)}` | {one._type} | {names} | {one._documentation} |")
    return "\n".join(rows)


def phases() -> str:
    rows = ["| `phase` | From and to |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{name}` | {what} |" for name, what in PHASES.items())])


def page() -> str:
    """The whole page."""
    operator: Any = OperatorMetrics(["document"])
    return "\n".join(
        [
            INTRODUCTION,
            "## Operator\n",
            table(operator),
            "\n### Phases of a job\n",
            phases(),
            "\n`process_*` are those of every Prometheus client: memory, CPU, open files, start.\n",
            "## API\n",
            table(ApiMetrics()),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
