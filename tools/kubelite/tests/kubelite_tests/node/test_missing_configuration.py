"""Does a pod wait, with a reason, for what is missing, and go on when it appears?"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubelite_tests.node.conftest import Cluster, condition_types, shell, state_of

SECRET = {"metadata": {"name": "late"}, "data": {"key": base64.b64encode(b"here").decode()}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "key"}}}]}, 'secret "late" not found'),
        ({"envFrom": [{"secretRef": {"name": "late"}}]}, 'secret "late" not found'),
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
    ],
)
async def test_a_container_waits_with_a_config_error(cluster: Cluster, fields: dict[str, Any], message: str) -> None:
    cluster.job("waits", shell("exit 0", **fields))
    pod = await cluster.until("pods", lambda pod: "message" in str(pod["status"].get("containerStatuses")))
    assert state_of(pod) == {"waiting": {"reason": "CreateContainerConfigError", "message": message}}
    assert pod["status"]["phase"] == "Pending"


async def test_a_key_that_is_missing_is_named(cluster: Cluster) -> None:
    cluster.create("secrets", SECRET)
    cluster.job("waits", shell("exit 0", env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "other"}}}]))
    pod = await cluster.until("pods", lambda pod: "message" in str(pod["status"].get("containerStatuses")))
    assert state_of(pod)["waiting"]["message"] == "couldn't find key other in Secret default/late"


async def test_the_container_starts_when_the_secret_appears(cluster: Cluster) -> None:
    cluster.job("resumes", shell('test "$key" = here', envFrom=[{"secretRef": {"name": "late"}}]))
    await cluster.until("pods", lambda pod: "CreateContainerConfigError" in str(pod["status"]))
    cluster.create("secrets", SECRET)
    assert condition_types(await cluster.finished("resumes"))[-1][0] == "Complete"


async def test_a_volume_of_a_missing_secret_holds_the_pod_back_until_it_appears(cluster: Cluster) -> None:
    mounted = shell(
        'test "$(cat $FILE)" = here', volumeMounts=[{"name": "v", "mountPath": "/v"}], env=[{"name": "FILE", "value": "/v/key"}]
    )
    cluster.job("mounts", mounted, pod={"volumes": [{"name": "v", "secret": {"secretName": "late"}}]})
    event = await cluster.until("events", lambda event: event["reason"] == "FailedMount")
    assert 'secret "late" not found' in event["message"]
    assert state_of(cluster.pods("mounts")[0]) == {"waiting": {"reason": "ContainerCreating"}}
    cluster.create("secrets", SECRET)
    assert condition_types(await cluster.finished("mounts"))[-1][0] == "Complete"
