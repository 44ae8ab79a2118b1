"""Read regen's objects from Kubernetes through ``kubectl``, with the user's own credentials and plugins."""

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
    """Return regen's Jobs, pods and custom resources in the two namespaces that the environment names.

    Raises:
        SettingsInvalid: ``kubectl`` is not installed.
        Unavailable: ``kubectl`` failed or did not finish in time.
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
        msg = "KUBECONFIG is set, but kubectl is not installed. Install it, or pass --no-cluster."
        raise SettingsInvalid(msg) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"kubectl get {resource} did not finish within {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"kubectl get {resource} in namespace {namespace} failed: {last}")
    for item in json.loads(done.stdout)["items"]:
        job_id = _job_id(item)
        if job_id:
            yield ClusterObject(item["kind"], namespace, item["metadata"]["name"], job_id)


def _job_id(item: Mapping[str, Any]) -> str | None:
    """Return the job id from an annotation or a custom resource's status. A label can hold only a digest of it."""
    annotations = item["metadata"].get("annotations") or {}
    found = annotations.get(ANNOTATION_JOB_ID) or (item.get("status") or {}).get("jobId")
    return None if found is None else str(found)
