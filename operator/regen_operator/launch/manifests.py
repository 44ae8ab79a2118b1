"""Pure builders of the Kubernetes objects that we make: the Job and the Event (the custom resource: custom.py).

A row gives its id and its type, and nothing else, to a pod: the type chooses a class, the instruction travels as a file
that ``prepare`` fetches (docs/architecture.md#isolation-of-credentials). Containers, volumes and mounts: docs/contract.md#pod.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.canonical import canonical_json, sha256_hex
from regen_core.names import (
    ANNOTATION_JOB_ID,
    ANNOTATION_SPEC_HASH,
    CONTAINER_EXECUTE,
    CONTAINER_PREPARE,
    CONTAINER_PUBLISH,
    LABEL_JOB_ID,
    LABEL_MANAGED_BY,
    LABEL_TYPE,
    MANAGED_BY,
    job_name,
    label_value,
)

if TYPE_CHECKING:
    from regen_operator.launch.classes import Classes, ExecutorClass, Runner

Json = dict[str, Any]

IN: Final = "/regen/in"
OUT: Final = "/regen/out"
RESULT: Final = "/regen/result"
TRUST: Final = "/regen/trust"
TMP: Final = "/tmp"  # noqa: S108 - a volume of the container's own
SIGNING_KEY: Final = "/regen/signing-key"
_KEY_FILE: Final = "key.pem"
UNREACHABLE_SECONDS: Final = 30
PROGRAM: Final = "regen-runner"


@dataclass(frozen=True, slots=True)
class JobOrder:
    """All that a Job is made of. ``pending_seconds`` is the pending deadline, part of the Job's own."""

    job_id: str
    type: str
    namespace: str
    pending_seconds: int


def build_job(order: JobOrder, classes: Classes, executor_class: ExecutorClass) -> Json:
    """The batch/v1 Job of a job. Its spec hash is over what we send, never over what the API server made of it."""
    runner = classes.runner
    deadline = classes.active_deadline(executor_class, order.pending_seconds)
    labels = job_labels(order.job_id, order.type)
    spec: Json = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        # A pod counts as failed only once it has ended, so that no second one starts beside it.
        "podReplacementPolicy": "Failed",
        # A disrupted run is over: never Ignore, which would let a second pod follow.
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "activeDeadlineSeconds": deadline,
        "ttlSecondsAfterFinished": runner.ttl_seconds_after_finished,
        "template": {
            "metadata": {"labels": labels, "annotations": {ANNOTATION_JOB_ID: order.job_id}},
            "spec": _pod_spec(order, runner, executor_class, deadline),
        },
    }
    annotations = {ANNOTATION_JOB_ID: order.job_id, ANNOTATION_SPEC_HASH: sha256_hex(canonical_json(spec))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(order.job_id),
            "namespace": order.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
    }


