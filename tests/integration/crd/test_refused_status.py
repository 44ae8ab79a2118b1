"""Is a resource made again whose status an API server's own rules refuse to set back? Only a real API server can say."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml
from psycopg.types.json import Jsonb

from kubelite_tests.api.kube import PATIENCE, unique
from regen_core.names import job_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kubelite_tests.api.kube import Kube
    from tests.database_fixtures import Database
    from tests.integration.crd.regeneration_jobs import RegenerationJobs

pytestmark = pytest.mark.parametrize("server", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)

CLASSES: dict[str, Any] = {
    "runner": {
        "image": "runner:1",
        "outputUrl": "s3://regen/outputs",
        "databaseSecret": {"name": "regen-runner-database", "key": "url"},
        "storeSecret": "regen-runner-store",
    },
    "classes": {"document": {"timeLimitSeconds": 60}},
}


@asynccontextmanager
async def operator(environment: dict[str, str]) -> AsyncIterator[None]:
    """The program itself."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "regen_operator.main", env=environment)
    try:
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)


@pytest_asyncio.fixture
async def environment(
    kube: Kube, namespace: str, database: Database, kubeconfig: Path, tmp_path: Path
) -> AsyncIterator[dict[str, str]]:
    """That of an operator in namespaces of the test's own."""
    classes, runs = tmp_path / "classes.yaml", unique("runs")
    classes.write_text(yaml.safe_dump(CLASSES))
    await kube.made("/api/v1/namespaces", {"metadata": {"name": runs}})
    yield os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "REGEN_DATABASE_URL": database.operator_url,
        "REGEN_CLASSES_FILE": str(classes),
        "REGEN_NAMESPACE": namespace,
        "REGEN_RUNNER_NAMESPACE": runs,
        "REGEN_WAITING_STATUS_DELAY_SECONDS": "60",
        "REGEN_STARTING_STATUS_DELAY_SECONDS": "0.5",
        "REGEN_LEASE_SECONDS": "3",
        "REGEN_HEALTH_HOST": "127.0.0.1",
        "REGEN_HEALTH_PORT": "0",
    }
    await kube.delete(f"/api/v1/namespaces/{runs}")


async def test_it_is_made_again_with_the_status_of_the_row(
    kube: Kube, jobs: RegenerationJobs, database: Database, environment: dict[str, str]
) -> None:
    job_id, instruction = unique("job"), Jsonb({"type": "document", "version": 1, "inputs": {}})
    with database.connect() as connection:
        connection.execute('INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', (job_id, instruction))
    path = f"{jobs.path}/{job_name(job_id)}"
    async with operator(environment):
        shown = await kube.until(path, lambda body: body.get("status", {}).get("phase") == "RUNNING")
    ahead = {"status": {"phase": "COMPLETED", "outputRef": "s3://elsewhere/manifest.json"}}
    assert (await kube.patch(f"{path}/status", ahead)).status == 200
    async with operator(environment):
        again = await kube.until(path, lambda body: body.get("status", {}).get("phase") == "RUNNING")
    assert again["metadata"]["uid"] != shown["metadata"]["uid"]
    assert (again["status"]["jobId"], again["status"].get("outputRef")) == (job_id, None)
