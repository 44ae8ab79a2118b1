"""What a stack may be told, and the files that are made of it: the operator's classes and the images of the node agent."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass, field
from importlib.metadata import distributions, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from kubelite.images import ImageEnvironment
from kubelite.process import start_program
from regen_stack.outside import CONTEXT_VARIABLE, require_test_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubelite.process import Start

RUNNER_IMAGE: Final = "regen-runner:dev"
TEST_IMAGE: Final = "regen-test-runner:dev"
"""The runner with the test-only executors, which misbehave on purpose."""
DATABASE_SECRET: Final = "regen-runner-database"  # noqa: S105 - a name
STORE_SECRET: Final = "regen-runner-store"  # noqa: S105 - a name
SIGNING_SECRET: Final = "regen-provenance"  # noqa: S105 - a name
SIGNING_FIELD: Final = "ed25519"
SERVICE_ACCOUNT: Final = "regen-runner"
GRACE_SECONDS: Final = 5

ROOT: Final = Path(__file__).resolve().parents[3]
TEST_EXECUTORS: Final = ROOT / "tests" / "executors"

_ENTRY_POINTS: Final = "regen.executors"
_SHIPPED_LIMITS: Final = {"timeLimitSeconds": 60, "memory": "1Gi"}
_PROBE_LIMITS: Final = {
    "timeLimitSeconds": 5,
    "maxMemoryBytes": 1 << 30,
    "maxOutputBytes": 16 << 20,
}
_OPERATOR_SETTINGS: Final = {
    # short, so that failures show while somebody watches; the product's defaults are in its documentation
    "REGEN_SWEEP_SECONDS": "2",
    "REGEN_RESYNC_SECONDS": "10",
    "REGEN_PENDING_DEADLINE_SECONDS": "30",
    "REGEN_GRACE_SECONDS": str(GRACE_SECONDS),
    "REGEN_LEASE_SECONDS": "3",
    "REGEN_HEALTH_HOST": "127.0.0.1",
}


@dataclass(frozen=True, slots=True)
class StackConfig:
    """How a stack is made.

    Attributes:
        namespace: the operator's namespace.
        runner_namespace: where Jobs run.
        bucket: the bucket of outputs.
        store: where outputs go: an embedded S3 server, or a folder of the stack's.
        api_port: the Kubernetes API's port; 0 for a free one.
        max_pods: how many pods run at a time; None for no limit.
        fsync: whether PostgreSQL's commits survive a crash of the machine.
        classes: type → keys that are added to that type's executor class, or that make a new one.
        runner: keys that are added to what every pod shares.
        operator_settings: further settings of every operator, name → value.
        kubeconfig: use the cluster of its current context, and not the embedded API and node agent.
        host: with ``kubeconfig``, an address of this machine that the cluster's pods reach.
        runner_image: the image of the runner.
        test_image: the runner's with the test-only executors.
        signing_key: an Ed25519 private key (PEM) that signs the provenance; None leaves it unsigned.
        cpu: what each executor's container asks of a node.
        programs: a folder whose programs are found before the installed ones, in pods and for operators.
        start: how the programs of pods are started on the embedded node.
    """

    namespace: str = "regen"
    runner_namespace: str = "regen-runs"
    bucket: str = "regen"
    store: Literal["s3", "file"] = "s3"
    api_port: int = 0
    max_pods: int | None = None
    fsync: bool = False
    classes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runner: Mapping[str, Any] = field(default_factory=dict)
    operator_settings: Mapping[str, str] = field(default_factory=dict)
    kubeconfig: Path | None = None
    host: str = "127.0.0.1"
    runner_image: str = RUNNER_IMAGE
    test_image: str = TEST_IMAGE
    signing_key: str | None = field(default=None, repr=False)
    cpu: str = "500m"
    programs: Path | None = None
    start: Start = start_program

    @classmethod
    def from_environment(cls) -> Self:
        """The embedded cluster, or the one that ``KUBECONFIG`` names.

        Raises:
            ValueError: ``KUBECONFIG`` is set and ``REGEN_TEST_HOST`` is not, or its context is not named as a test cluster's:
                a cluster is used on purpose or not at all.
        """
        kubeconfig = os.environ.get("KUBECONFIG", "")
        if not kubeconfig:
            return cls()
        host = os.environ.get("REGEN_TEST_HOST", "")
        if not host or os.pathsep in kubeconfig:
            msg = (
                "KUBECONFIG is set: expected one file of a test cluster, and REGEN_TEST_HOST to be an address of this machine "
                "that its pods reach; unset KUBECONFIG to use the embedded cluster"
            )
            raise ValueError(msg)
        require_test_cluster(Path(kubeconfig), host, os.environ.get(CONTEXT_VARIABLE, ""))
        return cls(
            namespace="regen-test",
            runner_namespace="regen-test-runs",
            kubeconfig=Path(kubeconfig).resolve(),
            host=host,
            runner_image=os.environ.get("REGEN_TEST_RUNNER_IMAGE", RUNNER_IMAGE),
            test_image=os.environ.get("REGEN_TEST_IMAGE", TEST_IMAGE),
            # A test node may have few cores: its pods share them, and may wait for one.
            runner={"prepareBudgetSeconds": 60, "cpu": "50m"},
            cpu="50m",
            operator_settings={"REGEN_PENDING_DEADLINE_SECONDS": "300", "REGEN_CLUSTER_NAME": f"test-{os.getpid()}"},
        )

    def settings_of_operators(self) -> dict[str, str]:
        """What every operator is told that does not depend on where things listen."""
        names = {"REGEN_NAMESPACE": self.namespace, "REGEN_RUNNER_NAMESPACE": self.runner_namespace}
        return {**names, **_OPERATOR_SETTINGS, **self.operator_settings}

    def classes_file(self, output_url: str) -> dict[str, Any]:
        """The operator's classes: every executor that is installed, and the test-only ones where they exist."""
        runner = {
            "image": self.runner_image,
            "outputUrl": output_url,
            "databaseSecret": {"name": DATABASE_SECRET, "key": "url"},
            "storeSecret": STORE_SECRET,
            "serviceAccountName": SERVICE_ACCOUNT,
            "prepareBudgetSeconds": 30,
            "publishBudgetSeconds": 60,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
        }
        if self.signing_key is not None:
            runner["signingKeySecret"] = {"name": SIGNING_SECRET, "key": SIGNING_FIELD}
        classes: dict[str, dict[str, Any]] = {name: dict(_SHIPPED_LIMITS) for name in shipped_types()}
        classes |= {name: {"image": self.test_image, **_PROBE_LIMITS} for name in test_types()}
        for name, keys in self.classes.items():
            classes[name] = {**classes.get(name, _SHIPPED_LIMITS), **keys}
        classes = {name: {"cpu": self.cpu, **keys} for name, keys in classes.items()}
        return {"runner": {**runner, **self.runner}, "classes": classes}