def job_labels(job_id: str, job_type: str) -> dict[str, str]:
    """The labels of the Job and of its pods."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_JOB_ID: label_value(job_id), LABEL_TYPE: job_type}


def _pod_spec(order: JobOrder, runner: Runner, executor_class: ExecutorClass, deadline: int) -> Json:
    spec: Json = {
        "restartPolicy": "Never",
        "serviceAccountName": runner.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": runner.termination_grace_period_seconds,
        # One user for all three containers: they run one after the other and are separated by their mounts.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": runner.user,
            "runAsGroup": runner.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": UNREACHABLE_SECONDS,
            }
            for taint in ("not-ready", "unreachable")
        ]
        + runner.tolerations
        + executor_class.tolerations,
        "volumes": _volumes(runner, executor_class),
        "initContainers": [_prepare(order, runner, executor_class, deadline), _execute(order, runner, executor_class)],
        "containers": [_publish(order, runner, executor_class, deadline)],
    }
    optional: Json = {
        "imagePullSecrets": [{"name": name} for name in runner.image_pull_secrets],
        "priorityClassName": executor_class.priority_class_name or runner.priority_class_name,
        "runtimeClassName": executor_class.runtime_class_name,
        "nodeSelector": runner.node_selector | executor_class.node_selector,
        "topologySpreadConstraints": runner.topology_spread_constraints,
        "dnsPolicy": runner.dns_policy,
        "dnsConfig": runner.dns_config,
        "hostAliases": runner.host_aliases,
    }
    if runner.host_users is not None:
        spec["hostUsers"] = runner.host_users
    return spec | {key: value for key, value in optional.items() if value}


def _volumes(runner: Runner, executor_class: ExecutorClass) -> list[Json]:
    sizes = {
        "in": executor_class.input_size,
        "out": executor_class.output_size,
        "result": "16Mi",
        "trust": "1Mi",
        "tmp-prepare": "256Mi",
        "tmp-execute": executor_class.tmp_size,
        "tmp-publish": "256Mi",
    }
    volumes: list[Json] = [{"name": name, "emptyDir": {"sizeLimit": size}} for name, size in sizes.items()]
    if (key := runner.signing_key_secret) is not None:
        # 0444: the kubelet's files are root's, and there is no fsGroup; nothing but publish mounts the volume.
        items = [{"key": key.key, "path": _KEY_FILE}]
        volumes.append({"name": "signing-key", "secret": {"secretName": key.name, "items": items, "defaultMode": 0o444}})
    return volumes


def _prepare(order: JobOrder, runner: Runner, executor_class: ExecutorClass, deadline: int) -> Json:
    """Trusted: takes the fence, fetches the instruction and its sources."""
    return _container(
        CONTAINER_PREPARE,
        runner,
        image=executor_class.image or runner.image,
        resources=_resources(runner.cpu, None, runner.memory, executor_class.ephemeral_storage),
        mounts=[("in", IN, False), ("trust", TRUST, False), ("tmp-prepare", TMP, False)],
        env=[
            _value("REGEN_JOB_ID", order.job_id),
            _field("REGEN_POD_UID", "metadata.uid"),
            _field("REGEN_POD_NAME", "metadata.name"),
            _database_url(runner),
            _value("REGEN_ACTIVE_DEADLINE_SECONDS", str(deadline)),
            _value("REGEN_IN_DIR", IN),
            _value("REGEN_TRUST_DIR", TRUST),
        ],
        secret=runner.store_secret,
    )


def _execute(order: JobOrder, runner: Runner, executor_class: ExecutorClass) -> Json:
    """Untrusted: no network, the fixed environment of rule R11, and no credential but those that a class with egress names."""
    return _container(
        CONTAINER_EXECUTE,
        runner,
        image=executor_class.image or runner.image,
        resources=_resources(
            executor_class.cpu, executor_class.cpu_limit, executor_class.memory, executor_class.ephemeral_storage
        ),
        mounts=[("in", IN, True), ("out", OUT, False), ("result", RESULT, False), ("tmp-execute", TMP, False)],
        env=[
            _value("REGEN_JOB_TYPE", order.type),
            _value("REGEN_TIME_LIMIT_SECONDS", str(executor_class.time_limit_seconds)),
            _value("REGEN_SANDBOX", executor_class.sandbox),
            _value("REGEN_EGRESS", executor_class.egress),
            _value("REGEN_SUBPROCESSES", _truth(value=executor_class.subprocesses)),
            _value("REGEN_MAX_MEMORY_BYTES", str(executor_class.max_memory_bytes)),
            _value("REGEN_MAX_OUTPUT_BYTES", str(executor_class.max_output_bytes)),
            _value("REGEN_IN_DIR", IN),
            _value("REGEN_OUT_DIR", OUT),
            _value("REGEN_RESULT_DIR", RESULT),
            _value("PYTHONHASHSEED", "0"),
            _value("TZ", "UTC"),
            _value("LANG", "C.UTF-8"),
            _value("LC_ALL", "C.UTF-8"),
            _value("SOURCE_DATE_EPOCH", "0"),
            _value("HOME", TMP),
            *(_value(name, value) for name, value in sorted(executor_class.env.items())),
            *(_secret(name, source.name, source.key) for name, source in sorted(executor_class.secret_env.items())),
        ],
        secret=None,
    )


def _publish(order: JobOrder, runner: Runner, executor_class: ExecutorClass, deadline: int) -> Json:
    """Trusted: checks, stores, reports. The key that signs the provenance is its alone."""
    image = executor_class.image or runner.image
    signs = runner.signing_key_secret is not None
    return _container(
        CONTAINER_PUBLISH,
        runner,
        image=image,
        resources=_resources(runner.cpu, None, runner.memory, executor_class.ephemeral_storage),
        mounts=[
            ("in", IN, True),
            ("out", OUT, True),
            ("result", RESULT, True),
            ("trust", TRUST, True),
            ("tmp-publish", TMP, False),
            *([("signing-key", SIGNING_KEY, True)] if signs else []),
        ],
        env=[
            _value("REGEN_JOB_ID", order.job_id),
            _database_url(runner),
            _value("REGEN_OUTPUT_URL", runner.output_url),
            _value("REGEN_REPRODUCIBLE", _truth(value=executor_class.reproducible)),
            _value("REGEN_MAX_OUTPUT_BYTES", str(executor_class.max_output_bytes)),
            _value("REGEN_ACTIVE_DEADLINE_SECONDS", str(deadline)),
            _value("REGEN_GRACE_SECONDS", str(runner.termination_grace_period_seconds)),
            _value("REGEN_IN_DIR", IN),
            _value("REGEN_OUT_DIR", OUT),
            _value("REGEN_RESULT_DIR", RESULT),
            _value("REGEN_TRUST_DIR", TRUST),
            _value("REGEN_BUILDER_ID", runner.builder_id),
            _value("REGEN_IMAGE", image),
            *([_value("REGEN_SIGNING_KEY_FILE", f"{SIGNING_KEY}/{_KEY_FILE}")] if signs else []),
        ],
        secret=runner.store_secret,
    )


def _container(
    name: str,
    runner: Runner,
    *,
    image: str,
    resources: Json,
    mounts: list[tuple[str, str, bool]],
    env: list[Json],
    secret: str | None,
) -> Json:
    container: Json = {
        "name": name,
        "image": image,
        "imagePullPolicy": runner.image_pull_policy,
        "command": [PROGRAM, name],
        "env": [*env, _value("TMPDIR", TMP), _value("REGEN_TMP_DIR", TMP)],
        "volumeMounts": [
            {"name": volume, "mountPath": path} | ({"readOnly": True} if read_only else {})
            for volume, path, read_only in mounts
        ],
        "resources": resources,
        "terminationMessagePath": "/dev/termination-log",
        # Never from the log: an executor writes to it what it likes.
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if secret is not None:
        container["envFrom"] = [{"secretRef": {"name": secret}}]
    return container


def _resources(cpu: str, cpu_limit: str | None, memory: str, ephemeral_storage: str) -> Json:
    limits = {"memory": memory, "ephemeral-storage": ephemeral_storage} | ({"cpu": cpu_limit} if cpu_limit else {})
    return {"requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": ephemeral_storage}, "limits": limits}


def _database_url(runner: Runner) -> Json:
    return _secret("REGEN_DATABASE_URL", runner.database_secret.name, runner.database_secret.key)


def _secret(variable: str, name: str, key: str) -> Json:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _value(name: str, value: str) -> Json:
    # The kubelet replaces $(NAME) by what the container was given before, the store's credentials included, and $$ by $.
    return {"name": name, "value": value.replace("$", "$$")}


def _truth(*, value: bool) -> str:
    return "true" if value else "false"
