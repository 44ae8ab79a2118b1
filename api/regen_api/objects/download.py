"""An object's bytes as they come, and never to their end unless they are the ones that the database knows (rule R4)."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from regen_api.problems import Problem
from regen_core.errors import RegenError, StoreUnavailable
from regen_store.errors import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from regen_api.objects.port import Objects, OpenObject

Result = TypeVar("Result")

CHUNK: Final = 256 * 1024
THREADS: Final = 32
"""Pieces that are read at the same time; a download holds a thread only while it reads."""

log = structlog.get_logger("regen.api.objects")


class OutputDamaged(RegenError):
    """The store's bytes are not those that were published; the answer is broken off before its end."""


class BrokenOff(RegenError):
    """The store broke off once the answer had begun: only the answer's own end can tell the caller."""


class Downloads:
    """Reads in threads of its own, each call bounded in time.

    Args:
        objects: the store.
        timeout_seconds: for opening, and for each piece.
    """

    def __init__(self, objects: Objects, timeout_seconds: float) -> None:
        self._objects = objects
        self._timeout = timeout_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    def close(self) -> None:
        """Lets the threads go; what one of them still reads is cut off."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def open(self, ref: str, size_bytes: int | None) -> OpenObject:
        """The object, of ``size_bytes`` where that is known.

        Raises:
            Problem: 502, the store does not have it, or one of another size.
            StoreUnavailable: the same call may be tried again.
        """
        found = await self.find(ref)
        if found is None:
            log.warning("an output is missing", ref=ref)
            raise _damaged("the store does not have this output")
        if size_bytes is not None and found.size_bytes != size_bytes:
            await self.leave(found)
            log.error("an output is damaged", ref=ref, expected=size_bytes, got=found.size_bytes)
            raise _damaged("the store has other bytes than were published")
        return found

    async def find(self, ref: str) -> OpenObject | None:
        """The object; None where the store has none, or none that we may read.

        Raises:
            StoreUnavailable: the same call may be tried again.
        """
        try:
            return await self._bounded(self._objects.open, ref)
        except ObjectMissing:
            return None

    async def leave(self, found: OpenObject) -> None:
        """Lets the object's connection or file go; who found it and reads no ``pieces`` of it calls this."""
        await self._bounded(found.body.close)

    async def pieces(self, ref: str, found: OpenObject, sha256: str | None) -> AsyncGenerator[bytes, None]:
        """The bytes, the last piece only once the digest of all is right.

        Raises:
            OutputDamaged: it is not.
            StoreUnavailable: the store broke off; the same call may be tried again.
        """
        digest, held, left = hashlib.sha256(), b"", found.size_bytes
        try:
            while left > 0 and (piece := await self._bounded(found.body.read, CHUNK)):
                digest.update(piece)
                left -= len(piece)
                if held:
                    yield held
                held = piece
        finally:
            await self.leave(found)
        if left != 0 or (sha256 is not None and digest.hexdigest() != sha256):
            log.error("an output is damaged", ref=ref, expected=sha256, got=digest.hexdigest())
            raise OutputDamaged("output: expected the bytes that were published", ref=ref)
        if held:
            yield held

    async def streamed(self, ref: str, found: OpenObject, sha256: str | None) -> AsyncIterator[bytes]:
        """``pieces``, as the body of an answer whose status is sent before the first one.

        Raises:
            OutputDamaged: see ``pieces``.
            BrokenOff: the store broke off.
        """
        try:
            async with aclosing(self.pieces(ref, found, sha256)) as pieces:
                async for piece in pieces:
                    yield piece
        except StoreUnavailable as error:
            raise BrokenOff(error.message, **error.detail) from error

    async def _bounded(self, call: Callable[..., Result], *arguments: object) -> Result:
        try:
            async with asyncio.timeout(self._timeout * 2):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        except TimeoutError as error:
            raise StoreUnavailable("store: expected an answer in time, got none") from error
        except OSError as error:
            raise StoreUnavailable(f"store: expected an answer, got {error.strerror or type(error).__name__}") from error


def _damaged(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_GATEWAY, "output-damaged", detail)
