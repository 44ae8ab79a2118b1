"""Liveness and readiness: the age of the last good answer, not the mere existence of the process. And the metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class WatchAge:
    """Whether the watches bring what we write: an object of ours that is made must be heard of."""

    def __init__(self) -> None:
        self._waiting_since: float | None = None
        self._heard_at = float("-inf")

    def expect(self, since: float) -> None:
        """Something was made that a watch must tell of. ``since`` (monotonic) is from before it was asked for: the watch may
        tell of it before the answer comes.
        """
        if self._waiting_since is None and self._heard_at < since:
            self._waiting_since = since

    def heard(self) -> None:
        """A watch brought something."""
        self._heard_at = time.monotonic()
        self._waiting_since = None

    def age(self) -> float | None:
        """Seconds for which something has been due; 0 while nothing is."""
        return 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since


@dataclass(frozen=True, slots=True)
class Probe:
    """``age`` gives seconds since the last good answer; None before the first."""

    name: str
    age: Callable[[], float | None]


def since(moment: Callable[[], float | None]) -> Callable[[], float | None]:
    """The age of a ``time.monotonic()`` stamp that may be None yet."""

    def age() -> float | None:
        at = moment()
        return None if at is None else time.monotonic() - at

    return age


class HealthServer:
    """``/healthz`` answers 500 when an age is above ``max_age_seconds``; ``/readyz`` already at half of it.

    ``page`` gives what ``/metrics`` answers, in Prometheus' text format.
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
        """Listens; the port."""
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
        # Before the first answer the process has the same time to get one.
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
