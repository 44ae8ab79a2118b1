"""Does an image that cannot be had make the container wait with Kubernetes' own reasons?"""

from __future__ import annotations

import pytest

from kubelite_tests.node.conftest import Cluster, shell, state_of


@pytest.mark.parametrize(
    ("image", "policy", "reason"),
    [
        ("unknown:dev", "IfNotPresent", "ErrImagePull"),
        ("unknown:dev", "IfNotPresent", "ImagePullBackOff"),
        ("unknown:dev", "Never", "ErrImageNeverPull"),
        ("Not An Image", "IfNotPresent", "InvalidImageName"),
    ],
)
async def test_the_reason_of_waiting(cluster: Cluster, image: str, policy: str, reason: str) -> None:
    cluster.job("unpullable", shell("exit 0") | {"image": image, "imagePullPolicy": policy})

    def waits(pod: dict[str, object]) -> bool:
        return f"'reason': '{reason}'" in str(pod["status"])

    pod = await cluster.until("pods", waits)
    assert state_of(pod)["waiting"]["reason"] == reason
    assert image in state_of(pod)["waiting"]["message"]
    assert pod["status"]["phase"] == "Pending"


async def test_a_pod_that_waits_for_its_image_can_be_deleted(cluster: Cluster) -> None:
    cluster.job("unpullable", shell("exit 0") | {"image": "unknown:dev"})
    await cluster.until("pods", lambda pod: "ImagePullBackOff" in str(pod["status"]))
    cluster.store.delete("jobs.batch", "default", "unpullable", propagation="Foreground")
    await cluster.until_gone("jobs.batch", "unpullable")
    assert cluster.pods("unpullable") == []
