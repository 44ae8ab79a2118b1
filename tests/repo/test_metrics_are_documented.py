"""Is docs/metrics.md what the code declares today, and does every name keep Prometheus' conventions?"""

from __future__ import annotations

import re

import pytest

from regen_api.metrics import Metrics as ApiMetrics
from regen_operator.telemetry.metrics import Metrics as OperatorMetrics
from tests.repo.metrics_reference import PAGE, exposed_name, families, labels, page

ALL = [*families(OperatorMetrics(["document"])), *families(ApiMetrics())]


def test_the_page_is_that_of_today() -> None:
    """``make reference`` writes it."""
    assert len(ALL) > 20
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("metric", ALL, ids=exposed_name)
def test_names_and_units_are_conventional(metric: object) -> None:
    name, sort = exposed_name(metric), metric._type
    assert re.fullmatch(r"regen_[a-z_]+", name)
    assert name.endswith("_total") == (sort == "counter")
    assert not re.search(r"(milli|micro)seconds|_(ms|kb|mb)\b|minutes|hours", name)
    if sort == "histogram":
        assert name.endswith("_seconds")
    assert metric._documentation.endswith(".")
    assert all(re.fullmatch(r"[a-z_]+", label) for label in labels(metric))
    assert not {"id", "job_id", "pod", "requester", "name"} & set(labels(metric))
