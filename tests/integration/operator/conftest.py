"""The operator's parts against real servers.

Real: PostgreSQL with its functions and roles, HTTP to the embedded Kubernetes API, kopf's watches. Played by the tests: the
Job controller, the kubelet and the runner (fences and reports through the runner's own database role).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from kubelite.api import KubernetesAPI
from regen_operator.kube.client import KubeClient
from regen_operator.launch.classes import Classes, parse_classes
from regen_operator.main import Operator
from regen_operator.rows.database import Database as OperatorDatabase
from regen_operator.settings import Settings
from regen_stack.config import StackConfig
from regen_stack.objects import install
from tests.integration.operator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.database_fixtures import Database

    Running = Callable[..., AbstractAsyncContextManager[Operator]]

FAST: dict[str, Any] = {
    "poll_seconds": 0.2,
    "sweep_seconds": 0.2,
    "resync_seconds": 0.5,
    "mirror_delay_seconds": 0.05,
    "running_status_delay_seconds": 0.1,
    "starting_status_delay_seconds": 0.5,
    "waiting_status_delay_seconds": 0.2,
    "lease_seconds": 3,
    "health_host": "127.0.0.1",
    "health_port": 0,
    "grace_seconds": 1,
}


@pytest_asyncio.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    """An embedded Kubernetes API with the CRD and both namespaces; nothing runs pods."""
    served = KubernetesAPI(bookmark_seconds=0.5)
    await served.start()
    install(served.store, StackConfig(), "postgresql://unused", {"AWS_ACCESS_KEY_ID": "unused"})
    yield served
    await served.stop()


@pytest.fixture
def kubeconfig(api: KubernetesAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = api.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest_asyncio.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(timeout_seconds=5.0, concurrency=8) as client:
        yield client


@pytest.fixture
def classes() -> Classes:
    runner = {
        "image": "runner:1",
        "outputUrl": "s3://regen/outputs",
        "databaseSecret": {"name": "regen-runner-database", "key": "url"},
        "storeSecret": "regen-runner-store",
    }
    return parse_classes(
        {"runner": runner, "classes": {"document": {"timeLimitSeconds": 60}, "export": {"timeLimitSeconds": 60}}}
    )


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(database_url=database.operator_url, classes_file=tmp_path / "unused.yaml", **FAST)


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncIterator[OperatorDatabase]:
    opened = OperatorDatabase(settings.database_url, pool_size=4, timeout_seconds=10.0)
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def world(database: Database, api: KubernetesAPI) -> AsyncIterator[World]:
    async with World(database, api) as opened:
        yield opened


@pytest.fixture
def running(settings: Settings, classes: Classes, kubeconfig: Path) -> Running:
    """Runs a whole operator in this process; further settings by keyword."""

    @asynccontextmanager
    async def run(**more: Any) -> AsyncIterator[Operator]:
        operator = Operator(settings.model_copy(update=more), classes)
        stop = asyncio.Event()
        task = asyncio.create_task(operator.run(stop))
        try:
            yield operator
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task

    return run
