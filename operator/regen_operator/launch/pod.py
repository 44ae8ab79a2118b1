"""The pod template of a job's Job: three containers, their environments and mounts.

A row contributes only its id and type. The type selects an executor class; ``prepare`` fetches the instruction as a file, so
nothing in an instruction can change a pod (docs/architecture.md#isolation-of-credentials). Containers, volumes and mounts:
docs/contract.md#pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regen_core.names import CONTAINER_EXECUTE, CONTAINER_PREPARE, CONTAINER_PUBLISH

if TYPE_CHECKING:
    from regen_operator.launch.classes import ExecutorClass, Runner
    from regen_operator.launch.order import JobOrder

Json = dict[str, Any]

IN: Final = "/regen/in"
OUT: Final = "/regen/out"
RESULT: Final = "/regen/result"
TRUST: Final = "/regen/trust"
TMP: Final = "/tmp"  # noqa: S108 - an emptyDir per container
SIGNING_KEY: Final = "/regen/signing-key"
_KEY_FILE: Final = "key.pem"
UNREACHABLE_SECONDS: Final = 30
"""Toleration of the not-ready and unreachable taints: after this time the pod is evicted from a lost node."""
PROGRAM: Final = "regen-runner"


def build_pod_spec(order: JobOrder, runner: Runner, executor_class: ExecutorClass, deadline: int) -> Json:
    """The pod's spec. ``deadline`` is the Job's ``activeDeadlineSeconds``."""
    spec: Json = {
        "restartPolicy": "Never",
        "serviceAccountName": runner.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": runner.termination_grace_period_seconds,
        # One user for all three containers: they run in sequence and are separated by their mounts.
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
        # 0444: root owns the files and the pod has no fsGroup. Only publish mounts the volume.
        items = [{"key": key.key, "path": _KEY_FILE}]
        volumes.append({"name": "signing-key", "secret": {"secretName": key.name, "items": items, "defaultMode": 0o444}})
    return volumes


def _prepare(order: JobOrder, runner: Runner, executor_class: ExecutorClass, deadline: int) -> Json:
    """Trusted: takes the fence and fetches the instruction and its sources."""
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
            _value("REGEN_OUTPUT_URL", runner.output_url),
            _value("REGEN_SOURCE_PREFIXES", " ".join(runner.source_prefixes)),
            _value("REGEN_SOURCE_HOSTS", " ".join(runner.source_hosts)),
        ],
        secret=runner.source_secret or runner.store_secret,
    )


def _execute(order: JobOrder, runner: Runner, executor_class: ExecutorClass) -> Json:
    """Untrusted: no network, a fixed environment (rule R11), and only the credentials that a class with egress names."""
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
            _value("REGEN_SUBPROCESSES", _boolean(value=executor_class.subprocesses)),
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
    """Trusted: checks the outputs, writes them to the store and reports. Only publish gets the signing key."""
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
            _value("REGEN_REPRODUCIBLE", _boolean(value=executor_class.reproducible)),
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
        # Never FallbackToLogsOnError: the executor controls the log.
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
    # The kubelet expands $(NAME), which could insert the store's credentials, and replaces $$ by $.
    return {"name": name, "value": value.replace("$", "$$")}


def _boolean(*, value: bool) -> str:
    return "true" if value else "false"
