"""Which objects does a selector find?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import config_map, pod

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=x", ["a", "b"]),
        ("app==x,tier=1", ["a"]),
        ("app!=x", ["c", "d"]),
        ("tier in (1, 2)", ["a", "b"]),
        ("tier notin (1)", ["b", "c", "d"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c", "d"]),
        ("app in (x,y),!tier", ["c"]),
        ("app=", []),
    ],
)
async def test_labels(kube: Kube, namespace: str, selector: str, names: list[str]) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    everyone = {"a": {"app": "x", "tier": "1"}, "b": {"app": "x", "tier": "2"}, "c": {"app": "y"}, "d": {}}
    for name, labels in everyone.items():
        await kube.made(path, config_map(name, labels=labels))
    found = (await kube.get(path, labelSelector=selector)).names
    assert [name for name in found if name in everyone] == names


@pytest.mark.parametrize("selector", ["a in (b", "=x", "a b"])
async def test_a_selector_that_is_none_is_a_bad_request(kube: Kube, namespace: str, selector: str) -> None:
    answer = await kube.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
    assert (answer.status, answer.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=a", ["a"]),
        ("metadata.name!=a", ["b"]),
        ("spec.nodeName=n1", ["a"]),
        ("spec.nodeName=", ["b"]),
        ("status.phase=Pending,metadata.name=b", ["b"]),
        ("status.phase=Running", []),
    ],
)
async def test_fields_of_pods(kube: Kube, namespace: str, selector: str, names: list[str]) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a", nodeName="n1"))
    await kube.made(path, pod("b"))
    assert (await kube.get(path, fieldSelector=selector)).names == names


async def test_a_field_that_nobody_selects_by_is_a_bad_request(kube: Kube, namespace: str) -> None:
    answer = await kube.get(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="spec.hostname=a")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert "field label not supported: spec.hostname" in answer.message


async def test_fields_that_a_definition_names(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a", colour="red"))
    await kube.made(widgets.path, widgets.new("b", colour="blue"))
    assert (await kube.get(widgets.path, fieldSelector="spec.colour=red")).names == ["a"]


async def test_fields_of_events(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/events"
    for name, about in (("e1", "p1"), ("e2", "p2")):
        involved = {"kind": "Pod", "namespace": namespace, "name": about}
        await kube.made(path, {"metadata": {"name": name}, "involvedObject": involved, "reason": "R", "type": "Normal"})
    selector = f"involvedObject.kind=Pod,involvedObject.name=p1,involvedObject.namespace={namespace}"
    assert (await kube.get(path, fieldSelector=selector)).names == ["e1"]
