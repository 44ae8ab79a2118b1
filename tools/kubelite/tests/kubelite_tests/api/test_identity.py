"""What does the server give a new object that its maker does not?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_a_uid_and_a_creation_time_that_the_maker_cannot_choose(kube: Kube, namespace: str) -> None:
    mine = config_map("a", uid="mine", creationTimestamp="2001-01-01T00:00:00Z")
    meta = (await kube.made(f"/api/v1/namespaces/{namespace}/configmaps", mine))["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", meta["uid"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", meta["creationTimestamp"])
    assert meta["creationTimestamp"] > "2001-01-01T00:00:00Z"


async def test_another_uid_when_the_name_is_made_again(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = await kube.made(path, config_map("a"))
    await kube.delete(f"{path}/a")
    new = await kube.made(path, config_map("a"))
    assert new["metadata"]["uid"] != old["metadata"]["uid"]


async def test_a_revision_that_grows_across_objects(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = [await kube.made(path, config_map(name)) for name in ("a", "b")]
    changed = (await kube.patch(f"{path}/a", {"data": {"a": "2"}})).body
    revisions = [int(obj["metadata"]["resourceVersion"]) for obj in [*made, changed]]
    assert revisions == sorted(set(revisions))


async def test_a_name_behind_generate_name(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    names = {(await kube.made(path, {"metadata": {"generateName": "gen-"}}))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"gen-[bcdfghjklmnpqrstvwxz2456789]{5}", name) for name in names)


async def test_no_revision_may_be_given(kube: Kube, namespace: str) -> None:
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a", resourceVersion="5"))
    assert (answer.status, answer.reason) in {(400, "BadRequest"), (500, "")}
    assert "resourceVersion should not be set on objects to be created" in answer.message
