"""Does each NetworkPolicy select the pods it means, and does what is allowed add up to what is named and no more?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from tests.chart.rendering import classes_of, find, objects

Json = dict[str, Any]
FETCH = {"classes": {"fetch": {"timeLimitSeconds": 1, "egress": "open"}}}
DATABASE = (frozenset({"10.0.3.7/32"}), frozenset({("TCP", 5432)}))
STORE = (frozenset({"10.0.4.0/24"}), frozenset({("TCP", 443)}))
API = (frozenset(), frozenset({("TCP", 443), ("TCP", 6443)}))
DNS = (frozenset({"kube-system k8s-app=kube-dns"}), frozenset({("UDP", 53), ("TCP", 53)}))
OPEN = (
    frozenset({"0.0.0.0/0 but 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16"}),
    frozenset(),
)
NO_DNS = {"dnsPolicy": "None", "hostAliases": [{"ip": "10.0.3.7", "hostnames": ["db"]}]}


def matches(selector: Json, labels: Json) -> bool:
    """A label selector as Kubernetes reads it."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return True


def peer(one: Json) -> str:
    if "ipBlock" in one:
        block = one["ipBlock"]
        return block["cidr"] + (f" but {' '.join(sorted(block['except']))}" if "except" in block else "")
    labels = ",".join(f"{key}={value}" for key, value in one["podSelector"]["matchLabels"].items())
    return f"{one['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']} {labels}"


def reached(found: list[Json], namespace: str, labels: Json) -> tuple[bool, set[Any]]:
    """Whether a pod is shut in both ways, and what it may reach: all policies that select it, added up."""
    policies = [
        one["spec"]
        for one in found
        if one["kind"] == "NetworkPolicy"
        and one["metadata"]["namespace"] == namespace
        and matches(one["spec"]["podSelector"], labels)
    ]
    assert [one for one in policies if one.get("ingress")] == [], "nobody connects to a pod of ours"
    directions = {direction for one in policies for direction in one["policyTypes"]}
    rules = [rule for one in policies for rule in one.get("egress", [])]
    allowed = {
        (
            frozenset(peer(one) for one in rule.get("to", [])),
            frozenset((port["protocol"], port["port"]) for port in rule.get("ports", [])),
        )
        for rule in rules
    }
    return directions == {"Ingress", "Egress"}, allowed


def labels_of_a_run(found: list[Json], kind: str) -> Json:
    """The labels that the operator gives to a pod."""
    given = classes_of(found)
    built = build_job(JobOrder("a", kind, "regen-runs", 300), given, given.by_type[kind])
    return dict(built["spec"]["template"]["metadata"]["labels"])


def labels_of(found: list[Json], kind: str, name: str) -> Json:
    return dict(find(found, kind, name)["spec"]["template"]["metadata"]["labels"])


def test_a_run_reaches_database_store_and_dns() -> None:
    found = objects(FETCH)
    assert reached(found, "regen-runs", labels_of_a_run(found, "document")) == (True, {DATABASE, STORE, DNS})


def test_a_run_of_a_class_with_egress_reaches_public_addresses_too() -> None:
    found = objects(FETCH)
    assert reached(found, "regen-runs", labels_of_a_run(found, "fetch")) == (True, {DATABASE, STORE, DNS, OPEN})


def test_without_such_a_class_nothing_is_open() -> None:
    assert [one for one in objects() if one["metadata"]["name"] == "regen-runner-open-egress"] == []


def test_a_pod_that_is_not_ours_reaches_nothing() -> None:
    assert reached(objects(FETCH), "regen-runs", {"regeneration.dev/type": "fetch"}) == (True, set())


def test_the_operator_reaches_database_api_server_and_dns() -> None:
    found = objects()
    assert reached(found, "regen", labels_of(found, "Deployment", "regen-operator")) == (True, {DATABASE, API, DNS})


def test_the_migration_reaches_the_database_and_dns() -> None:
    found = objects()
    assert reached(found, "regen", labels_of(found, "Job", "regen-migrate")) == (True, {DATABASE, DNS})


def test_other_pods_of_the_releases_namespace_are_left_alone() -> None:
    assert reached(objects(), "regen", {"app": "theirs"}) == (False, set())


@pytest.mark.parametrize(("part", "namespace"), [("runner", "regen-runs"), ("operator", "regen")])
def test_no_port_53_where_no_dns_is_used(part: str, namespace: str) -> None:
    found = objects({part: NO_DNS})
    labels = labels_of_a_run(found, "document") if part == "runner" else labels_of(found, "Deployment", "regen-operator")
    shut, allowed = reached(found, namespace, labels)
    assert shut
    assert DNS not in allowed
    assert DATABASE in allowed


def test_the_deployments_and_the_budgets_selector_is_its_pods() -> None:
    found = objects()
    labels = labels_of(found, "Deployment", "regen-operator")
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert matches(find(found, kind, "regen-operator")["spec"]["selector"], labels)
        assert not matches(find(found, kind, "regen-operator")["spec"]["selector"], labels_of(found, "Job", "regen-migrate"))


def test_they_can_be_left_to_others() -> None:
    values = {"network": {"enabled": False, "database": {"cidrs": []}, "store": {"cidrs": []}}}
    assert [one for one in objects(values) if one["kind"] == "NetworkPolicy"] == []
