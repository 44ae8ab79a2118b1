"""Does a running operator's /metrics tell of a job's whole life, without asking anybody when it is scraped?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from regen_operator.main import Operator

if TYPE_CHECKING:
    from pathlib import Path

    from regen_operator.launch.classes import Classes
    from regen_operator.settings import Settings
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(port: int | None) -> Samples:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_a_job_from_the_queue_to_its_end(world: World, running: Running) -> None:
    async def shows(name: str, at_least: float, **labels: str) -> bool:
        return (of(await scrape(operator.health_port), name, **labels) or 0.0) >= at_least

    async def until(name: str, at_least: float = 1, **labels: str) -> None:
        await world.until(f"{name} {labels}", lambda: shows(name, at_least, **labels))

    async with running(metrics_seconds=0.1, cap_total=1, cap_types={"document": 1}) as operator:
        await world.until("it listens", lambda: operator.health_port)
        await until("regen_operator_leader")
        await until("regen_operator_listening")
        first = await world.insert("document")
        await world.until("the Job is made", lambda: world.job(first))
        await until("regen_running_jobs", type="document")
        await world.insert("document")
        await until("regen_queue_jobs", type="document", reason="CapType")
        await until("regen_queue_oldest_seconds", 0.2, type="document", reason="CapType")
        pod = world.make_pod(first)
        await world.start(first, pod["metadata"]["uid"], pod["metadata"]["name"])
        await world.complete(first)
        await until("regen_jobs_finished_total", type="document", status="COMPLETED", classification="")
        samples = await scrape(operator.health_port)
    for phase in ("queued", "mirrored", "launched", "fenced", "committed", "whole"):
        assert (of(samples, "regen_job_phase_seconds_count", phase=phase, type="document") or 0) >= 1, phase
    assert (of(samples, "regen_operator_claims_total", type="document") or 0) >= 1
    assert (of(samples, "regen_operator_launches_total", type="document", outcome="launched") or 0) >= 1
    assert (of(samples, "regen_operator_api_request_seconds_count", verb="POST", resource="jobs") or 0) >= 1
    assert (of(samples, "regen_operator_database_call_seconds_count", call="claim") or 0) >= 1
    assert of(samples, "regen_sandbox_required", type="document") == 1
    assert of(samples, "regen_slots_free") == 0
    ages = {dict(labels)["activity"] for name, labels in samples if name == "regen_operator_last_success_age_seconds"}
    assert ages == {"database", "api", "list", "watch_jobs", "watch_regenerationjobs", "queue_metrics", "claim", "sweep"}


async def test_a_page_needs_neither_the_database_nor_the_cluster(
    settings: Settings, classes: Classes, kubeconfig: Path
) -> None:
    operator = Operator(settings, classes)
    text = (await operator.metrics.page()).decode()
    found = {(s.name, tuple(s.labels.values())): s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert found["regen_operator_leader", ()] == 0
    assert math.isnan(found["regen_operator_last_success_age_seconds", ("database",)])
