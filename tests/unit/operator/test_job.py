"""Is the Job the whole object that docs/contract.md#kubernetes describes?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from regen_operator.launch.classes import parse_classes
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from tests.unit.operator.values import classes

TOLERATIONS = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}
    for taint in ("not-ready", "unreachable")
]
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TRUSTED_RESOURCES = {
    "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "4Gi"},
    "limits": {"memory": "256Mi", "ephemeral-storage": "4Gi"},
}
DATABASE = {"name": "REGEN_DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}
LABELS = {
    "app.kubernetes.io/managed-by": "regen-operator",
    "regeneration.dev/job-id": "cm1a",
    "regeneration.dev/type": "document",
}


def env(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def build(job_id: str = "cm1a", **class_keys: Any) -> dict[str, Any]:
    given = classes(**class_keys)
    return build_job(JobOrder(job_id, "document", "regen-runs", 300), given, given.by_type["document"])


def mount(name: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})


def container(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "runner:1",
        "imagePullPolicy": "IfNotPresent",
        "command": ["regen-runner", name],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "securityContext": LOCKED,
        **more,
    }


def test_the_whole_job() -> None:
    prepare = container(
        "prepare",
        env=[
            *env(REGEN_JOB_ID="cm1a"),
            {"name": "REGEN_POD_UID", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}}},
            {"name": "REGEN_POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            DATABASE,
            *env(
                REGEN_ACTIVE_DEADLINE_SECONDS="660",
                REGEN_IN_DIR="/regen/in",
                REGEN_TRUST_DIR="/regen/trust",
                REGEN_OUTPUT_URL="s3://regen/outputs",
                REGEN_SOURCE_PREFIXES="",
                REGEN_SOURCE_HOSTS="",
                TMPDIR="/tmp",
                REGEN_TMP_DIR="/tmp",
            ),
        ],
        envFrom=[{"secretRef": {"name": "store"}}],
        volumeMounts=[mount("in", "/regen/in"), mount("trust", "/regen/trust"), mount("tmp-prepare", "/tmp")],
        resources=TRUSTED_RESOURCES,
    )
    execute = container(
        "execute",
        env=env(
            REGEN_JOB_TYPE="document",
            REGEN_TIME_LIMIT_SECONDS="60",
            REGEN_SANDBOX="require",
            REGEN_EGRESS="none",
            REGEN_SUBPROCESSES="false",
            REGEN_MAX_MEMORY_BYTES="0",
            REGEN_MAX_OUTPUT_BYTES="1073741824",
            REGEN_IN_DIR="/regen/in",
            REGEN_OUT_DIR="/regen/out",
            REGEN_RESULT_DIR="/regen/result",
            PYTHONHASHSEED="0",
            TZ="UTC",
            LANG="C.UTF-8",
            LC_ALL="C.UTF-8",
            SOURCE_DATE_EPOCH="0",
            HOME="/tmp",
            TMPDIR="/tmp",
            REGEN_TMP_DIR="/tmp",
        ),
        volumeMounts=[
            mount("in", "/regen/in", read_only=True),
            mount("out", "/regen/out"),
            mount("result", "/regen/result"),
            mount("tmp-execute", "/tmp"),
        ],
        resources={
            "requests": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "4Gi"},
            "limits": {"memory": "512Mi", "ephemeral-storage": "4Gi"},
        },
    )
    publish = container(
        "publish",
        env=[
            *env(REGEN_JOB_ID="cm1a"),
            DATABASE,
            *env(
                REGEN_OUTPUT_URL="s3://regen/outputs",
                REGEN_REPRODUCIBLE="true",
                REGEN_MAX_OUTPUT_BYTES="1073741824",
                REGEN_ACTIVE_DEADLINE_SECONDS="660",
                REGEN_GRACE_SECONDS="30",
                REGEN_IN_DIR="/regen/in",
                REGEN_OUT_DIR="/regen/out",
                REGEN_RESULT_DIR="/regen/result",
                REGEN_TRUST_DIR="/regen/trust",
                REGEN_BUILDER_ID="https://regeneration.dev/provenance/builder/v1",
                REGEN_IMAGE="runner:1",
                TMPDIR="/tmp",
                REGEN_TMP_DIR="/tmp",
            ),
        ],
        envFrom=[{"secretRef": {"name": "store"}}],
        volumeMounts=[
            mount("in", "/regen/in", read_only=True),
            mount("out", "/regen/out", read_only=True),
            mount("result", "/regen/result", read_only=True),
            mount("trust", "/regen/trust", read_only=True),
            mount("tmp-publish", "/tmp"),
        ],
        resources=TRUSTED_RESOURCES,
    )
    sizes = {
        "in": "1Gi",
        "out": "1Gi",
        "result": "16Mi",
        "trust": "1Mi",
        "tmp-prepare": "256Mi",
        "tmp-execute": "1Gi",
        "tmp-publish": "256Mi",
    }
    built = build()
    spec_hash = built["metadata"]["annotations"].pop("regeneration.dev/spec-hash")
    assert len(spec_hash) == 64
    assert built == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "regen-cm1a",
            "namespace": "regen-runs",
            "labels": LABELS,
            "annotations": {"regeneration.dev/job-id": "cm1a"},
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "activeDeadlineSeconds": 660,
            "ttlSecondsAfterFinished": 600,
            "template": {
                "metadata": {"labels": LABELS, "annotations": {"regeneration.dev/job-id": "cm1a"}},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": "regen-runner",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "runAsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "tolerations": TOLERATIONS,
                    "volumes": [{"name": name, "emptyDir": {"sizeLimit": size}} for name, size in sizes.items()],
                    "initContainers": [prepare, execute],
                    "containers": [publish],
                },
            },
        },
    }


def test_the_executor_sees_no_secret() -> None:
    execute = build()["spec"]["template"]["spec"]["initContainers"][1]
    assert "envFrom" not in execute
    assert [entry for entry in execute["env"] if "valueFrom" in entry] == []
    assert "trust" not in {entry["name"] for entry in execute["volumeMounts"]}


def test_only_the_executor_of_a_class_with_egress_gets_its_variables_and_secrets_by_reference() -> None:
    plain = build(egress="open")["spec"]["template"]["spec"]
    spec = build(
        egress="open",
        env={"EXECUTOR_URL": "https://llm.example/v1"},
        secretEnv={"EXECUTOR_KEY": {"name": "llm", "key": "token"}},
    )["spec"]["template"]["spec"]
    added = [entry for entry in spec["initContainers"][1]["env"] if entry not in plain["initContainers"][1]["env"]]
    assert added == [
        {"name": "EXECUTOR_URL", "value": "https://llm.example/v1"},
        {"name": "EXECUTOR_KEY", "valueFrom": {"secretKeyRef": {"name": "llm", "key": "token"}}},
    ]
    assert spec["initContainers"][0] == plain["initContainers"][0]
    assert spec["containers"] == plain["containers"]


def test_the_signing_key_is_mounted_in_publish_alone() -> None:
    runner = {
        "image": "runner:1",
        "outputUrl": "s3://regen/outputs",
        "databaseSecret": {"name": "db"},
        "storeSecret": "store",
        "signingKeySecret": {"name": "provenance", "key": "ed25519"},
        "builderId": "https://example.com/builder",
    }
    given = parse_classes({"runner": runner, "classes": {"document": {"timeLimitSeconds": 60, "image": "mine:1"}}})
    built = build_job(JobOrder("a", "document", "regen-runs", 300), given, given.by_type["document"])
    spec = built["spec"]["template"]["spec"]
    assert [one for one in spec["volumes"] if "emptyDir" not in one] == [
        {
            "name": "signing-key",
            "secret": {
                "secretName": "provenance",
                "items": [{"key": "ed25519", "path": "key.pem"}],
                "defaultMode": 0o444,
            },
        }
    ]
    containers = [*spec["initContainers"], *spec["containers"]]
    mounted = [one["name"] for one in containers for entry in one["volumeMounts"] if entry["name"] == "signing-key"]
    told = [one["name"] for one in containers for entry in one["env"] if entry["name"] == "REGEN_SIGNING_KEY_FILE"]
    assert mounted == told == ["publish"]
    values = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    assert values["REGEN_SIGNING_KEY_FILE"] == "/regen/signing-key/key.pem"
    assert (values["REGEN_IMAGE"], values["REGEN_BUILDER_ID"]) == ("mine:1", "https://example.com/builder")


def test_the_same_order_gives_the_same_job() -> None:
    assert json.dumps(build()) == json.dumps(build())


@pytest.mark.parametrize("change", [{"memory": "1Gi"}, {"timeLimitSeconds": 61}, {"egress": "open"}, {"image": "other:1"}])
def test_another_class_gives_another_spec_hash(change: dict[str, Any]) -> None:
    hashes = [one["metadata"]["annotations"]["regeneration.dev/spec-hash"] for one in (build(), build(**change))]
    assert hashes[0] != hashes[1]


def test_a_class_with_egress_says_so_where_it_matters() -> None:
    spec = build(egress="open", subprocesses=True, runtimeClassName="gvisor")["spec"]["template"]["spec"]
    execute = {entry["name"]: entry["value"] for entry in spec["initContainers"][1]["env"]}
    publish = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    assert (execute["REGEN_EGRESS"], execute["REGEN_SUBPROCESSES"]) == ("open", "true")
    assert publish["REGEN_REPRODUCIBLE"] == "false"
    assert spec["runtimeClassName"] == "gvisor"


def test_where_a_pod_runs_is_the_classes_say_over_the_runners() -> None:
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    dedicated, large = {"key": "dedicated", "value": "regen"}, {"key": "size", "value": "large"}
    content = {
        "runner": {
            "image": "runner:1",
            "outputUrl": "s3://regen/outputs",
            "databaseSecret": {"name": "db"},
            "storeSecret": "store",
            "hostUsers": False,
            "priorityClassName": "batch",
            "nodeSelector": {"pool": "runs"},
            "tolerations": [dedicated],
            "topologySpreadConstraints": [spread],
        },
        "classes": {
            "document": {"timeLimitSeconds": 60},
            "export": {
                "timeLimitSeconds": 60,
                "priorityClassName": "urgent",
                "nodeSelector": {"size": "large"},
                "tolerations": [large],
            },
        },
    }
    given = parse_classes(content)
    plain, special = (
        build_job(JobOrder("a", kind, "regen-runs", 300), given, given.by_type[kind])["spec"]["template"]["spec"]
        for kind in ("document", "export")
    )
    assert plain["hostUsers"] is False
    assert plain["topologySpreadConstraints"] == [spread]
    assert (plain["priorityClassName"], special["priorityClassName"]) == ("batch", "urgent")
    assert (plain["nodeSelector"], special["nodeSelector"]) == ({"pool": "runs"}, {"pool": "runs", "size": "large"})
    assert plain["tolerations"] == [*TOLERATIONS, dedicated]
    assert special["tolerations"] == [*TOLERATIONS, dedicated, large]


def test_an_id_that_looks_like_a_reference_is_no_reference() -> None:
    """The kubelet expands $(NAME) by what a container was given before: here the store's credentials."""
    spec = build("$(AWS_SECRET_ACCESS_KEY) for 5$$")["spec"]["template"]["spec"]
    told = [
        one["value"]
        for c in [*spec["initContainers"], *spec["containers"]]
        for one in c["env"]
        if one["name"] == "REGEN_JOB_ID"
    ]
    assert told == ["$$(AWS_SECRET_ACCESS_KEY) for 5$$$$"] * 2


def test_an_id_that_is_no_label_keeps_its_exact_form_in_the_annotation() -> None:
    metadata = build("A/ß " * 40)["metadata"]
    assert metadata["annotations"]["regeneration.dev/job-id"] == "A/ß " * 40
    assert metadata["name"] == "regen-" + metadata["labels"]["regeneration.dev/job-id"]
    assert len(metadata["name"]) == 46
