"""Fixtures: an API server to ask, a client of it, a namespace, kubectl. Each suite's conftest imports what it uses."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from kubelite.api import KubernetesAPI
from kubelite_tests.api.kube import PATIENCE, Kube, from_kubeconfig, unique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Kubectl = Callable[..., Coroutine[Any, Any, str]]
_VARIABLE = "KUBECONFIG_CONFORMANCE"


@pytest.fixture(params=["kubelite", pytest.param("real", marks=pytest.mark.cluster)])
def server(request: pytest.FixtureRequest) -> str:
    """Which API answers: ``kubelite`` or ``real``."""
    if request.param == "real" and _VARIABLE not in os.environ:
        pytest.skip(f"not proven here: {_VARIABLE} names no real cluster")
    return str(request.param)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    """Our API on a free port of loopback."""
    served = KubernetesAPI(bookmark_seconds=0.2)
    await served.start()
    yield served
    await served.stop()


@pytest_asyncio.fixture
async def ours(api: KubernetesAPI, tmp_path: Path) -> AsyncIterator[Kube]:
    """A client of our API, for what only ours has."""
    async with from_kubeconfig(api.write_kubeconfig(tmp_path / "kubeconfig")) as client:
        yield client


@pytest_asyncio.fixture
async def kubeconfig(server: str, tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of the API that is asked."""
    if server == "real":
        yield Path(os.environ[_VARIABLE])
        return
    served = KubernetesAPI(bookmark_seconds=0.2)
    await served.start()
    yield served.write_kubeconfig(tmp_path / "kubeconfig")
    await served.stop()


@pytest_asyncio.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[Kube]:
    """A client of the API that is asked."""
    async with from_kubeconfig(kubeconfig) as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube: Kube) -> AsyncIterator[str]:
    """A namespace of the test's own, with its default service account."""
    name = unique("t")
    await kube.made("/api/v1/namespaces", {"metadata": {"name": name}})
    await kube.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    yield name
    await kube.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubectl(kubeconfig: Path, namespace: str, tmp_path: Path) -> Kubectl:
    """Runs kubectl in the test's namespace; gives its standard output, or fails with its errors."""
    command = shutil.which("kubectl")
    if command is None:
        pytest.skip("not proven here: kubectl is not on PATH (Debian's package kubectl)")

    async def run(*arguments: str, stdin: Any = None, fails: bool = False) -> str:
        places = ("--kubeconfig", str(kubeconfig), "--namespace", namespace, "--cache-dir", str(tmp_path / "cache"))
        process = await asyncio.create_subprocess_exec(
            command,
            *places,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        text = b"" if stdin is None else json.dumps(stdin).encode()
        out, errors = await asyncio.wait_for(process.communicate(text), PATIENCE)
        assert (process.returncode != 0) is fails, (out + errors).decode()
        return (out + errors if fails else out).decode()

    return run