def shipped_types() -> list[str]:
    """The types that the installed ``regen`` registers."""
    return sorted({entry.name for entry in entry_points(group=_ENTRY_POINTS) if entry.module.startswith("regen_executors.")})


def test_types() -> list[str]:
    """The types of the test-only executors; none where there are no tests."""
    found = distributions(path=[str(TEST_EXECUTORS)]) if TEST_EXECUTORS.is_dir() else ()
    return sorted({entry.name for package in found for entry in package.entry_points if entry.group == _ENTRY_POINTS})


def images(programs: Path | None = None, start: Start = start_program) -> dict[str, ImageEnvironment]:
    """What stands for the images: the programs of this Python environment, with the variables that the real images set.

    Args:
        programs: a folder whose programs are found first.
        start: how they are started.
    """
    path = os.pathsep.join((*([str(programs)] if programs else []), sysconfig.get_path("scripts"), os.defpath))
    env = {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
    found = {RUNNER_IMAGE: ImageEnvironment(path, env, start=start)}
    if TEST_EXECUTORS.is_dir():
        found[TEST_IMAGE] = ImageEnvironment(path, {**env, "PYTHONPATH": str(TEST_EXECUTORS)}, start=start)
    return found


def program(name: str, programs: Path | None = None) -> Path:
    """A console script of this Python environment, or the program of that name in ``programs`` where there is one.

    Raises:
        FileNotFoundError: it is not installed.
    """
    if programs is not None and (programs / name).exists():
        return programs / name
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        msg = f"{name}: expected the program at {path}; install regen into this environment"
        raise FileNotFoundError(msg)
    return path
