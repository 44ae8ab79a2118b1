"""What becomes of an object when its owner is deleted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import config_map, job, owned

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_background_the_owner_goes_and_then_what_it_owns(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await kube.made(path, config_map("owner"))
    child = await kube.made(path, owned(config_map("child"), owner))
    await kube.made(path, owned(config_map("grandchild"), child))
    await kube.delete(f"{path}/owner", {"propagationPolicy": "Background"})
    assert (await kube.get(f"{path}/owner")).status == 404
    await kube.until_gone(f"{path}/child")
    await kube.until_gone(f"{path}/grandchild")


async def test_orphan_what_it_owned_stays_and_forgets_it(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await kube.made(path, config_map("owner"))
    await kube.made(path, owned(config_map("child"), owner))
    await kube.delete(f"{path}/owner", {"propagationPolicy": "Orphan"})
    await kube.until_gone(f"{path}/owner")
    assert "ownerReferences" not in (await kube.get(f"{path}/child")).meta


async def test_foreground_the_owner_waits_for_what_blocks_it(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await kube.made(path, config_map("owner"))
    await kube.made(path, owned(config_map("child", finalizers=["example.test/hold"]), owner, blocks=True))
    answer = await kube.delete(f"{path}/owner", {"propagationPolicy": "Foreground"})
    assert answer.meta["finalizers"] == ["foregroundDeletion"]
    await kube.until(f"{path}/child", lambda child: "deletionTimestamp" in child["metadata"])
    assert "deletionTimestamp" in (await kube.get(f"{path}/owner")).meta
    await kube.patch(f"{path}/child", {"metadata": {"finalizers": None}})
    await kube.until_gone(f"{path}/owner")


async def test_an_object_with_another_owner_that_lives_stays(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owners = [await kube.made(path, config_map(name)) for name in ("gone", "lives")]
    await kube.made(path, owned(owned(config_map("child"), owners[0]), owners[1]))
    await kube.delete(f"{path}/gone", {"propagationPolicy": "Background"})
    child = await kube.until(f"{path}/child", lambda found: len(found["metadata"]["ownerReferences"]) == 1)
    assert child["metadata"]["ownerReferences"][0]["name"] == "lives"


async def test_an_object_whose_owner_never_was_goes(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await kube.made(path, config_map("owner"))
    await kube.delete(f"{path}/owner")
    await kube.made(path, owned(config_map("child"), owner))
    await kube.until_gone(f"{path}/child")


@pytest.mark.parametrize(("policy", "stays"), [(None, True), ("Background", False)])
async def test_a_jobs_default_is_to_orphan(kube: Kube, namespace: str, policy: str | None, *, stays: bool) -> None:
    jobs, maps = f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await kube.made(jobs, job("owner"))
    await kube.made(maps, owned(config_map("child"), owner))
    await kube.delete(f"{jobs}/owner", {"propagationPolicy": policy} if policy else None)
    await kube.until_gone(f"{jobs}/owner")
    if stays:
        await kube.until(f"{maps}/child", lambda child: "ownerReferences" not in child["metadata"])
    else:
        await kube.until_gone(f"{maps}/child")


async def test_an_unknown_policy_is_invalid(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a"))
    assert (await kube.delete(f"{path}/a", {"propagationPolicy": "Sideways"})).status == 422
