"""Does a custom resource that is nested deeper than Python reads by itself stop anything but its own job?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from regen_operator.main import RECURSION_LIMIT
from tests.faults.http_proxy import HttpProxy
from tests.integration.operator.test_restored_database import lead_through

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubelite.api import KubernetesAPI
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World


@pytest.fixture
def deep_recursion() -> Iterator[None]:
    """What the program sets for itself."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION_LIMIT)
    yield
    sys.setrecursionlimit(before)


def nested(levels: int) -> dict[str, Any]:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return {"a": value}


def refused(world: World, name: str) -> bool:
    conditions = world.status(name).get("conditions") or []
    return any(one["type"] == "Refused" and one["reason"] == "Invalid" for one in conditions)


@pytest.mark.usefixtures("deep_recursion")
async def test_one_that_is_there_at_the_start_and_one_that_comes_are_refused(world: World, running: Running) -> None:
    world.apply("deep-before", nested(1200))
    async with running() as operator:
        await world.until("the one before is refused", lambda: refused(world, "deep-before"))
        world.apply("deep-later", nested(1200))
        await world.until("the later one is refused", lambda: refused(world, "deep-later"))
        world.apply("good")
        job_id = await world.until("the next is ingested", lambda: world.status("good").get("jobId"))
        await world.until("its Job is made", lambda: world.job(job_id))
        await operator.mirror.list_all()


async def test_a_list_that_cannot_be_parsed_does_not_end_the_operator(
    world: World, api: KubernetesAPI, kubeconfig: Path, running: Running
) -> None:
    port = urlsplit(api.url).port
    assert port is not None
    async with HttpProxy(port) as proxy:
        lead_through(kubeconfig, api.url, proxy.port)
        async with running(resync_seconds=0.1) as operator:
            # A row inserted earlier can be mirrored as waiting, and then RUNNING is shown only with its pod.
            await world.until("the operator leads", lambda: operator.lease.held)
            first = await world.insert()
            await world.until("a job is mirrored", lambda: world.phase(first) == "RUNNING")
            rule = proxy.add("GET", "/regenerationjobs?limit=", times=6, status=200, body=b"[" * 100_000)
            await world.until("six requests for lists had answers that nobody can read", lambda: rule.met == rule.times)
            later = await world.insert()
            await world.until("a later job is mirrored", lambda: world.phase(later) == "RUNNING")
