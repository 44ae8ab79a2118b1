"""What does the server print for ``kubectl get``?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelite_tests.api.kube import job, pod

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def _table(kube: Kube, path: str) -> tuple[list[tuple[str, int]], list[list[Any]], dict[str, Any]]:
    body = (await kube.call("GET", path, headers=TABLE)).body
    assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [(column["name"], column["priority"]) for column in body["columnDefinitions"]]
    return columns, [row["cells"] for row in body["rows"]], body


async def test_a_custom_resource_by_its_printer_columns(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a", colour="red"))
    await kube.patch(f"{widgets.path}/a/status", {"status": {"phase": "X", "started": "2001-01-01T00:00:00Z"}})
    await kube.made(widgets.path, widgets.new("b"))
    columns, rows, body = await _table(kube, widgets.path)
    assert columns == [("Name", 0), ("Size", 0), ("Phase", 0), ("Colour", 1), ("Started", 0)]
    assert [row[:4] for row in rows] == [["a", 1, "X", "red"], ["b", 1, None, None]]
    assert rows[0][4].endswith("y")
    assert rows[1][4] in {None, "<unknown>"}
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert body["rows"][0]["object"]["metadata"]["name"] == "a"


async def test_a_job(kube: Kube, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    await kube.made(path, job("a"))
    columns, rows, _ = await _table(kube, path)
    assert [name for name, priority in columns if not priority] == ["Name", "Status", "Completions", "Duration", "Age"]
    assert [name for name, priority in columns if priority] == ["Containers", "Images", "Selector"]
    assert rows[0][:3] == ["a", "Running", "0/1"]
    assert rows[0][5:7] == ["main", "nowhere.invalid/nothing:1"]


async def test_a_pod(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    init = [{"name": name, "image": "nowhere.invalid/nothing:1"} for name in ("one", "two")]
    await kube.made(path, pod("a", nodeName="n1", initContainers=init))
    columns, rows, _ = await _table(kube, path)
    assert [name for name, priority in columns if not priority] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert rows[0][:3] == ["a", "0/1", "Pending"]
    assert rows[0][6] == "n1"


async def test_what_a_pods_init_containers_do(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    init = [{"name": name, "image": "nowhere.invalid/nothing:1"} for name in ("one", "two")]
    await kube.made(path, pod("a", nodeName="n1", initContainers=init, restartPolicy="Never"))
    common = {"image": "i", "imageID": "", "ready": False, "restartCount": 0}
    done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    for state, shown in (
        ({"running": {}}, "Init:1/2"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, "Init:ImagePullBackOff"),
        ({"terminated": {"exitCode": 64}}, "Init:ExitCode:64"),
        ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "Init:OOMKilled"),
    ):
        statuses = [common | {"name": "one", "state": done}, common | {"name": "two", "state": state}]
        patch = {"status": {"phase": "Pending", "initContainerStatuses": statuses}}
        answer = await kube.patch(f"{path}/a/status", patch)
        assert answer.status == 200, answer.body
        _, rows, _ = await _table(kube, path)
        assert rows[0][2] == shown


async def test_a_table_of_one_and_of_a_watch(kube: Kube, widgets: Widgets) -> None:
    made = await kube.made(widgets.path, widgets.new("a"))
    _, rows, _ = await _table(kube, f"{widgets.path}/a")
    assert [row[0] for row in rows] == ["a"]
    async with kube.watch(widgets.path, headers=TABLE, resourceVersion=made["metadata"]["resourceVersion"]) as events:
        await kube.patch(f"{widgets.path}/a", {"spec": {"size": 7}})
        event = await anext(events)
    assert (event["type"], event["object"]["kind"]) == ("MODIFIED", "Table")
    assert event["object"]["rows"][0]["cells"][:2] == ["a", 7]


async def test_metadata_alone_where_that_is_asked(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    body = (await kube.call("GET", widgets.path, headers=accept)).body
    assert body["kind"] == "PartialObjectMetadataList"
    assert "spec" not in body["items"][0]
