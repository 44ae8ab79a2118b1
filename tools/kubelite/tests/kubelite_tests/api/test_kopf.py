"""Does kopf, which lists, watches, patches and resumes, get what it expects?"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import kopf

from kubelite_tests.api.kube import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube

Seen = asyncio.Queue[tuple[str | None, str]]


@asynccontextmanager
async def _operator(group: str, namespace: str, seen: Seen, server_timeout: int = 60) -> AsyncIterator[None]:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(settings=settings)

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.watching.server_timeout = server_timeout
        settings.watching.reconnect_backoff = 0.01

    @kopf.on.event(group, "v1", "widgets", registry=registry)
    def on_event(type: str | None, name: str, patch: kopf.Patch, **_: Any) -> None:  # noqa: A002 -- kopf's name
        seen.put_nowait((type, name))
        patch.status["phase"] = f"seen {type}"

    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        kopf.operator(
            registry=registry, namespaces=[namespace], standalone=True, stop_flag=stop, ready_flag=ready, clusterwide=False
        )
    )
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)


async def _until(seen: Seen, wanted: tuple[str | None, str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await seen.get() != wanted:
            pass


async def test_it_sees_what_was_there_what_comes_and_what_goes(
    kube: Kube, namespace: str, widgets: Widgets, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    await kube.made(widgets.path, widgets.new("old"))
    seen: Seen = asyncio.Queue()
    async with _operator(widgets.group, namespace, seen):
        await _until(seen, (None, "old"))
        await kube.made(widgets.path, widgets.new("new"))
        await _until(seen, ("ADDED", "new"))
        await kube.until(f"{widgets.path}/new", lambda found: found.get("status", {}).get("phase", "").startswith("seen"))
        await kube.delete(f"{widgets.path}/new")
        await _until(seen, ("DELETED", "new"))


async def test_it_goes_on_after_the_server_ended_its_watch(
    kube: Kube, namespace: str, widgets: Widgets, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    seen: Seen = asyncio.Queue()
    async with _operator(widgets.group, namespace, seen, server_timeout=1):
        for index in range(3):
            await asyncio.sleep(0.7)  # so that watches end between the objects: there is nothing to wait for
            await kube.made(widgets.path, widgets.new(f"w{index}"))
            await _until(seen, ("ADDED", f"w{index}"))
