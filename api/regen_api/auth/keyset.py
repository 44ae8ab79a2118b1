"""The provider's public keys: found by its discovery document, kept for a while, fetched anew when a token names another.

Sources: OpenID Connect Discovery 1.0, section 4; RFC 7517; OpenID Connect Core 1.0, section 10.1.1 (rotation).
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
import structlog

from regen_core.errors import RegenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DOCUMENT_BYTES: Final = 512 * 1024

_FAULTS: Final = (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What a provider that is away, or answers with anything at all, makes of a fetch."""

log = structlog.get_logger("regen.api.keys")


class KeysUnavailable(RegenError):
    """The provider does not answer, or not as it should, and no key is known; the same request may be tried again."""


class Keyset:
    """The keys by their id. One fetch at a time, at most one per pause however many tokens name keys that do not exist.

    Keys that are known stay in use while the provider does not answer: its outage is not ours, and nobody waits for it but
    whoever names a key that is not known. What it has withdrawn is forgotten with the first fetch that succeeds; nobody is
    told a key that was not asked after for twice ``keep_seconds``, nor while the provider is asked after that time.

    Args:
        client: with a timeout; closed by its owner, after ``close``.
        discovery_url: the provider's metadata document.
        issuer: what the document must say its issuer is (Discovery 1.0, section 4.3).
        keep_seconds: how long keys are taken as they are.
        pause_seconds: between a fetch's end and the next one at the least.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        discovery_url: str,
        issuer: str,
        keep_seconds: float,
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._discovery_url = discovery_url
        self._issuer = issuer
        self._keep = keep_seconds
        self._pause = pause_seconds
        self._clock = clock
        self._keys: dict[str | None, list[Mapping[str, Any]]] = {}
        self._fetched_at: float | None = None
        self._ended_at: float | None = None
        self._fetching = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Ends what still goes on."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait([self._background])

    async def find(self, key_id: str | None) -> list[Mapping[str, Any]]:
        """The JSON Web Keys of that id; of a token without one, every signing key.

        Raises:
            KeysUnavailable: no key is known at all, and none can be fetched now.
        """
        if not self._known(key_id) or self._is_forgotten():
            await self._refresh(key_id)
        elif self._is_stale() and not self._is_pausing() and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._refresh(key_id))
        if not self._keys:
            raise KeysUnavailable("the identity provider's keys cannot be fetched")
        return self._known(key_id)

    def _known(self, key_id: str | None) -> list[Mapping[str, Any]]:
        if key_id is None:
            return [key for keys in self._keys.values() for key in keys]
        return self._keys.get(key_id, [])

    def _is_stale(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= self._keep

    def _is_forgotten(self) -> bool:
        """Whether no fetch has ended for so long that a key may have been withdrawn long ago."""
        return self._ended_at is None or self._clock() - self._ended_at >= 2 * self._keep

    def _is_pausing(self) -> bool:
        return self._ended_at is not None and self._clock() - self._ended_at < self._pause

    async def _refresh(self, key_id: str | None) -> None:
        async with self._fetching:
            if self._is_pausing():
                return
            if not self._is_stale() and self._known(key_id):
                return  # whoever held the lock has fetched it
            try:
                self._keys = await self._fetch()
            except _FAULTS as error:
                log.warning("keys not fetched", url=self._discovery_url, error=f"{type(error).__name__}: {error}")
            else:
                self._fetched_at = self._clock()
            # Only now: whoever comes while the provider is asked waits for what it says, and a fetch cut off has said nothing.
            self._ended_at = self._clock()

    async def _fetch(self) -> dict[str | None, list[Mapping[str, Any]]]:
        metadata = await self._document(self._discovery_url)
        if metadata["issuer"] != self._issuer:
            msg = f"expected the metadata of issuer {self._issuer}, got that of {metadata['issuer']}"
            raise ValueError(msg)
        keys: dict[str | None, list[Mapping[str, Any]]] = {}
        for key in (await self._document(metadata["jwks_uri"]))["keys"]:
            if key.get("use", "sig") == "sig":
                keys.setdefault(key.get("kid"), []).append(key)
        if not keys:
            msg = "expected a signing key, got none"
            raise ValueError(msg)
        return keys

    async def _document(self, url: str) -> Any:
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    msg = f"expected at most {MAX_DOCUMENT_BYTES} bytes"
                    raise ValueError(msg)
        return json.loads(body)
