"""The chart's admission policies alone, on a real API server, bound to namespaces of this process. Nothing is mocked.

The caller has every right there, so that what is refused is refused by a policy. The runner namespace is made without Pod
Security, which would speak first. Only ``make cluster-test`` runs this folder.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from regen_stack.config import StackConfig
from regen_stack.kube import Kube, path_of
from tests.chart.rendering import classes_of, find, objects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from regen_operator.launch.classes import Classes

JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"
SOMEBODY = "somebody@example.org"
POLICIES = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
CRD = "customresourcedefinitions"
ENFORCED_SECONDS = 30
LOOSE_GROUP = "loose.regeneration.dev"
"""The group of a definition with no rule of its own, so that the policy on custom resources is seen to speak."""
LOOSE_PATH = f"/apis/{LOOSE_GROUP}/v1alpha1/namespaces"
PREVIOUS_IMAGE = "runner-of-the-release-before:1"
VALUES: dict[str, Any] = {
    "admission": {"previousImages": [PREVIOUS_IMAGE]},
    "classes": {
        "document": {"nodeSelector": {"regeneration.dev/test": "no-such-node"}},
        "export": {
            "egress": "open",
            "subprocesses": True,
            "image": "runner-for-export:1",
            "cpuLimit": "2",
            "env": {"EXECUTOR_PRICE": "5$", "EXECUTOR_MODEL": "$(HOME) <&>"},
            "secretEnv": {"EXECUTOR_KEY": {"name": "provider", "key": "token"}},
        },
        "isolated": {"timeLimitSeconds": 60, "runtimeClassName": "strict"},
    },
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """Two namespaces that the policies guard, and one client per user."""

    namespace: str
    runs: str
    classes: Classes
    somebody: Kube
    operator: Kube
    job_controller: Kube
    objects: list[dict[str, Any]] = field(default_factory=list)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded() -> AsyncIterator[Guarded]:
    """The policies, once the API server enforces each of them."""
    config = StackConfig.from_environment()
    if config.kubeconfig is None:
        pytest.skip("not proven here: needs a real cluster")
    namespace = f"regen-admission-{os.getpid()}"
    runs = f"{namespace}-runs"
    rendered = objects({**VALUES, "runner": {"namespace": runs}}, namespace=namespace)
    async with AsyncExitStack() as cleanup:
        admin = await _opened(Kube.from_kubeconfig(config.kubeconfig), cleanup)
        operator = f"system:serviceaccount:{namespace}:regen-operator"
        users = [await _opened(admin.as_user(name), cleanup) for name in (SOMEBODY, operator, JOB_CONTROLLER)]
        for one in (namespace, runs):
            await admin.create("namespaces", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}})
            cleanup.push_async_callback(admin.delete, "namespaces", None, one)
        await admin.create("serviceaccounts", runs, find(rendered, "ServiceAccount", "regen-runner"))
        await _loose_definition(admin, rendered, cleanup)
        for one in rendered:
            if (resource := POLICIES.get(one["kind"])) is not None:
                await admin.create(resource, None, one)
                cleanup.push_async_callback(admin.delete, resource, None, one["metadata"]["name"])
        given = Guarded(namespace, runs, classes_of(rendered), *users, rendered)
        await _all_enforced(given)
        yield given


async def _opened(kube: Kube, cleanup: AsyncExitStack) -> Kube:
    await kube.open()
    cleanup.push_async_callback(kube.close)
    return kube


async def _loose_definition(admin: Kube, rendered: list[dict[str, Any]], cleanup: AsyncExitStack) -> None:
    """A definition without rules, and the policy on custom resources extended to it."""
    policy = next(
        one
        for one in rendered
        if one["kind"] == "ValidatingAdmissionPolicy" and one["metadata"]["name"].startswith("resources.")
    )
    policy["spec"]["matchConstraints"]["resourceRules"][0]["apiGroups"].append(LOOSE_GROUP)
    names = {"kind": "RegenerationJob", "listKind": "RegenerationJobList", "plural": "regenerationjobs"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    name = f"regenerationjobs.{LOOSE_GROUP}"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": LOOSE_GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    cleanup.push_async_callback(admin.delete, CRD, None, name)
    await admin.create(CRD, None, definition)
    async with asyncio.timeout(ENFORCED_SECONDS):
        while (await admin.try_out("GET", f"{LOOSE_PATH}/default/regenerationjobs"))[0] != 200:  # noqa: ASYNC110 - the server's
            await asyncio.sleep(0.2)


async def _all_enforced(given: Guarded) -> None:
    """Returns once each policy refuses something; the API server takes them up one by one, after they were made."""
    metadata = {"name": "regen-enforced"}
    resource = {"apiVersion": f"{LOOSE_GROUP}/v1alpha1", "kind": "RegenerationJob", "metadata": metadata, "spec": {}}
    container = {"name": "a", "image": "a"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}
    user = given.somebody
    await enforced("resources", lambda: user.try_out("POST", f"{LOOSE_PATH}/{given.namespace}/regenerationjobs", resource))
    await enforced("pods", lambda: user.try_out("POST", path_of("pods", given.runs), pod))
    await enforced("jobs", lambda: user.try_out("POST", path_of("jobs", given.runs), job))
    await enforced("entry", lambda: user.try_entry(given.runs, "none", "exec"))


async def enforced(policy: str, attempt: Callable[[], Awaitable[tuple[int, str]]]) -> None:
    """Returns once ``attempt`` is refused by a policy."""
    answer = (0, "")
    try:
        async with asyncio.timeout(ENFORCED_SECONDS):
            while "ValidatingAdmissionPolicy" not in (answer := await attempt())[1]:  # noqa: ASYNC110 - the server's
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"the policy {policy} is not enforced: {answer}") from None
