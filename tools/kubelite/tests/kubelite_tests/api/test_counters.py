"""Can a test count what a program asked of the API?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite.api import KubernetesAPI
    from kubelite_tests.api.kube import Kube


async def test_by_user_agent_verb_and_resource(ours: Kube, api: KubernetesAPI) -> None:
    headers = {"User-Agent": "me/1"}
    path = "/api/v1/namespaces/default/configmaps"
    await ours.call("POST", path, config_map("a"), headers=headers)
    await ours.call("GET", f"{path}/a", headers=headers)
    await ours.call("GET", path, headers=headers)
    patch = {"User-Agent": "me/1", "Content-Type": "application/merge-patch+json"}
    await ours.call("PATCH", "/api/v1/namespaces/default/status", {}, headers=patch)
    await ours.call("DELETE", path, headers=headers)
    mine = {(verb, resource): count for (agent, verb, resource), count in api.counters.items() if agent == "me/1"}
    assert mine == {
        ("create", "configmaps"): 1,
        ("get", "configmaps"): 1,
        ("list", "configmaps"): 1,
        ("patch", "namespaces/status"): 1,
        ("deletecollection", "configmaps"): 1,
    }
