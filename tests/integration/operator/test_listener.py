"""Does an insert wake the listener, is a lost connection made good, and is a pooler that swallows notifications found out?"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from regen_operator.claim import listener as listener_module
from regen_operator.claim.listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.database_fixtures import Database
    from tests.integration.operator.world import World


class Wakes:
    def __init__(self) -> None:
        self.count = 0
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()

    async def next(self) -> None:
        async with asyncio.timeout(10):
            await self.event.wait()
        self.event.clear()


@asynccontextmanager
async def listening(url: str, wakes: Wakes, *, proof_seconds: float = 5.0) -> AsyncIterator[Listener]:
    listener = Listener(url, wakes, timeout_seconds=5.0, proof_seconds=proof_seconds)
    task = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(15):
            while listener.proven is None:  # noqa: ASYNC110 - the listener has no event for its proof
                await asyncio.sleep(0.01)
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def quiet(wakes: Wakes) -> None:
    """Until the wake-ups of the connection itself, echo included, are through."""
    await asyncio.sleep(0.1)
    wakes.event.clear()


async def test_an_insert_notifies_twice(database: Database, world: World) -> None:
    wakes = Wakes()
    async with listening(database.operator_url, wakes) as listener:
        assert listener.proven is True
        await quiet(wakes)
        before = wakes.count
        await world.insert()
        while wakes.count < before + 2:  # both may have come before the insert's own answer
            await wakes.next()
        await quiet(wakes)
        assert wakes.count == before + 2, "the hit and its echo"


async def test_a_lost_connection_is_reopened_and_notifies_at_once(database: Database, world: World) -> None:
    wakes = Wakes()
    async with listening(database.operator_url, wakes):
        await quiet(wakes)
        ended = await world.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'regen-operator-listen' AND datname = %s",
            database.name,
        )
        assert len(ended) == 1
        await wakes.next()
        await quiet(wakes)
        await world.insert()
        await wakes.next()


async def relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes on everything."""
    try:
        while chunk := await source.read(65536):
            sink.write(chunk)
    except OSError:
        pass  # the other end is gone
    finally:
        sink.close()


async def relay_without_notifications(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes on every message of the server but NotificationResponse ('A')."""
    try:
        while True:
            head = await source.readexactly(5)
            body = await source.readexactly(int.from_bytes(head[1:]) - 4)
            if head[:1] != b"A":
                sink.write(head + body)
    except (OSError, asyncio.IncompleteReadError):
        pass  # the other end is gone
    finally:
        sink.close()


@pytest_asyncio.fixture
async def deaf_url(database: Database) -> AsyncIterator[str]:
    """The database behind a proxy that swallows notifications, as a transaction pooler does."""
    parts = urlsplit(database.operator_url)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(parts.hostname, parts.port)
        for work in (relay(reader, upstream_writer), relay_without_notifications(upstream_reader, writer)):
            tasks.add(asyncio.create_task(work))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    query = "sslmode=disable&gssencmode=disable"
    yield parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}", query=query).geturl()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.wait_closed()


async def test_a_connection_that_brings_no_notification_is_found_out(deaf_url: str) -> None:
    async with listening(deaf_url, Wakes(), proof_seconds=0.3) as listener:
        assert listener.proven is False


@asynccontextmanager
async def swallowing(database: Database, word: bytes) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """The database behind a proxy that drops what it hears from ``word`` on; events for that, and for the connection's end."""
    parts = urlsplit(database.operator_url)
    tasks: set[asyncio.Task[None]] = set()
    swallowed, ended = asyncio.Event(), asyncio.Event()

    async def hear(reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        deaf = False
        with suppress(OSError):
            while chunk := await reader.read(65536):
                deaf = deaf or word in chunk
                if deaf:
                    swallowed.set()
                else:
                    upstream.write(chunk)
        upstream.close()
        if deaf:
            ended.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(parts.hostname, parts.port)
        for work in (hear(reader, upstream_writer), relay(upstream_reader, writer)):
            tasks.add(asyncio.create_task(work))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    try:
        yield parts._replace(netloc=netloc, query="sslmode=disable&gssencmode=disable").geturl(), swallowed, ended
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.mark.parametrize("word", [b"LISTEN", b"pg_notify", b"SELECT 1"])
async def test_a_server_that_no_longer_answers_is_left(
    database: Database, monkeypatch: pytest.MonkeyPatch, word: bytes
) -> None:
    monkeypatch.setattr(listener_module, "SILENCE_SECONDS", 0.1)
    async with swallowing(database, word) as (url, swallowed, ended):
        listener = asyncio.create_task(Listener(url, Wakes(), timeout_seconds=1.0).run())
        try:
            async with asyncio.timeout(30):
                await swallowed.wait()
                await ended.wait()
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
