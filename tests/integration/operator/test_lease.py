"""Does one replica lead at a time, does another take over soon, and does none lead that cannot work?"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from regen_operator.kube.client import LEASES, KubeClient
from regen_operator.kube.lease import Lease
from regen_operator.kube.login import log_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from regen_operator.kube.login import Login


class Replica:
    def __init__(self, kube: KubeClient, name: str, *, seconds: float = 1.0) -> None:
        self.healthy = True
        self.leads = asyncio.Event()
        self.lost = asyncio.Event()
        self.lease = Lease(
            kube, namespace="regen", name="regen-operator", identity=name, seconds=seconds, healthy=lambda: self.healthy
        )

    async def duties(self) -> None:
        self.leads.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.lost.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.lease.run(self.duties))
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def soon(event: asyncio.Event, seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        await event.wait()


async def test_the_second_leads_at_once_when_the_first_stops(kube: KubeClient) -> None:
    first, second = Replica(kube, "first", seconds=30), Replica(kube, "second", seconds=30)
    async with first.running() as task:
        await soon(first.leads)
        async with second.running():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            began = time.monotonic()
            await soon(second.leads, 12)
            assert time.monotonic() - began < 10, "far sooner than the lease's 30 s"


async def test_a_leader_that_died_is_waited_for(kube: KubeClient, kubeconfig: Path) -> None:
    first, second = Replica(kube, "first", seconds=1.0), Replica(kube, "second", seconds=1.0)
    async with first.running() as task:
        await soon(first.leads)
        first.lease._record = None  # it dies without a word: nothing is released
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    began = time.monotonic()
    async with second.running():
        await soon(second.leads)
        assert time.monotonic() - began > 0.7


async def test_never_two_at_a_time(kube: KubeClient) -> None:
    replicas = [Replica(kube, f"r{number}") for number in range(3)]
    tasks = [asyncio.create_task(one.lease.run(one.duties)) for one in replicas]
    try:
        for _ in range(40):
            await asyncio.sleep(0.02)
            assert sum(one.lease.held for one in replicas) <= 1
        await soon(next(one for one in replicas if one.leads.is_set()).leads)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_leader_without_a_database_steps_down_and_another_takes_over(kube: KubeClient) -> None:
    first, second = Replica(kube, "first"), Replica(kube, "second")
    async with first.running():
        await soon(first.leads)
        async with second.running():
            first.healthy = False
            await soon(first.lost)
            await soon(second.leads)
            assert not first.lease.held


@pytest.mark.usefixtures("kubeconfig")
async def test_a_leader_without_an_api_server_steps_down() -> None:
    login = await log_in()

    async def same() -> Login:
        return login

    async with KubeClient(timeout_seconds=0.3, concurrency=2, log_in=same) as kube:
        only = Replica(kube, "only")
        async with only.running():
            await soon(only.leads)
            login.configuration.host = "http://127.0.0.1:9"
            await soon(only.lost)
            assert not only.lease.held


async def test_duties_that_die_end_the_replica(kube: KubeClient) -> None:
    lease = Lease(kube, namespace="regen", name="regen-operator", identity="x", seconds=3.0)

    async def duties() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(8):
            await lease.run(duties)
    record = (await kube.get(LEASES, "regen", "regen-operator")).body
    assert record["spec"]["holderIdentity"] == "", "the lease is released"
