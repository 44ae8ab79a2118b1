"""Do the admission policies name what the operator's manifests hold? That they refuse is tested on a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from tests.chart.rendering import classes_of, find, objects

Json = dict[str, Any]
SPECIAL: Json = {
    "timeLimitSeconds": 9,
    "image": "mine:1",
    "egress": "open",
    "env": {"EXECUTOR_MODEL": "small"},
    "secretEnv": {"EXECUTOR_KEY": {"name": "provider", "key": "token"}},
}
VALUES: Json = {"classes": {"special": SPECIAL}}
SIGNED: Json = {"runner": {"signingKeySecret": {"name": "provenance", "key": "ed25519"}}}


@pytest.fixture(scope="module", params=[{}, SIGNED], ids=["unsigned", "signed"])
def found(request: pytest.FixtureRequest) -> list[Json]:
    return objects({**VALUES, **request.param})


def policy(found: list[Json], name: str) -> Json:
    return dict(find(found, "ValidatingAdmissionPolicy", f"{name}.regen-runs.regeneration.dev")["spec"])


def variable(found: list[Json], policy_name: str, name: str) -> Any:
    [text] = [one["expression"] for one in policy(found, policy_name)["variables"] if one["name"] == name]
    return json.loads(text)


def containers(found: list[Json], kind: str) -> list[Json]:
    given = classes_of(found)
    spec = build_job(JobOrder("a", kind, "regen-runs", 300), given, given.by_type[kind])["spec"]["template"]["spec"]
    return [*spec["initContainers"], *spec["containers"]]


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_the_mounts_are_those_of_the_manifests(found: list[Json], name: str) -> None:
    built = {
        one["name"]: [
            f"{mount['name']}:{mount['mountPath']}:{'ro' if mount.get('readOnly') else 'rw'}" for mount in one["volumeMounts"]
        ]
        for one in containers(found, "document")
    }
    assert variable(found, name, "mounts") == built


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_the_variables_are_those_of_the_manifests(found: list[Json], name: str) -> None:
    built = {one["name"]: [entry["name"] for entry in one["env"]] for one in containers(found, "document")}
    assert variable(found, name, "environment") == built


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_the_images_are_those_of_the_classes(found: list[Json], name: str) -> None:
    kinds = classes_of(found).types
    built = {kind: {one["image"] for one in containers(found, kind)} for kind in kinds}
    assert {kind: {image} for kind, image in variable(found, name, "images").items()} == built


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_the_signing_key_is_demanded_where_the_values_name_it_and_for_publish_alone(name: str) -> None:
    found = objects(SIGNED)
    [rule] = [one for one in policy(found, name)["validations"] if "emptyDir" in one["message"]]
    assert "secretName.orValue('') == 'provenance'" in rule["expression"]
    assert "== ['ed25519']" in rule["expression"]
    holders = [kind for kind, mounts in variable(found, name, "mounts").items() if "signing-key" in " ".join(mounts)]
    assert holders == ["publish"]
    [plain] = [one for one in policy(objects({}), name)["validations"] if "emptyDir" in one["message"]]
    assert "secret" not in plain["expression"]


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_what_executors_are_given_besides_is_what_their_classes_give(found: list[Json], name: str) -> None:
    fixed = variable(found, name, "environment")["execute"]
    [execute] = [one for one in containers(found, "special") if one["name"] == "execute"]
    given = [entry for entry in execute["env"] if entry["name"] not in fixed]
    references = [entry["valueFrom"]["secretKeyRef"] for entry in given if "valueFrom" in entry]
    assert [reference["name"] for reference in references] == ["provider"]
    assert variable(found, name, "grants") == {"special": ["EXECUTOR_MODEL=small", "EXECUTOR_KEY:provider:token"]}


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_what_execute_is_told_of_its_class_is_what_the_manifests_say(found: list[Json], name: str) -> None:
    told = variable(found, name, "sandboxes")
    assert set(told) == set(classes_of(found).types)
    for kind, settings in told.items():
        [execute] = [one for one in containers(found, kind) if one["name"] == "execute"]
        built = {f"{entry['name']}={entry.get('value')}" for entry in execute["env"]}
        assert set(settings) <= built
        assert [one.partition("=")[0] for one in settings] == [
            "REGEN_JOB_TYPE",
            "REGEN_SANDBOX",
            "REGEN_EGRESS",
            "REGEN_SUBPROCESSES",
        ]


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_values_with_a_dollar_are_compared_as_the_operator_writes_them(name: str) -> None:
    values = {
        "runner": {"outputUrl": "s3://bucket/$(X)", "builderId": "https://builder.example/$(X)"},
        "classes": {"special": {**SPECIAL, "env": {"EXECUTOR_MODEL": "$(X)", "EXECUTOR_PRICE": "5$"}}},
    }
    found = objects(values)
    [execute] = [one for one in containers(found, "special") if one["name"] == "execute"]
    built = {f"{entry['name']}={entry.get('value')}" for entry in execute["env"]}
    expected = {"EXECUTOR_MODEL=$$(X)", "EXECUTOR_PRICE=5$$"}
    assert expected <= built
    assert expected <= set(variable(found, name, "grants")["special"])
    rules = " ".join(one["expression"] for one in policy(found, name)["validations"])
    assert "'s3://bucket/$$(X)'" in rules
    assert "'https://builder.example/$$(X)'" in rules


@pytest.mark.parametrize("name", ["jobs", "pods"])
def test_the_runtime_is_that_of_the_class(name: str) -> None:
    found = objects({"classes": {"document": {"runtimeClassName": "gvisor"}}})
    assert variable(found, name, "runtimes") == {"document": "gvisor"}


def test_every_policy_denies_in_the_runner_namespace(found: list[Json]) -> None:
    names = {one["metadata"]["name"] for one in found if one["kind"] == "ValidatingAdmissionPolicy"}
    assert names == {f"{name}.regen-runs.regeneration.dev" for name in ("jobs", "changes", "pods", "entry", "resources")}
    for name in sorted(names):
        spec = find(found, "ValidatingAdmissionPolicy", name)["spec"]
        assert spec["failurePolicy"] == "Fail"
        binding = find(found, "ValidatingAdmissionPolicyBinding", name)["spec"]
        assert binding == {"policyName": name, "validationActions": ["Deny"]}
        if not name.startswith("resources."):
            selector = {"matchLabels": {"kubernetes.io/metadata.name": "regen-runs"}}
            assert spec["matchConstraints"]["namespaceSelector"] == selector


def test_custom_resources_are_guarded_wherever_they_are_read() -> None:
    found = objects({"operator": {"crNamespaces": ["team-a", "regen"]}})
    [expression] = policy(found, "resources")["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == ["regen", "team-a"]


def test_the_job_controllers_identity_is_a_value() -> None:
    found = objects({"admission": {"jobController": "system:kube-controller-manager"}})
    assert policy(found, "pods")["validations"][0]["expression"] == (
        "request.userInfo.username == 'system:kube-controller-manager'"
    )


def test_user_namespaces_are_demanded_where_the_values_say_so() -> None:
    def demanded(values: Json) -> bool:
        return any(one["message"] == "expected hostUsers: false" for one in policy(objects(values), "pods")["validations"])

    assert demanded({"runner": {"hostUsers": False}})
    assert not demanded({"runner": {"hostUsers": True}})
    assert not demanded({})
