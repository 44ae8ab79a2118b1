"""One stack for these files: PostgreSQL, S3, the embedded cluster with its node agent, and a real operator that ran jobs.

Nothing is mocked. Three objects stand in for what the chart makes and a stack has not: the ConfigMap of the classes, the runner
namespace's quota, and a pod with the operator's labels (here the operator is a process).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest_asyncio

from regen_stack.config import RUNNER_IMAGE, StackConfig
from regen_stack.stack import Stack
from tests.e2e.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPERATOR = "operator-1"


@dataclass(frozen=True, slots=True)
class OnCall:
    """The stack, a job that came out well, and one that failed."""

    stack: Stack
    world: World
    completed: str
    failed: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def on_call() -> AsyncIterator[OnCall]:
    async with Stack(
        StackConfig(operator_settings={"REGEN_METRICS_SECONDS": "0.5", "REGEN_CAP_TYPES": '{"probe_count": 0}'})
    ) as stack:
        world = World(stack)
        await world.open()
        await stack.start_operator(OPERATOR)
        completed = await world.insert("probe_noop", {"says": "all is well\n"})
        failed = await world.insert("probe_crash", {"says": "something is wrong\n"})
        await world.insert("probe_count", {})  # waits for its cap for ever
        for job_id in (completed, failed):
            await world.ended(job_id)
            await world.mirrored(job_id, (await world.row(job_id))["status"])
        _stand_ins(stack)
        yield OnCall(stack, world, completed, failed)
        await world.close()


def _stand_ins(stack: Stack) -> None:
    text = (stack.folder / "classes.yaml").read_text(encoding="utf-8")
    store, namespace = stack.api.store, stack.config.namespace
    store.create("configmaps", namespace, {"metadata": {"name": "regen-classes"}, "data": {"classes.yaml": text}})
    quota = {"metadata": {"name": "regen"}, "spec": {"hard": {"pods": "200"}}}
    store.create("resourcequotas", stack.config.runner_namespace, quota)
    container = {"name": "operator", "image": RUNNER_IMAGE, "command": ["python", "-c", "print('the operator')"]}
    labels = {"app.kubernetes.io/name": "regen", "app.kubernetes.io/component": "operator"}
    spec = {"restartPolicy": "Never", "containers": [container]}
    store.create("pods", namespace, {"metadata": {"name": "regen-operator-x", "labels": labels}, "spec": spec})
