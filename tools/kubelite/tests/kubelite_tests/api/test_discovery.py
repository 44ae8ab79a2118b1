"""Can a client find out what is served?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


async def test_a_definition_appears_with_group_version_names_and_subresource(kube: Kube, widgets: Widgets) -> None:
    groups = {group["name"]: group for group in (await kube.get("/apis")).body["groups"]}
    assert groups[widgets.group]["preferredVersion"]["groupVersion"] == f"{widgets.group}/v1"
    assert (await kube.get(f"/apis/{widgets.group}")).body["kind"] == "APIGroup"
    found = {entry["name"]: entry for entry in (await kube.get(f"/apis/{widgets.group}/v1")).body["resources"]}
    assert set(found) == {"widgets", "widgets/status"}
    widget = found["widgets"]
    assert (widget["kind"], widget["namespaced"], widget["singularName"]) == ("Widget", True, "widget")
    assert set(widget["verbs"]) == {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}


async def test_a_definition_that_is_deleted_takes_its_objects_and_its_path(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    await kube.delete(widgets.definition)
    await kube.until_gone(widgets.definition)
    await kube.until_gone(widgets.path)


async def test_the_built_in_kinds_are_where_clients_look(kube: Kube) -> None:
    names = {entry["name"] for entry in (await kube.get("/api/v1")).body["resources"]}
    assert {"pods", "pods/log", "pods/status", "secrets", "configmaps", "namespaces", "events"} <= names
    names = {entry["name"] for entry in (await kube.get("/apis/batch/v1")).body["resources"]}
    assert {"jobs", "jobs/status"} <= names


async def test_an_unknown_group_is_not_found(kube: Kube) -> None:
    assert (await kube.get("/apis/nothing.example.test/v1/things")).status == 404
