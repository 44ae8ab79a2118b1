"""Do containers of a pod share its volumes, and find Secrets, ConfigMaps and the downward API as files?"""

from __future__ import annotations

import base64
from typing import Any

from kubelite_tests.node.conftest import Cluster, condition_types, shell

MOUNT: dict[str, Any] = {
    "volumeMounts": [{"name": "v", "mountPath": "/shared"}],
    "env": [{"name": "SHARED", "value": "/shared"}],
}


async def test_an_empty_dir_is_shared_by_the_containers_of_a_pod(cluster: Cluster) -> None:
    cluster.job(
        "shares",
        shell('test "$(cat $SHARED/note)" = hello', **MOUNT),
        init=[shell("echo hello > $SHARED/note", "writer", **MOUNT)],
        pod={"volumes": [{"name": "v", "emptyDir": {}}]},
    )
    assert condition_types(await cluster.finished("shares"))[-1][0] == "Complete"


async def test_a_projected_volume_brings_files_of_several_kinds(cluster: Cluster) -> None:
    cluster.create("secrets", {"metadata": {"name": "s"}, "data": {"password": base64.b64encode(b"p").decode()}})
    cluster.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}})
    sources = [
        {"secret": {"name": "s"}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "deep/renamed"}]}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    check = "cd $SHARED && cat password deep/renamed name; test ! -e b"
    cluster.job("projects", shell(check, **MOUNT), pod={"volumes": [{"name": "v", "projected": {"sources": sources}}]})
    pod = await cluster.ended_pod("projects")
    assert (cluster.store.logs["default", pod["metadata"]["name"], "main"]).read_text() == "p1default"
    assert pod["status"]["phase"] == "Succeeded"


async def test_a_sub_path_is_a_folder_in_the_volume(cluster: Cluster) -> None:
    part = {"name": "v", "mountPath": "/part", "subPath": "inner"}
    cluster.job(
        "parts",
        shell("test -e $SHARED/inner/file", **MOUNT),
        init=[shell("touch $PART/file", "writer", volumeMounts=[part], env=[{"name": "PART", "value": "/part"}])],
        pod={"volumes": [{"name": "v", "emptyDir": {}}]},
    )
    assert condition_types(await cluster.finished("parts"))[-1][0] == "Complete"
