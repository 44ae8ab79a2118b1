"""A TCP proxy that behaves as networks do: slow, silent, refusing, resetting, and losing the answer to what was done.

It knows nothing of what it carries. ``lose_answer`` looks for a marker in what the client sends, passes that on, waits for
the server's answer, which says that the server is done, and closes the connection in place of passing the answer on.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

_BLOCK = 1 << 16


class Proxy:
    """Listens on loopback before ``port`` of loopback; an async context manager.

    Attributes:
        delay: seconds that every block waits, in both directions.
        refusing: new connections are reset at once.
        answers_lost: how many answers ``lose_answer`` has kept back.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._marker: bytes | None = None
        self.delay = 0.0
        self.refusing = False
        self.answers_lost = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._connections):
            _reset(writer)

    def freeze(self) -> None:
        """From now on nothing passes, and no connection ends: half-open, as behind a firewall that forgot them."""
        self._open.clear()

    def thaw(self) -> None:
        """Everything passes again."""
        self._open.set()

    def reset(self) -> None:
        """Every connection ends with RST."""
        for writer in list(self._connections):
            _reset(writer)

    def away(self) -> None:
        """The server is not there: connections end, and new ones are refused."""
        self.refusing = True
        self.reset()

    def back(self) -> None:
        """The server is there again."""
        self.refusing = False

    def lose_answer(self, marker: bytes) -> None:
        """The next time that a client sends ``marker``, the server does what it says and the answer is lost."""
        self._marker = marker

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections.add(writer)
        try:
            if self.refusing:
                return
            upstream, onward = await asyncio.open_connection("127.0.0.1", self._target)
            self._connections.add(onward)
            await _Pair(self, reader, writer, upstream, onward).run()
        except OSError:
            return
        finally:
            _reset(writer)
            self._connections.discard(writer)
            self._tasks.discard(task)

    async def pass_one(self, block: bytes, to: asyncio.StreamWriter) -> None:
        """Passes a block on, as slowly as the network is."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._open.wait()
        to.write(block)
        await to.drain()

    def takes_marker(self, sent: bytes) -> bool:
        """Whether ``sent`` holds the marker; it is found once."""
        if self._marker is None or self._marker not in sent:
            return False
        self._marker = None
        return True

    def forget(self, writer: asyncio.StreamWriter) -> None:
        """The connection to the server has ended."""
        _reset(writer)
        self._connections.discard(writer)


class _Pair:
    """One client's connection and ours to the server."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer, self._upstream, self._onward = reader, writer, upstream, onward
        self._losing = False

    async def run(self) -> None:
        ways = [asyncio.create_task(self._there()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._proxy.forget(self._onward)

    async def _there(self) -> None:
        sent = b""
        while block := await self._reader.read(_BLOCK):
            sent = sent[-_BLOCK:] + block
            if self._proxy.takes_marker(sent):
                self._losing = True
            await self._proxy.pass_one(block, self._onward)

    async def _back(self) -> None:
        while block := await self._upstream.read(_BLOCK):
            if self._losing:
                self._proxy.answers_lost += 1
                return
            await self._proxy.pass_one(block, self._writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
