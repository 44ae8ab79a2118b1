"""Are label values bounded, counters there before they rise, and a page rendered once however often it is asked for?"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regen_core.errors import Classification
from regen_core.states import JobStatus
from regen_operator.rows.values import Outcome, QueueGroup
from regen_operator.telemetry.metrics import Metrics

AT = datetime(2026, 1, 1, 12, 0, 0)  # noqa: DTZ001 - as the database gives it


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(["document", "export"])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def ended(job_type: str | None, status: str = "FAILED", **more: str | None) -> Outcome:
    given = {"classification": "lost", "reason": None} | more
    if status == "COMPLETED":
        given["classification"] = None
    times = [AT + timedelta(seconds=seconds) for seconds in (0, 1, 3, 10)]
    return Outcome("j", job_type, JobStatus(status), given["classification"], given["reason"], None, None, *times)


def test_a_type_without_a_class_and_a_cause_that_is_unknown_are_other(metrics: Metrics) -> None:
    for strange in ("painting", None, "", "x" * 1000):
        metrics.ended(ended(strange, reason="anything at all"))
        metrics.queue([QueueGroup(strange, "Queued", 2, 5.0)])
    names = {label for family in metrics.registry.collect() for sample in family.samples for label in sample.labels.values()}
    assert not names & {"painting", "anything at all", "x" * 1000}
    assert value(metrics, "regen_jobs_finished_total", type="other", status="FAILED", classification="lost") == 4
    assert value(metrics, "regen_job_failure_causes_total", cause="other") == 4


def test_every_way_to_end_is_there_at_zero(metrics: Metrics) -> None:
    for kind in ("document", "export", "other"):
        assert value(metrics, "regen_jobs_finished_total", type=kind, status="COMPLETED", classification="") == 0
        for classification in Classification:
            labels = {"type": kind, "status": "FAILED", "classification": str(classification)}
            assert value(metrics, "regen_jobs_finished_total", **labels) == 0


def test_the_phases_of_a_job_are_those_of_its_stamps(metrics: Metrics) -> None:
    metrics.ended(ended("document", "COMPLETED"))
    took = {
        phase: value(metrics, "regen_job_phase_seconds_sum", phase=phase, type="document")
        for phase in ("queued", "fenced", "committed", "whole")
    }
    assert took == {"queued": 1.0, "fenced": 2.0, "committed": 7.0, "whole": 10.0}
    seconds = (AT - datetime(1970, 1, 1)).total_seconds() + 10  # noqa: DTZ001
    assert value(metrics, "regen_store_last_success_timestamp_seconds") == seconds


def test_groups_that_share_a_label_are_one(metrics: Metrics) -> None:
    metrics.queue(
        [QueueGroup("a", "Queued", 2, 5.0), QueueGroup("b", "Queued", 3, 50.0), QueueGroup("export", "CapType", 1, 9.0)]
    )
    assert value(metrics, "regen_queue_jobs", type="other", reason="Queued") == 5
    assert value(metrics, "regen_queue_oldest_seconds", type="other", reason="Queued") == 50.0
    metrics.queue([])
    assert value(metrics, "regen_queue_jobs", type="export", reason="CapType") is None


def test_slots_are_what_the_caps_leave(metrics: Metrics) -> None:
    metrics.slots({"document": 3, "painting": 1}, 5, {"document": 2, "export": 4})
    assert value(metrics, "regen_slots_used") == 4
    assert value(metrics, "regen_slots_free") == 1
    assert value(metrics, "regen_type_slots_free", type="document") == 0
    assert value(metrics, "regen_type_slots_free", type="export") == 4
    assert value(metrics, "regen_running_jobs", type="other") == 1


def test_an_age_that_is_not_known_is_no_number(metrics: Metrics) -> None:
    metrics.export_age("sweep", lambda: None)
    metrics.export_age("database", lambda: 2.5)
    found = value(metrics, "regen_operator_last_success_age_seconds", activity="sweep")
    assert found is not None
    assert math.isnan(found)
    assert value(metrics, "regen_operator_last_success_age_seconds", activity="database") == 2.5


async def test_a_page_is_rendered_once_for_all_who_ask_and_others_work_meanwhile(metrics: Metrics) -> None:
    asked: list[int] = []
    metrics.export_age("database", lambda: asked.append(1) or 0.0)
    slices = 0

    async def work() -> None:
        nonlocal slices
        while True:
            slices += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    pages = await asyncio.gather(*(metrics.page() for _ in range(100)))
    working.cancel()
    assert len({id(page) for page in pages}) == 1
    assert len(asked) == 1
    assert slices > 20
    families = {family.name for family in text_string_to_metric_families(pages[0].decode())}
    assert {"regen_build_info", "regen_jobs_finished", "process_resident_memory_bytes"} <= families
