"""The health server: liveness and readiness by the age of the last success, and the metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class WatchAge:
    """Whether a watch works: it must report every object that this process creates."""

    def __init__(self) -> None:
        self._waiting_since: float | None = None
        self._heard_at = float("-inf")

    def expect(self, since: float) -> None:
        """An object was created that the watch must report. ``since`` (monotonic) is the time before the request: the event
        can arrive before the response.
        """
        if self._waiting_since is None and self._heard_at < since:
            self._waiting_since = since

    def heard(self) -> None:
        """The watch reported an event."""
        self._heard_at = time.monotonic()
        self._waiting_since = None

    def age(self) -> float | None:
        """Seconds for which an event has been overdue; 0 if none is expected."""
        return 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since


@dataclass(frozen=True, slots=True)
class Probe:
    """An activity. ``age`` returns the seconds since its last success; None before the first."""

    name: str
    age: Callable[[], float | None]


def since(moment: Callable[[], float | None]) -> Callable[[], float | None]:
    """The age of a ``time.monotonic()`` timestamp, which may be None."""

    def age() -> float | None:
        at = moment()
        return None if at is None else time.monotonic() - at

    return age


class HealthServer:
    """``/healthz`` returns 500 when an age exceeds ``max_age_seconds``; ``/readyz`` at half of it.

    ``page`` returns the body of ``/metrics``, in Prometheus' text format.
    """

    def __init__(
        self, probes: Sequence[Probe], page: Callable[[], Awaitable[bytes]], *, max_age_seconds: float, host: str, port: int
    ) -> None:
        self._probes = probes
        self._page = page
        self._max_age = max_age_seconds
        self._host = host
        self._port = port
        self._started = time.monotonic()
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Starts to listen. Returns the port."""
        app = web.Application()
        app.router.add_get("/healthz", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        # Before the first success, an activity counts as old as the process.
        return self._answer(self._max_age, unknown=time.monotonic() - self._started)

    async def _ready(self, _: web.Request) -> web.Response:
        return self._answer(self._max_age / 2, unknown=float("inf"))

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _answer(self, limit: float, *, unknown: float) -> web.Response:
        ages = {probe.name: probe.age() for probe in self._probes}
        red = [name for name, age in ages.items() if (unknown if age is None else age) > limit]
        body = {"ok": not red, "tooOld": red, "ageSeconds": {k: None if v is None else round(v, 1) for k, v in ages.items()}}
        return web.json_response(body, status=500 if red else 200)
