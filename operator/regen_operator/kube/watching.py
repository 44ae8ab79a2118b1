"""kopf in a thread and an event loop of its own.

It takes every task of its loop for its own and cancels them when it stops; it should not find ours there. What it hears is
handed over to our loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, cast

import kopf

from regen_operator.kube.client import login_in_pod
from regen_operator.kube.handlers import kopf_settings, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_operator.kube.handlers import Hints
    from regen_operator.settings import Settings

STOP_SECONDS: Final = 8.0
QUEUEING: Final = logging.getLogger("kopf._core.reactor.queueing")


class HandedOver:
    """Calls ``hints`` in ``loop``, from whatever thread."""

    def __init__(self, hints: Hints, loop: asyncio.AbstractEventLoop) -> None:
        self._hints = hints
        self._loop = loop

    def job_event(self, job_id: str, body: dict[str, Any], *, deleted: bool) -> None:
        """A Job of ours changed."""
        self._call(lambda: self._hints.job_event(job_id, body, deleted=deleted))

    def pod_event(self, job_id: str, body: dict[str, Any], *, listed: bool, deleted: bool) -> None:
        """A pod of ours changed, or was found by a list."""
        self._call(lambda: self._hints.pod_event(job_id, body, listed=listed, deleted=deleted))

    def custom_event(self, body: dict[str, Any], *, deleted: bool) -> None:
        """A custom resource changed."""
        self._call(lambda: self._hints.custom_event(body, deleted=deleted))

    def _call(self, told: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(told)


def _matters(record: logging.LogRecord) -> bool:
    """Not the list of objects whose events a stop leaves unheard: they were hints, and the next leader looks at every job."""
    return not record.getMessage().startswith("Unprocessed streams left")


async def watch(hints: Hints, settings: Settings) -> None:
    """Watches until cancelled; raises what kopf raises."""
    stop: Future[None] = Future()
    ended: Future[None] = Future()
    handed_over = HandedOver(hints, asyncio.get_running_loop())

    def run() -> None:
        try:
            asyncio.run(_operator(handed_over, settings, stop))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=run, name="kopf", daemon=True).start()
    waiting = asyncio.wrap_future(ended)
    try:
        await asyncio.shield(waiting)
    finally:
        QUEUEING.addFilter(_matters)
        if not stop.done():
            stop.set_result(None)
        await asyncio.wait([waiting], timeout=STOP_SECONDS)


def _on_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Says nothing of kopf's watches that resist being closed with their loop, which is the last thing that happens in it."""
    if "asyncgen" not in context:
        loop.default_exception_handler(context)


async def _operator(hints: Hints, settings: Settings, stop: Future[None]) -> None:
    asyncio.get_running_loop().set_exception_handler(_on_error)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="kubeconfig", errors=kopf.ErrorsMode.IGNORED)(_login_with_kubeconfig)
    kopf.on.login(registry=registry, id="service-account", errors=kopf.ErrorsMode.IGNORED)(_login_with_service_account)
    register(registry, hints, settings)
    await kopf.operator(
        registry=registry,
        settings=kopf_settings(kopf.OperatorSettings()),
        namespaces=list(settings.watched_namespaces),
        standalone=True,
        # Else kopf asks for the user's name, and an image's numeric user has none.
        identity=cast("Any", settings.identity),
        stop_flag=stop,
    )


def _login_with_kubeconfig(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(settings=settings)


def _login_with_service_account(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
    return None if os.environ.get("KUBECONFIG") else login_in_pod(settings)
