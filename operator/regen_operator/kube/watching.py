"""Runs kopf in a thread and an event loop of its own, and passes its events on to the operator's loop.

kopf treats every task of its loop as its own and cancels them when it stops, so the operator's tasks must not run there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import kopf

from regen_core.errors import SettingsInvalid
from regen_operator.kube.handlers import kopf_settings, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_operator.kube.handlers import EventSink
    from regen_operator.settings import Settings

STOP_SECONDS: Final = 8.0
LOGIN_RETRY_SECONDS: Final = 5.0
QUEUEING: Final = logging.getLogger("kopf._core.reactor.queueing")


class LoginSource(Protocol):
    """Where kopf gets its credentials: ``KubeClient``."""

    async def connection_info(self, *, rejected: bool) -> kopf.ConnectionInfo:
        """The current credentials, or new ones if the API server rejected those."""
        ...


class ThreadsafeSink:
    """An event sink that can be called from any thread; it calls ``sink`` in ``loop``."""

    def __init__(self, sink: EventSink, loop: asyncio.AbstractEventLoop) -> None:
        self._sink = sink
        self._loop = loop

    def job_event(self, job_id: str, body: dict[str, Any], *, deleted: bool) -> None:
        """A Job that regen manages changed."""
        self._call(lambda: self._sink.job_event(job_id, body, deleted=deleted))

    def pod_event(self, job_id: str, body: dict[str, Any], *, listed: bool, deleted: bool) -> None:
        """A pod that regen manages changed, or was found by a list."""
        self._call(lambda: self._sink.pod_event(job_id, body, listed=listed, deleted=deleted))

    def custom_event(self, body: dict[str, Any], *, deleted: bool) -> None:
        """A custom resource changed."""
        self._call(lambda: self._sink.custom_event(body, deleted=deleted))

    def _call(self, deliver: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(deliver)


async def watch(sink: EventSink, settings: Settings, logins: LoginSource) -> None:
    """Watches until cancelled; raises what kopf raises."""
    stop: Future[None] = Future()
    ended: Future[None] = Future()
    loop = asyncio.get_running_loop()
    registry = kopf.OperatorRegistry()
    _register_login(registry, logins, loop)
    register(registry, ThreadsafeSink(sink, loop), settings)

    def run() -> None:
        try:
            asyncio.run(_operator(registry, settings, stop))
        except BaseException as error:  # noqa: BLE001 - raised by watch()
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=run, name="kopf", daemon=True).start()
    waiting = asyncio.wrap_future(ended)
    try:
        await asyncio.shield(waiting)
    finally:
        QUEUEING.addFilter(_is_relevant)
        if not stop.done():
            stop.set_result(None)
        await asyncio.wait([waiting], timeout=STOP_SECONDS)


async def _operator(registry: kopf.OperatorRegistry, settings: Settings, stop: Future[None]) -> None:
    asyncio.get_running_loop().set_exception_handler(_on_error)
    await kopf.operator(
        registry=registry,
        settings=kopf_settings(kopf.OperatorSettings()),
        namespaces=list(settings.watched_namespaces),
        standalone=True,
        # Else kopf asks for the user's name, and an image's numeric user has none.
        identity=cast("Any", settings.identity),
        stop_flag=stop,
    )


def _register_login(registry: kopf.OperatorRegistry, logins: LoginSource, loop: asyncio.AbstractEventLoop) -> None:
    """Lets kopf log in with the operator's credentials. kopf asks again when they expire or the API server rejects them."""
    rejected = False

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        nonlocal rejected
        asking = logins.connection_info(rejected=rejected)
        rejected = True
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, loop))
        except SettingsInvalid as error:
            raise kopf.TemporaryError(error.message, delay=LOGIN_RETRY_SECONDS) from error

    kopf.on.login(registry=registry, id="regen")(log_in)


def _is_relevant(record: logging.LogRecord) -> bool:
    """Drops kopf's list of objects with unprocessed events at a stop: events are hints, and the next leader reads every job."""
    return not record.getMessage().startswith("Unprocessed streams left")


def _on_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignores kopf's watches that cannot be closed with their loop; nothing runs in it afterwards."""
    if "asyncgen" not in context:
        loop.default_exception_handler(context)
