"""May the operator do what it does, verb by verb, and nothing more?"""

from __future__ import annotations

from typing import Any

from tests.chart.rendering import find, objects

CUSTOM, STATUS = "regeneration.dev/regenerationjobs", "regeneration.dev/regenerationjobs/status"
WATCHED = {"batch/jobs": {"list", "watch"}, "/pods": {"list", "watch"}}
OWN = {
    CUSTOM: {"get", "list", "watch", "create", "patch", "delete"},
    STATUS: {"get", "patch", "update"},
    "coordination.k8s.io/leases": {"get", "create", "update", "patch"},
    "/events": {"create"},
    **WATCHED,
}
RUNNER = {
    "batch/jobs": {"get", "list", "watch", "create", "delete"},
    "/pods": {"get", "list", "watch"},
    "/events": {"list"},
    CUSTOM: {"list", "watch"},
}
USER_CREATED = {CUSTOM: {"get", "list", "watch", "patch"}, STATUS: {"get", "patch", "update"}, "/events": {"create"}, **WATCHED}


def rights(role: dict[str, Any]) -> dict[str, set[str]]:
    """``group/resource`` → verbs."""
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault(f"{group}/{resource}", set()).update(rule["verbs"])
    return found


def test_the_operators_rights() -> None:
    found = objects({"operator": {"crNamespaces": ["regen", "team-a"]}})
    roles = {one["metadata"]["namespace"]: rights(one) for one in found if one["kind"] == "Role"}
    assert roles == {"regen": OWN, "regen-runs": RUNNER, "team-a": USER_CREATED}


def test_nothing_is_granted_in_the_whole_cluster() -> None:
    assert [one for one in objects() if one["kind"] in {"ClusterRole", "ClusterRoleBinding"}] == []


def test_only_the_operator_is_bound() -> None:
    bindings = [one for one in objects({"operator": {"crNamespaces": ["team-a"]}}) if one["kind"] == "RoleBinding"]
    assert len(bindings) == 3
    for one in bindings:
        assert one["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "regen-operator"}
        assert one["subjects"] == [{"kind": "ServiceAccount", "name": "regen-operator", "namespace": "regen"}]


def test_no_role_names_a_secret_or_every_thing() -> None:
    for role in (one for one in objects({"operator": {"crNamespaces": ["team-a"]}}) if one["kind"] == "Role"):
        for name, verbs in rights(role).items():
            assert "secrets" not in name
            assert "*" not in name
            assert "*" not in verbs


def test_a_token_is_mounted_in_the_operator_alone() -> None:
    found = objects()
    assert find(found, "Deployment", "regen-operator")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert find(found, "Job", "regen-migrate")["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    accounts = [one for one in found if one["kind"] == "ServiceAccount"]
    assert {one["metadata"]["name"] for one in accounts} == {"regen-operator", "regen-runner"}
    assert all(one["automountServiceAccountToken"] is False for one in accounts)
