"""Is a container's environment what the spec and the image say, and nothing else?"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from kubelite_tests.node.conftest import Cluster, python

if TYPE_CHECKING:
    import pytest

PRINT = "import json, os; print(json.dumps(dict(os.environ))); print('end')"


async def environment_of(cluster: Cluster, *env: dict[str, Any], **fields: Any) -> dict[str, str]:
    """What a process sees that is started with these variables."""
    metadata = {"labels": {"regeneration.dev/type": "document"}, "annotations": {"regeneration.dev/job-id": "Job:1"}}
    pod = fields.pop("pod", {})
    cluster.job("env", python(PRINT, env=list(env), **fields), metadata=metadata, pod=pod)
    text = await cluster.logs(await cluster.ended_pod("env"), line="end")
    found: dict[str, str] = json.loads(text.splitlines()[0])
    found.pop("LC_CTYPE", None)  # the interpreter's own
    return found


async def test_nothing_of_kubelites_own_environment_is_inherited(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "leaked")
    found = await environment_of(cluster, {"name": "A", "value": "1"})
    assert found.keys() == {"PATH", "FROM_IMAGE", "A", "REGEN_TERMINATION_LOG"}


async def test_values_of_the_spec_win_over_the_image_and_expand_references(cluster: Cluster) -> None:
    found = await environment_of(
        cluster,
        {"name": "FROM_IMAGE", "value": "no"},
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)-$(MISSING)-$$(A)"},
    )
    assert (found["FROM_IMAGE"], found["B"]) == ("no", "1-$(MISSING)-$(A)")


async def test_the_downward_api_names_the_pod(cluster: Cluster) -> None:
    paths = {
        "NAME": "metadata.name",
        "UID": "metadata.uid",
        "NAMESPACE": "metadata.namespace",
        "NODE": "spec.nodeName",
        "TYPE": "metadata.labels['regeneration.dev/type']",
        "ID": "metadata.annotations['regeneration.dev/job-id']",
    }
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]
    found = await environment_of(cluster, *env)
    pod = cluster.pods("env")[0]["metadata"]
    expected = {"NAME": pod["name"], "UID": pod["uid"], "NAMESPACE": "default", "NODE": "kubelite"}
    assert {name: found[name] for name in paths} == expected | {"TYPE": "document", "ID": "Job:1"}


async def test_secrets_and_config_maps_become_variables(cluster: Cluster) -> None:
    data = {"url": base64.b64encode(b"postgresql://x").decode(), "AWS_KEY": base64.b64encode(b"k").decode()}
    cluster.create("secrets", {"metadata": {"name": "s"}, "data": data})
    cluster.create("configmaps", {"metadata": {"name": "c"}, "data": {"COLOUR": "blue"}})
    found = await environment_of(
        cluster,
        {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "url"}}},
        {"name": "OPTIONAL", "valueFrom": {"secretKeyRef": {"name": "none", "key": "url", "optional": True}}},
        envFrom=[{"secretRef": {"name": "s"}}, {"prefix": "C_", "configMapRef": {"name": "c"}}],
    )
    assert (found["URL"], found["AWS_KEY"], found["C_COLOUR"]) == ("postgresql://x", "k", "blue")
    assert "OPTIONAL" not in found


async def test_a_value_that_begins_with_a_mount_path_names_the_real_folder(cluster: Cluster) -> None:
    found = await environment_of(
        cluster,
        {"name": "IN", "value": "/regen/in"},
        {"name": "FILE", "value": "/regen/in/sources/a.csv"},
        {"name": "OTHER", "value": "/regen/input"},
        volumeMounts=[{"name": "in", "mountPath": "/regen/in"}],
        pod={"volumes": [{"name": "in", "emptyDir": {}}]},
    )
    folder = cluster.folder / "node" / "pods" / cluster.pods("env")[0]["metadata"]["uid"] / "volumes" / "in"
    assert (found["IN"], found["FILE"]) == (str(folder), str(folder / "sources/a.csv"))
    assert found["OTHER"] == "/regen/input"
