"""Is every Job that the operator builds admitted, and is each other shape refused by name, as a Job and as a pod?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from regen_stack.kube import path_of
from tests.e2e.admission.conftest import PREVIOUS_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.admission.conftest import Guarded

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("admission"), pytest.mark.cluster]

Json = dict[str, Any]


def job(given: Guarded, kind: str = "document", job_id: str = "admission") -> Json:
    """What the operator sends."""
    return build_job(JobOrder(job_id, kind, given.runs, 300), given.classes, given.classes.by_type[kind])


def pod(of: Json) -> Json:
    """What the Job controller makes of it."""
    template = copy.deepcopy(of["spec"]["template"])
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": of["metadata"]["name"], "uid": "u", "controller": True}
    metadata = {**template["metadata"], "generateName": f"{of['metadata']['name']}-", "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


async def try_job(given: Guarded, body: Json) -> tuple[int, str]:
    return await given.operator.try_out("POST", path_of("jobs", given.runs), body)


async def try_pod(given: Guarded, body: Json) -> tuple[int, str]:
    return await given.job_controller.try_out("POST", path_of("pods", given.runs), body)


@pytest.mark.parametrize("kind", ["document", "export"])
async def test_what_the_operator_builds_is_admitted(guarded: Guarded, kind: str) -> None:
    assert await try_job(guarded, job(guarded, kind)) == (201, "")
    assert await try_pod(guarded, pod(job(guarded, kind))) == (201, "")


async def test_an_id_that_looks_like_a_reference_is_admitted(guarded: Guarded) -> None:
    body = job(guarded, job_id="$(AWS_SECRET_ACCESS_KEY) for $$")
    assert await try_job(guarded, body) == (201, "")
    assert await try_pod(guarded, pod(body)) == (201, "")


async def test_an_upgrade_admits_the_images_of_the_release_before(guarded: Guarded) -> None:
    """A Job that was launched just before must still get its pod."""
    body = job(guarded)
    spec = body["spec"]["template"]["spec"]
    for one in [*spec["initContainers"], *spec["containers"]]:
        one["image"] = PREVIOUS_IMAGE
        for variable in one["env"]:
            if variable["name"] == "REGEN_IMAGE":
                variable["value"] = PREVIOUS_IMAGE
    assert await try_job(guarded, body) == (201, "")
    assert await try_pod(guarded, pod(body)) == (201, "")


def container(name: str) -> Callable[[Json], Json]:
    """The container of this name in a template."""

    def of(template: Json) -> Json:
        spec = template["spec"]
        return next(one for one in [*spec["initContainers"], *spec["containers"]] if one["name"] == name)

    return of


prepare, execute, publish = container("prepare"), container("execute"), container("publish")
STORE = {"secretRef": {"name": "regen-runner-store"}}
OTHER_SECRET = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "other", "key": "url"}}}


def _secret_key(name: str, key: str) -> Json:
    return {"name": "REGEN_DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _annotation(variable: str) -> Json:
    """What whoever makes the pod may have written beside it."""
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['x']"}}}


def _replace_env(of: Json, entry: Json) -> None:
    of["env"] = [entry if one["name"] == entry["name"] else one for one in of["env"]]


SHAPES: list[tuple[str, Callable[[Json], Any], str]] = [
    ("no label", lambda t: t["metadata"]["labels"].pop("app.kubernetes.io/managed-by"), "labels of a regen pod"),
    ("no job id", lambda t: t["metadata"]["labels"].pop("regeneration.dev/job-id"), "labels of a regen pod"),
    ("a type without class", lambda t: t["metadata"]["labels"].update({"regeneration.dev/type": "poem"}), "labels of a"),
    ("the host's network", lambda t: t["spec"].update(hostNetwork=True), "no namespace of the host"),
    ("the host's processes", lambda t: t["spec"].update(hostPID=True), "no namespace of the host"),
    ("the host's memory", lambda t: t["spec"].update(hostIPC=True), "no namespace of the host"),
    ("shared processes", lambda t: t["spec"].update(shareProcessNamespace=True), "no namespace of the host"),
    ("a node by name", lambda t: t["spec"].update(nodeName="node1"), "no namespace of the host"),
    ("a token", lambda t: t["spec"].update(automountServiceAccountToken=True), "runner's service account"),
    ("another account", lambda t: t["spec"].update(serviceAccountName="default"), "runner's service account"),
    ("the host's files", lambda t: t["spec"]["volumes"][0].update(emptyDir=None, hostPath={"path": "/"}), "seven emptyDir"),
    ("a secret as a volume", lambda t: t["spec"]["volumes"].append({"name": "x", "secret": {"secretName": "x"}}), "emptyDir"),
    (
        "a token as a volume",
        lambda t: t["spec"]["volumes"][0].update(
            emptyDir=None, projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}
        ),
        "seven emptyDir",
    ),
    ("a fourth container", lambda t: t["spec"]["containers"].append({**publish(t), "name": "more"}), "in this order"),
    ("execute left out", lambda t: t["spec"]["initContainers"].pop(), "in this order"),
    ("another order", lambda t: t["spec"]["initContainers"].reverse(), "in this order"),
    ("another command", lambda t: execute(t).update(command=["sh", "-c", "id"]), "run the supervisor"),
    ("the image's command", lambda t: execute(t).pop("command"), "run the supervisor"),
    ("another's command", lambda t: execute(t).update(command=["regen-runner", "publish"]), "run the supervisor"),
    ("arguments", lambda t: execute(t).update(args=["--help"]), "run the supervisor"),
    ("a working folder", lambda t: execute(t).update(workingDir="/tmp"), "run the supervisor"),
    ("another image", lambda t: prepare(t).update(image="evil:1"), "image of the type's executor class"),
    ("another class's image", lambda t: execute(t).update(image="runner-for-export:1"), "image of the type's"),
    ("a port", lambda t: publish(t).update(ports=[{"containerPort": 80}]), "no port, hook"),
    ("a hook", lambda t: publish(t).update(lifecycle={"preStop": {"exec": {"command": ["id"]}}}), "no port, hook"),
    ("a probe", lambda t: publish(t).update(livenessProbe={"exec": {"command": ["id"]}}), "no port, hook"),
    ("a sidecar", lambda t: execute(t).update(restartPolicy="Always"), "no port, hook"),
    ("a terminal", lambda t: execute(t).update(stdin=True, tty=True), "no port, hook"),
    ("another user", lambda t: t["spec"]["securityContext"].update(runAsUser=1), "expected user 65532"),
    ("another user in one", lambda t: execute(t)["securityContext"].update(runAsUser=1), "expected user 65532"),
    ("a group of files", lambda t: t["spec"]["securityContext"].update(fsGroup=1), "expected user 65532"),
    ("a root to write", lambda t: execute(t)["securityContext"].pop("readOnlyRootFilesystem"), "read-only root"),
    ("more privilege", lambda t: execute(t)["securityContext"].pop("allowPrivilegeEscalation"), "no privilege escalation"),
    ("a capability", lambda t: execute(t)["securityContext"]["capabilities"].update(add=["NET_RAW"]), "no capability"),
    ("capabilities kept", lambda t: execute(t)["securityContext"].pop("capabilities"), "no capability"),
    (
        "the nonce for execute",
        lambda t: execute(t)["volumeMounts"].append({"name": "trust", "mountPath": "/regen/trust", "readOnly": True}),
        "execute never sees",
    ),
    ("inputs to write", lambda t: execute(t)["volumeMounts"][0].pop("readOnly"), "volume mounts of a regen pod"),
    ("a part of a volume", lambda t: execute(t)["volumeMounts"][1].update(subPath="x"), "volume mounts of a regen pod"),
    ("a variable", lambda t: execute(t)["env"].append({"name": "LD_PRELOAD", "value": "x.so"}), "only the variables"),
    ("a path of modules", lambda t: prepare(t)["env"].append({"name": "PYTHONPATH", "value": "/tmp"}), "only the variables"),
    (
        "the store's secret for execute",
        lambda t: execute(t).update(envFrom=[STORE]),
        "expected execute to refer only to the secrets",
    ),
    (
        "the database for execute",
        lambda t: _replace_env(execute(t), {**_secret_key("regen-runner-database", "url"), "name": "HOME"}),
        "expected execute to refer only to the secrets",
    ),
    ("another store secret", lambda t: publish(t).update(envFrom=[{"secretRef": {"name": "other"}}]), "two secrets"),
    ("a map", lambda t: publish(t).update(envFrom=[{"configMapRef": {"name": "other"}}]), "two secrets"),
    ("another database secret", lambda t: _replace_env(publish(t), _secret_key("other", "url")), "two secrets"),
    ("another key", lambda t: _replace_env(publish(t), _secret_key("regen-runner-database", "x")), "two secrets"),
    (
        "the database under another name",
        lambda t: _replace_env(publish(t), {**_secret_key("regen-runner-database", "url"), "name": "REGEN_JOB_ID"}),
        "two secrets",
    ),
    (
        "the database's address as a value",
        lambda t: _replace_env(prepare(t), {"name": "REGEN_DATABASE_URL", "value": "postgresql://evil/x"}),
        "by reference",
    ),
    (
        "the database's address from an annotation",
        lambda t: _replace_env(prepare(t), _annotation("REGEN_DATABASE_URL")),
        "by reference to its secret",
    ),
    ("the job's id from an annotation", lambda t: _replace_env(publish(t), _annotation("REGEN_JOB_ID")), "two secrets"),
    (
        "a limit as a value of a variable",
        lambda t: _replace_env(
            publish(t), {"name": "REGEN_JOB_ID", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}
        ),
        "two secrets",
    ),
    (
        "a reference to what else is there",
        lambda t: _replace_env(publish(t), {"name": "REGEN_JOB_ID", "value": "$(AWS_SECRET_ACCESS_KEY)"}),
        "no variable to refer to another",
    ),
    (
        "such a reference behind an escape",
        lambda t: _replace_env(publish(t), {"name": "REGEN_JOB_ID", "value": "$$$(AWS_SECRET_ACCESS_KEY)"}),
        "no variable to refer to another",
    ),
    (
        "the pod's name as a value",
        lambda t: _replace_env(prepare(t), {"name": "REGEN_POD_NAME", "value": "mine"}),
        "from the pod itself",
    ),
    (
        "the pod's name from elsewhere",
        lambda t: _replace_env(
            prepare(t), {"name": "REGEN_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        ),
        "from the pod itself",
    ),
    (
        "half a sandbox",
        lambda t: _replace_env(execute(t), {"name": "REGEN_SANDBOX", "value": "best-effort"}),
        "expected execute to have the type",
    ),
    (
        "sockets",
        lambda t: _replace_env(execute(t), {"name": "REGEN_EGRESS", "value": "open"}),
        "expected execute to have the type",
    ),
    (
        "sockets said twice",
        lambda t: execute(t)["env"].append({"name": "REGEN_EGRESS", "value": "open"}),
        "expected execute to have the type",
    ),
    (
        "subprocesses",
        lambda t: _replace_env(execute(t), {"name": "REGEN_SUBPROCESSES", "value": "true"}),
        "expected execute to have the type",
    ),
    (
        "another type",
        lambda t: _replace_env(execute(t), {"name": "REGEN_JOB_TYPE", "value": "export"}),
        "expected execute to have the type",
    ),
    (
        "outputs elsewhere",
        lambda t: _replace_env(publish(t), {"name": "REGEN_OUTPUT_URL", "value": "s3://mine/x"}),
        "runner.outputUrl",
    ),
    (
        "another image in the provenance",
        lambda t: _replace_env(publish(t), {"name": "REGEN_IMAGE", "value": "other:1"}),
        "container's own image",
    ),
    (
        "another builder in the provenance",
        lambda t: _replace_env(publish(t), {"name": "REGEN_BUILDER_ID", "value": "https://example.com/other"}),
        "runner.builderId",
    ),
    (
        "a signing key where none is configured",
        lambda t: publish(t)["env"].append({"name": "REGEN_SIGNING_KEY_FILE", "value": "/tmp/key.pem"}),
        "only the variables",
    ),
]


CLASS_SHAPES: list[tuple[str, Callable[[Json], Any], str]] = [
    (
        "another value of a class's variable",
        lambda t: _replace_env(execute(t), {"name": "EXECUTOR_PRICE", "value": "6$$"}),
        "only the variables",
    ),
    (
        "the value as the kubelet would read it",
        lambda t: _replace_env(execute(t), {"name": "EXECUTOR_PRICE", "value": "5$"}),
        "only the variables",
    ),
    (
        "another key of the class's secret",
        lambda t: _replace_env(execute(t), {**_secret_key("provider", "other"), "name": "EXECUTOR_KEY"}),
        "expected execute to refer only to the secrets",
    ),
    (
        "the class's secret under another name",
        lambda t: execute(t)["env"].append({**_secret_key("provider", "token"), "name": "HTTPS_PROXY"}),
        "expected execute to refer only to the secrets",
    ),
    (
        "the class's secret for publish",
        lambda t: publish(t)["env"].append({**_secret_key("provider", "token"), "name": "EXECUTOR_KEY"}),
        "only the variables",
    ),
]
"""Of a pod whose class gives its executor variables and a secret."""


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        pytest.param(kind, *rest, id=name)
        for kind, shapes in (("document", SHAPES), ("export", CLASS_SHAPES))
        for name, *rest in shapes
    ],
)
async def test_another_shape_is_refused(guarded: Guarded, kind: str, change: Callable[[Json], Any], message: str) -> None:
    body = job(guarded, kind)
    change(body["spec"]["template"])
    for refused in (await try_job(guarded, body), await try_pod(guarded, pod(body))):
        assert refused[0] == 422, refused
        assert "ValidatingAdmissionPolicy" in refused[1]
        assert message in refused[1]


@pytest.mark.parametrize(
    "change",
    [
        {"backoffLimit": 1},
        {"parallelism": 2},
        {"completions": 2},
        {"suspend": True},
        {"podReplacementPolicy": "TerminatingOrFailed", "podFailurePolicy": None},
        {"activeDeadlineSeconds": None},
        {"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}},
        {"managedBy": "example.org/other"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_job_of_more_than_one_run_is_refused(guarded: Guarded, change: Json) -> None:
    body = job(guarded)
    body["spec"].update(change)
    status, message = await try_job(guarded, body)
    assert status == 422, message
    assert "expected a Job of one run" in message


async def test_a_container_that_is_started_again_is_refused(guarded: Guarded) -> None:
    body = job(guarded)
    del body["spec"]["podFailurePolicy"]  # with it the API server itself refuses this
    body["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    for status, message in (await try_job(guarded, body), await try_pod(guarded, pod(body))):
        assert status == 422, message
        assert "restartPolicy Never" in message


async def test_the_runtime_of_the_class_is_admitted(guarded: Guarded) -> None:
    """As a Job: of a pod the API server itself first asks whether there is such a runtime."""
    assert await try_job(guarded, job(guarded, "isolated")) == (201, "")


@pytest.mark.parametrize(("kind", "runtime"), [("document", "loose"), ("isolated", "loose"), ("isolated", None)])
async def test_another_runtime_is_refused(guarded: Guarded, kind: str, runtime: str | None) -> None:
    """As a Job, too."""
    body = job(guarded, kind)
    body["spec"]["template"]["spec"]["runtimeClassName"] = runtime
    status, message = await try_job(guarded, body)
    assert status == 422, message
    assert "expected the runtime of the type's executor class" in message


async def test_a_job_of_another_name_is_refused(guarded: Guarded) -> None:
    body = job(guarded)
    body["metadata"]["name"] = "other"
    status, message = await try_job(guarded, body)
    assert status == 422, message
    assert "expected a Job of one run" in message


async def test_a_pod_of_no_job_is_refused(guarded: Guarded) -> None:
    body = pod(job(guarded))
    body["metadata"]["ownerReferences"][0]["name"] = "other"
    status, message = await try_pod(guarded, body)
    assert status == 422, message
    assert "expected the pod of a regen Job" in message
