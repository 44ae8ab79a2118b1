"""Is what kubelite does not emulate refused by name, never guessed?"""

from __future__ import annotations

from typing import Any

import pytest

from kubelite_tests.node.conftest import Cluster, condition_types, shell


@pytest.mark.parametrize(
    ("pod", "container", "named"),
    [
        ({"hostNetwork": True}, {}, "spec.hostNetwork"),
        ({"hostUsers": False}, {}, "spec.hostUsers"),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]},
            {},
            "spec.topologySpreadConstraints",
        ),
        ({"restartPolicy": "OnFailure"}, {}, "spec.restartPolicy"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, {}, "spec.volumes[v].hostPath"),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
            {},
            "spec.volumes[v].persistentVolumeClaim",
        ),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]},
            {},
            "spec.volumes[v].projected.serviceAccountToken",
        ),
        ({}, {"livenessProbe": {"exec": {"command": ["true"]}}}, "spec.containers[main].livenessProbe"),
        ({}, {"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}, "spec.containers[main].lifecycle"),
        ({}, {"restartPolicy": "Always"}, "spec.containers[main].restartPolicy"),
        (
            {},
            {"env": [{"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]},
            "env[M].valueFrom.resourceFieldRef",
        ),
    ],
)
async def test_the_pod_fails_and_names_the_field(
    cluster: Cluster, pod: dict[str, Any], container: dict[str, Any], named: str
) -> None:
    cluster.job("strange", shell("exit 0", **container), pod=pod)
    status = (await cluster.ended_pod("strange"))["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "NotEmulated")
    assert named in status["message"]


async def test_a_job_of_a_kind_that_is_not_emulated_fails_and_names_the_field(cluster: Cluster) -> None:
    cluster.job("indexed", shell("exit 0"), completionMode="Indexed", completions=2)
    job = await cluster.finished("indexed")
    assert condition_types(job)[-1] == ("Failed", "NotEmulated")
    assert "spec.completionMode" in job["status"]["conditions"][-1]["message"]
    assert cluster.pods("indexed") == []
