"""A reverse proxy for HTTP that answers in the server's place, loses answers, and tampers with a watch.

It passes on requests byte for byte, the ``Host`` that the client signed included. What it is told holds for the requests that
a rule matches, and as often as the rule says.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Lines = AsyncIterator[bytes]

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "content-encoding"}


@dataclass(slots=True)
class Rule:
    """What happens to the next ``times`` requests of this method whose path and query hold ``path``.

    Attributes:
        status: answer this and do not ask the server; 0: ask it.
        headers: of that answer.
        body: of that answer.
        lose: ask the server, then close the connection.
        hold: seconds before the server's answer is passed on.
        cut: pass on so many bytes of the request's body, then close.
        met: how often the rule has held.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lose: bool = False
    hold: float = 0.0
    cut: int | None = None
    met: int = 0

    def matches(self, request: web.BaseRequest) -> bool:
        return self.met < self.times and request.method == self.method and self.path in request.raw_path


class HttpProxy:
    """Listens on loopback before ``port`` of loopback; an async context manager.

    Attributes:
        rules: the first that matches holds.
        watch: what is done to the lines of a watch.
        seen: method and path of the latest requests.
    """

    def __init__(self, port: int) -> None:
        self._target = f"http://127.0.0.1:{port}"
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.rules: list[Rule] = []
        self.watch: Callable[[Lines], Lines] | None = None
        self.seen: deque[str] = deque(maxlen=10_000)
        self.port = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None, connect=5), connector=aiohttp.TCPConnector(limit=0)
        )
        self._runner = web.ServerRunner(web.Server(self._handle, handler_cancellation=True), shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._session.close()
        await self._runner.cleanup()

    def add(self, method: str, path: str, **what: object) -> Rule:
        """Adds a rule and answers it."""
        rule = Rule(method, path, **what)  # type: ignore[arg-type]
        self.rules = [*(one for one in self.rules if one.met < one.times), rule]
        return rule

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.raw_path}")
        rule = next((one for one in self.rules if one.matches(request)), None)
        if rule is None:
            return await self._forward(request, await request.read())
        rule.met += 1
        if rule.status:
            await request.read()
            return web.Response(status=rule.status, headers=rule.headers, body=rule.body)
        if rule.cut is not None:
            await self._cut(request, rule.cut)
            return _hang_up(request)
        response = await self._forward(request, await request.read(), first=lambda: asyncio.sleep(rule.hold), lose=rule.lose)
        return _hang_up(request) if rule.lose else response

    async def _forward(
        self,
        request: web.BaseRequest,
        body: bytes,
        *,
        first: Callable[[], Awaitable[None]] | None = None,
        lose: bool = False,
    ) -> web.StreamResponse:
        assert self._session is not None
        url = URL(self._target + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            if first is not None:
                await first()
            if "watch=" not in request.raw_path or lose:
                content = await answer.read()
                if request.method == "HEAD":
                    kept["Content-Length"] = answer.headers.get("Content-Length", "0")
                return web.Response(status=answer.status, headers=kept, body=content)
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            lines = _lines(answer)
            with suppress(aiohttp.ClientConnectionResetError):  # the client is gone, or was killed
                async for line in self.watch(lines) if self.watch else lines:
                    await response.write(line)
            return response

    async def _cut(self, request: web.BaseRequest, size: int) -> None:
        """The server sees the beginning of a body, and then the end of the connection."""
        body = await request.read()
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(self._target).port)
        lines = [f"{request.method} {request.raw_path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "expect"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body[:size])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        del reader


async def _lines(answer: aiohttp.ClientResponse) -> Lines:
    async for line in answer.content:
        yield line


def _hang_up(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def silent(lines: Lines) -> Lines:
    """A watch that is open and never says anything."""
    async for _ in lines:
        continue
    for nothing in ():
        yield nothing


async def every_other_dropped(lines: Lines) -> Lines:
    """A watch that loses every second event."""
    number = 0
    async for line in lines:
        number += 1
        if number % 2:
            yield line


async def doubled(lines: Lines) -> Lines:
    """A watch that says everything twice."""
    async for line in lines:
        yield line
        yield line


async def reordered(lines: Lines) -> Lines:
    """A watch that says every second event before the one that came before it."""
    kept: bytes | None = None
    async for line in lines:
        if kept is None:
            kept = line
            continue
        yield line
        yield kept
        kept = None
    if kept is not None:
        yield kept
