"""Does the command line find what a cluster holds of jobs, through the real kubectl?"""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from kubelite_tests.api.kube import job, pod
from regen_cli.cluster import cluster_objects
from regen_cli.exits import Unavailable
from regen_core.names import ANNOTATION_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY
from regen_verify import ClusterObject
from tests.integration.crd.regeneration_jobs import RegenerationJobs, regeneration_job
from tests.not_proven import missing

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite_tests.api.kube import Kube

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason=missing("kubectl"))


def ours(obj: dict[str, Any], job_id: str) -> dict[str, Any]:
    """The object as the operator marks it."""
    marks = {"labels": {LABEL_MANAGED_BY: MANAGED_BY}, "annotations": {ANNOTATION_JOB_ID: job_id}}
    return obj | {"metadata": obj["metadata"] | marks}


async def found(kubeconfig: Path, namespace: str, home: Path) -> set[ClusterObject]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubeconfig)}
    names = {"REGEN_NAMESPACE": namespace, "REGEN_RUNNER_NAMESPACE": namespace}
    return set(await asyncio.to_thread(cluster_objects, environment | names))


async def test_jobs_pods_and_custom_resources(
    kubeconfig: Path, kube: Kube, namespace: str, jobs: RegenerationJobs, tmp_path: Path
) -> None:
    batch, core = f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(batch, ours(job("regen-a"), "a"))
    await kube.made(batch, job("somebody-elses"))
    await kube.made(core, ours(pod("regen-a-x"), "a"))
    await kube.made(jobs.path, regeneration_job("mirrored"))
    await kube.patch(f"{jobs.path}/mirrored/status", {"status": {"jobId": "b", "phase": "PENDING"}})
    await kube.made(jobs.path, regeneration_job("not-yet-a-row"))
    assert await found(kubeconfig, namespace, tmp_path) == {
        ClusterObject("Job", namespace, "regen-a", "a"),
        ClusterObject("Pod", namespace, "regen-a-x", "a"),
        ClusterObject("RegenerationJob", namespace, "mirrored", "b"),
    }


async def test_a_cluster_without_our_definition(kubeconfig: Path, kube: Kube, namespace: str, tmp_path: Path) -> None:
    if (await kube.get("/apis/regeneration.dev/v1alpha1")).status == 200:
        pytest.skip("this cluster has our definition")
    with pytest.raises(Unavailable, match="have a resource type"):
        await found(kubeconfig, namespace, tmp_path)
