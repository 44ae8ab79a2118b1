"""A TCP forwarder: PostgreSQL and S3 listen on loopback alone; a real cluster's pods reach them at one of our addresses."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

_CONNECT_SECONDS = 5.0


async def forward(cleanup: AsyncExitStack, host: str, port: int) -> None:
    """Forwards ``host``:``port`` to 127.0.0.1:``port`` until ``cleanup`` ends.

    Raises:
        OSError: ``host`` is no address of this machine, or the port is taken there.
    """
    connections: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        # The server's own callback would log the cancellation of a connection as an error.
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))

    server = await asyncio.start_server(accepted, host, port)

    async def stop() -> None:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    cleanup.push_async_callback(stop)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
