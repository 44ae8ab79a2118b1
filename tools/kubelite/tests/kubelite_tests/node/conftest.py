"""A node agent on an in-process API, one per test.

Real: the store and its rules, the Job controller, the scheduler, the kubelet, every process (``sh`` and Python one-liners),
signals, files. Not here: HTTP, images. Nothing is mocked; a test waits for the change it expects, never for a time.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from kubelite.images import ImageEnvironment
from kubelite.node import NodeAgent
from kubelite.store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kubelite.resources import Object

NAMESPACE = "default"
IMAGE = "shell:dev"
TIMEOUT = 30.0
"""Seconds that no wait takes unless something is broken."""


class Cluster:
    """The store, the agent and short ways to ask for what tests want."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ObjectStore()
        self.images = {IMAGE: ImageEnvironment(os.defpath, {"FROM_IMAGE": "yes"})}
        self.agent = self.make_agent()

    def make_agent(self, *, max_pods: int | None = None) -> NodeAgent:
        """An agent that is not started."""
        return NodeAgent(self.store, self.images, self.folder / "node", max_pods=max_pods)

    def create(self, resource: str, obj: Object) -> Object:
        return self.store.create(resource, NAMESPACE, obj)

    def job(self, name: str, *containers: Object, init: list[Object] | None = None, **spec: Any) -> Object:
        """Creates a Job; ``pod`` in ``spec`` holds further fields of the pod's spec."""
        pod = {"restartPolicy": "Never", "initContainers": init or [], "containers": list(containers), **spec.pop("pod", {})}
        template = {"metadata": spec.pop("metadata", {}), "spec": pod}
        job_spec = {"backoffLimit": 0, "podReplacementPolicy": "Failed", **spec, "template": template}
        return self.create("jobs.batch", {"metadata": {"name": name}, "spec": job_spec})

    def pods(self, job: str) -> list[Object]:
        """The pods of a Job that exist now."""
        return list(self.store.list("pods", NAMESPACE, labels=f"job-name={job}"))

    async def until(self, resource: str, holds: Callable[[Object], bool], *, labels: str = "", fields: str = "") -> Object:
        """The first object, now or later, for which ``holds`` is true."""
        async with asyncio.timeout(TIMEOUT):
            with self.store.watch(resource, NAMESPACE, labels=labels, fields=fields) as watch:
                async for event in watch:
                    if event.kind != "DELETED" and holds(event.object):
                        return event.object
        raise AssertionError

    async def until_gone(self, resource: str, name: str) -> None:
        """Returns when the object is deleted."""
        async with asyncio.timeout(TIMEOUT):
            with self.store.watch(resource, NAMESPACE, fields=f"metadata.name={name}") as watch:
                if not self.store.list(resource, NAMESPACE, fields=f"metadata.name={name}"):
                    return
                async for event in watch:
                    if event.kind == "DELETED":
                        return

    async def finished(self, job: str) -> Object:
        """The Job, once it is Complete or Failed."""
        return await self.until(
            "jobs.batch", lambda found: bool({"Complete", "Failed"} & conditions(found).keys()), fields=f"metadata.name={job}"
        )

    async def ended_pod(self, job: str) -> Object:
        """The Job's pod, once it has ended."""
        return await self.until(
            "pods", lambda pod: pod["status"].get("phase") in {"Succeeded", "Failed"}, labels=f"job-name={job}"
        )

    async def running_pod(self, job: str) -> Object:
        """The Job's pod, once all of its containers run."""
        return await self.until("pods", lambda pod: conditions(pod).get("Ready") == "True", labels=f"job-name={job}")

    async def logs(self, pod: Object, container: str = "main", *, line: str) -> str:
        """The container's log, once it has ``line``."""
        path = self.store.logs[NAMESPACE, pod["metadata"]["name"], container]
        await until(lambda: line in path.read_text().splitlines())
        return path.read_text()


def shell(script: str, name: str = "main", **fields: Any) -> Object:
    """A container that runs ``script``."""
    return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], **fields}


def python(script: str, name: str = "main", **fields: Any) -> Object:
    """A container that runs a Python ``script``; ``-S`` keeps its start short."""
    return {"name": name, "image": IMAGE, "command": [sys.executable, "-I", "-S", "-c", script], **fields}


def waits_for_ever(name: str = "main", **fields: Any) -> Object:
    """A container that says ``up`` and ends on SIGTERM only."""
    return shell("echo up; exec sleep 600", name, **fields)


def write(text: str, path: Path) -> str:
    """A shell command that appends a line to a file of the test's."""
    return f"echo {shlex.quote(text)} >> {shlex.quote(str(path))}"


def conditions(obj: Object) -> dict[str, str]:
    """Type → status of the object's conditions."""
    return {entry["type"]: entry["status"] for entry in obj.get("status", {}).get("conditions") or ()}


def condition_types(obj: Object) -> list[tuple[str, str]]:
    """(type, reason) of the conditions that hold, in their order."""
    found = obj.get("status", {}).get("conditions") or ()
    return [(entry["type"], entry["reason"]) for entry in found if entry["status"] == "True"]


def state_of(pod: Object, container: str = "main") -> Object:
    """The container's state, with its one key."""
    status = pod["status"]
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next(entry["state"] for entry in found if entry["name"] == container)


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie that nobody has reaped."""
    return any(found == pid for found, _ in _processes())


def is_alive(process_group: int) -> bool:
    """Whether any process of the group runs."""
    return any(group == process_group for _, group in _processes())


def _processes() -> Iterator[tuple[int, int]]:
    """(process id, group id) of whatever runs on this machine and is no zombie."""
    for entry in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit():
                state, _, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if state not in {"Z", "X"}:
                    yield int(entry.name), int(group)


async def until(holds: Callable[[], bool]) -> None:
    """Returns when ``holds`` is true; for what the kernel does, of which nothing else tells."""
    async with asyncio.timeout(TIMEOUT):
        while not holds():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A running node agent."""
    made = Cluster(tmp_path)
    async with made.agent:
        yield made
