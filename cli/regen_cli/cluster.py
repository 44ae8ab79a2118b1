"""What Kubernetes holds of jobs, read through ``kubectl``, whose credentials and plugins are the person's own."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

from regen_cli.exits import Unavailable
from regen_core.errors import SettingsInvalid
from regen_core.names import ANNOTATION_JOB_ID, GROUP, LABEL_MANAGED_BY, MANAGED_BY, PLURAL
from regen_verify import ClusterObject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TIMEOUT_SECONDS: Final = 120
_QUERIES: Final = (
    ("jobs.batch", "REGEN_RUNNER_NAMESPACE", "regen-runs", f"{LABEL_MANAGED_BY}={MANAGED_BY}"),
    ("pods", "REGEN_RUNNER_NAMESPACE", "regen-runs", f"{LABEL_MANAGED_BY}={MANAGED_BY}"),
    (f"{PLURAL}.{GROUP}", "REGEN_NAMESPACE", "regen", ""),
)


def cluster_objects(environ: Mapping[str, str]) -> tuple[ClusterObject, ...]:
    """Every Job, pod and custom resource of regen's in the two namespaces that the environment names.

    Raises:
        SettingsInvalid: there is no ``kubectl``.
        Unavailable: it did not succeed in time.
    """
    return tuple(
        one
        for resource, variable, default, selector in _QUERIES
        for one in _found(resource, environ.get(variable) or default, selector, environ)
    )


def _found(resource: str, namespace: str, selector: str, environ: Mapping[str, str]) -> Iterator[ClusterObject]:
    command = ["kubectl", "get", resource, "--namespace", namespace, "--selector", selector, "--output", "json"]
    command.append("--request-timeout=30s")
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except FileNotFoundError as error:
        msg = "kubectl: expected it to be installed, since KUBECONFIG is set; --no-cluster leaves Kubernetes out"
        raise SettingsInvalid(msg) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"kubectl: expected {resource} within {_TIMEOUT_SECONDS} s, got none") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"kubectl: expected {resource} of namespace {namespace}, got: {last}")
    for item in json.loads(done.stdout)["items"]:
        job_id = _job_id(item)
        if job_id:
            yield ClusterObject(item["kind"], namespace, item["metadata"]["name"], job_id)


def _job_id(item: Mapping[str, Any]) -> str | None:
    """The annotation of a Job or pod, or the status of a custom resource; a label may hold only a digest of the id."""
    annotations = item["metadata"].get("annotations") or {}
    found = annotations.get(ANNOTATION_JOB_ID) or (item.get("status") or {}).get("jobId")
    return None if found is None else str(found)
