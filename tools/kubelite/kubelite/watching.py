"""``?watch=true``: a store's watch as lines of JSON over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from kubelite.answers import dump
from kubelite.errors import APIError
from kubelite.requests import flag, number

if TYPE_CHECKING:
    from kubelite.answers import Writer
    from kubelite.store import ObjectStore
    from kubelite.watches import Watch, WatchEvent

DEFAULT_SECONDS: Final = 1800
"""How long a watch lives that names no ``timeoutSeconds`` (a real server picks 30 to 60 minutes)."""


async def stream(request: web.Request, store: ObjectStore, writer: Writer, bookmark_seconds: float) -> web.StreamResponse:
    """Serves one watch until ``timeoutSeconds`` are over, the client goes, or the server stops.

    A revision that is too old is no HTTP error but an ERROR event with a 410 Status, as a real server's watch cache does.

    Raises:
        APIError: 400, 422 or 504 for parameters that cannot be followed.
    """
    initial = flag(request, "sendInitialEvents")
    if initial and request.query.get("resourceVersionMatch") != "NotOlderThan":
        message = "resourceVersionMatch: Forbidden: sendInitialEvents requires resourceVersionMatch=NotOlderThan"
        raise APIError(422, "Invalid", message)
    seconds = number(request, "timeoutSeconds") or DEFAULT_SECONDS
    where, query = writer.target, request.query
    try:
        watch = store.watch(
            where.stored.key,
            where.namespace,
            since=None if initial else query.get("resourceVersion"),
            labels=query.get("labelSelector", ""),
            fields=query.get("fieldSelector", ""),
        )
    except APIError as error:
        if error.code != 410:
            raise
        response = await _begin(request)
        await response.write(dump({"type": "ERROR", "object": error.as_status()}) + b"\n")
        await response.write_eof()
        return response
    with watch:
        response = await _begin(request)
        if initial:
            lines = [writer.event(event) for event in watch.take()]
            await response.write(b"".join([*lines, writer.bookmark(store.revision, initial_end=True)]))
        bookmarks = bookmark_seconds if flag(request, "allowWatchBookmarks") else None
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while clock() < deadline and not watch.closed:
            until = deadline if bookmarks is None else min(deadline, clock() + bookmarks)
            lines = [writer.event(event) for event in await _next(watch, until)]
            if not lines and bookmarks is not None and not watch.closed:
                # nothing is queued, so the watch has seen everything up to now
                lines = [writer.bookmark(store.revision)]
            if lines:
                await response.write(b"".join(lines))
    await response.write_eof()
    return response


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    return response


async def _next(watch: Watch, until: float) -> list[WatchEvent]:
    """The next events, or none where there are none until the loop's time ``until`` or the watch is closed."""
    try:
        async with asyncio.timeout_at(until):
            return await watch.batch()
    except TimeoutError:
        return []
