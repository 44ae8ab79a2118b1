"""Are the provider's keys kept, fetched anew when they rotate, and still there when the provider is not?"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from regen_api.auth.keyset import MAX_DOCUMENT_BYTES, Keyset, KeysUnavailable
from tests.integration.api.identity import Provider, public, rsa_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

METADATA = "/.well-known/openid-configuration"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Silent:
    """A provider that takes requests and answers them only while it ``speaks``."""

    def __init__(self) -> None:
        self.kid = "first"
        self.seen: list[str] = []
        self.asked = asyncio.Event()
        self.speaks = asyncio.Event()
        self.speaks.set()
        self.issuer = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.speaks.set()  # else whoever is still served would be waited for without end
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.seen.append(path)
        self.asked.set()
        await self.speaks.wait()
        documents = {
            METADATA: {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"},
            "/keys": {"keys": [{"kid": self.kid}]},
        }
        body = json.dumps(documents[path]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def own() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def keyset_of(issuer: str, clock: Clock) -> AsyncIterator[Keyset]:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        keyset = Keyset(client, discovery_url=issuer + METADATA, issuer=issuer, keep_seconds=300, pause_seconds=10, clock=clock)
        yield keyset
        await keyset.close()


@pytest.fixture
async def keyset(own: Provider, clock: Clock) -> AsyncIterator[Keyset]:
    async with keyset_of(own.issuer, clock) as keyset:
        yield keyset


async def ids(keyset: Keyset, key_id: str | None) -> list[str]:
    return [key["kid"] for key in await keyset.find(key_id)]


async def test_keys_are_fetched_once(keyset: Keyset, own: Provider) -> None:
    for _ in range(5):
        assert await ids(keyset, "first") == ["first"]
    assert own.seen == [METADATA, "/keys"]


async def test_a_hundred_at_once_fetch_once(keyset: Keyset, own: Provider) -> None:
    found = await asyncio.gather(*(ids(keyset, "first") for _ in range(100)))
    assert found == [["first"]] * 100
    assert own.fetches == 1


async def test_a_new_key_is_found_at_once(keyset: Keyset, own: Provider, clock: Clock) -> None:
    await keyset.find("first")
    own.keys.append(public(rsa_key(), kid="second"))
    clock.now += 11
    assert await ids(keyset, "second") == ["second"]
    assert await ids(keyset, "first") == ["first"]


async def test_keys_that_do_not_exist_do_not_make_a_storm(keyset: Keyset, own: Provider, clock: Clock) -> None:
    await keyset.find("first")
    for number in range(50):
        assert await keyset.find(f"invented-{number}") == []
    assert own.fetches == 1
    clock.now += 11
    for number in range(50):
        assert await keyset.find(f"invented-{number}") == []
    assert own.fetches == 2


async def test_a_withdrawn_key_is_forgotten(keyset: Keyset, own: Provider, clock: Clock) -> None:
    await keyset.find("first")
    own.keys = [public(rsa_key(), kid="second")]
    assert await ids(keyset, "first") == ["first"]
    clock.now += 301
    assert await ids(keyset, "second") == ["second"]
    assert await keyset.find("first") == []


async def test_a_withdrawn_key_is_not_told_after_a_night_without_requests(keyset: Keyset, own: Provider, clock: Clock) -> None:
    await keyset.find("first")
    own.keys = [public(rsa_key(), kid="second")]
    clock.now += 600
    assert await keyset.find("first") == []


async def test_nobody_waits_for_a_silent_provider_with_a_known_key(clock: Clock) -> None:
    async with Silent() as silent, keyset_of(silent.issuer, clock) as keyset:
        assert await ids(keyset, "first") == ["first"]
        silent.speaks.clear()
        silent.asked.clear()
        silent.kid = "second"
        clock.now += 301
        finding = [asyncio.create_task(ids(keyset, "first")) for _ in range(50)]
        await silent.asked.wait()
        assert all(task.done() for task in finding), "they waited for the provider"
        assert [task.result() for task in finding] == [["first"]] * 50
        silent.speaks.set()
        assert await ids(keyset, "second") == ["second"]
        assert await keyset.find("first") == []
        assert silent.seen == [METADATA, "/keys"] * 2


async def test_a_withdrawn_key_is_told_to_nobody_while_the_provider_is_asked_after_a_night(clock: Clock) -> None:
    async with Silent() as silent, keyset_of(silent.issuer, clock) as keyset:
        await keyset.find("first")
        silent.speaks.clear()
        silent.asked.clear()
        silent.kid = "second"
        clock.now += 8 * 3600
        first = asyncio.create_task(keyset.find("first"))
        await silent.asked.wait()
        second = asyncio.create_task(keyset.find("first"))
        await asyncio.sleep(0)
        silent.speaks.set()
        assert await asyncio.gather(first, second) == [[], []]
        assert silent.seen == [METADATA, "/keys"] * 2


async def test_whoever_asked_and_left_settles_nothing(clock: Clock) -> None:
    async with Silent() as silent, keyset_of(silent.issuer, clock) as keyset:
        silent.speaks.clear()
        left = asyncio.create_task(keyset.find("first"))
        await silent.asked.wait()
        left.cancel()
        await asyncio.wait([left])
        silent.speaks.set()
        assert await ids(keyset, "first") == ["first"]


BROKEN = {
    "down": (METADATA, (503, b"")),
    "keys down": ("/keys", (500, b"")),
    "no JSON": (METADATA, (200, b"<html>")),
    "no object": (METADATA, (200, b"[]")),
    "another issuer": (METADATA, (200, b'{"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"}')),
    "no keys": ("/keys", (200, b'{"keys": []}')),
    "nested without end": (METADATA, (200, b"[" * 100_000)),
    "an address that is none": (METADATA, (200, b'{"issuer": "ISSUER", "jwks_uri": "http://keys:port/"}')),
    "keys of no kind": ("/keys", (200, b'{"keys": ["x"]}')),
    "no such member": ("/keys", (200, b"{}")),
    "too large": ("/keys", (200, b" " * (MAX_DOCUMENT_BYTES + 1))),
    "a redirect": (METADATA, (302, b"")),
}


def spoil(own: Provider, what: str) -> None:
    path, (status, body) = BROKEN[what]
    own.answers[path] = (status, body.replace(b"ISSUER", own.issuer.encode()))


@pytest.mark.parametrize("what", BROKEN)
async def test_known_keys_stay_while_the_provider_is_away(keyset: Keyset, own: Provider, clock: Clock, what: str) -> None:
    await keyset.find("first")
    spoil(own, what)
    clock.now += 301
    assert await ids(keyset, "first") == ["first"]
    assert await keyset.find("second") == []
    own.answers.clear()
    own.keys = [public(rsa_key(), kid="second")]
    clock.now += 11
    assert await ids(keyset, "second") == ["second"]


@pytest.mark.parametrize("what", BROKEN)
async def test_without_a_key_nothing_can_be_told(keyset: Keyset, own: Provider, clock: Clock, what: str) -> None:
    spoil(own, what)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await keyset.find("first")
    assert own.seen.count(METADATA) == 1
    own.answers.clear()
    clock.now += 11
    assert await ids(keyset, "first") == ["first"]
